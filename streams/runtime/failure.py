"""Ends the process, and draws the runtime's error tree.

A process that cannot be sure of its state ends at once. Its successor aborts the open transaction, and so finds all of
a turn or nothing. A log entry names an error's class and its locations in the code, never its message: a message may
quote what a person wrote (`KeyError('…')`). Only the texts of `LaneBroken` are logged, because the runtime writes them.

    Exception
    ├── LaneBroken               the process ends, except for the classes below; its successor starts at the last commit
    │   ├── Undeliverable        (lane/transaction.py) Kafka refuses an output: that work is isolated and put aside
    │   └── LaneRefused          only this lane stops; the process and its other lanes go on; an operator must look
    │       ├── StateDoesNotFit      state and offsets do not fit: going on would lose or double records
    │       ├── ChangelogUnreadable  (lane/changelog.py) a record of the changelog cannot be read
    │       ├── TransactionHangs     (lane/opening.py) an open transaction hides state; the lane tries to open again
    │       ├── OpeningStalls        (lane/opening_watch.py) the opening waits for Kafka; only reported, never raised
    │       ├── KeepsRaising         (lane/poison_work.py) too much work was put aside: the agent's code is wrong
    │       └── CannotPutAside       (lane/poison_work.py) a `.rejected` topic refuses work that was put aside
    ├── TurnRaised, WorkRaised   (lane/poison_errors.py) an agent raised: the process ends once, then isolates the work
    ├── EndsProcesses            (lane/poison_errors.py) two processes ended in work on one record or item: put aside
    ├── LibraryCancelled         a library cancelled work that nobody of ours cancelled: the process ends
    ├── EffectCancelled          (lane/effects.py) a library cancelled an effect: as if the effect had raised
    ├── Hung                     (watchdog.py) raised inside a call into an agent that lasts too long
    └── Invalid                  (schemas/errors.py) one record is rejected, the rest of its batch goes on
        ├── Unreadable               (schemas/errors.py) the record or its batch cannot be read
        └── PoisonRecord             (lane/poison_errors.py) the agent raises on the record, also when it is alone

The class shows what helps: the first four kinds of `LaneRefused` need Kafka or an operator, `KeepsRaising` needs new
code, `CannotPutAside` other settings of the topic. A name says what is wrong, and has no suffix `Error`. The one
exception is `InvalidRecordError` (lane/transaction.py), which joins aiokafka's own table of errors.
"""

import asyncio
import os
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import structlog
from opentelemetry import trace

#: Exit status of a process that ended itself, so that its successor goes on (sysexits.h: EX_SOFTWARE).
EXIT_BROKEN = 70
#: Longest time that the last log entry may take (seconds).
_LOG_SECONDS = 2.0

_log = structlog.get_logger("confide.runtime")


class LaneBroken(Exception):
    """A lane cannot go on: positions, state or transaction do not fit. Its text never quotes a record.

    It ends the process. For its subclasses, the tree above says what happens instead.
    """


class LaneRefused(LaneBroken):
    """A lane must not work. Only this lane stops: the process and its other lanes go on. An operator must look."""


class StateDoesNotFit(LaneRefused):
    """A lane's state and its offsets do not fit each other: going on would lose or double records."""


class LibraryCancelled(Exception):
    """A library cancelled what a task awaited; nobody cancelled the task."""


def describe(error: BaseException) -> dict[str, str]:
    """Return the class of an error and its locations in the code; its message only if it is a `LaneBroken`."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "at": " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-6:])),
        **({"reason": str(error)} if isinstance(error, LaneBroken) else {}),
    }


def awaited_at(task: asyncio.Task[Any]) -> str:
    """Return the locations in the code at which a task waits, the innermost first."""
    locations: list[str] = []
    waiting: Any = task.get_coro()
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        locations.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}")
        waiting = waiting.cr_await
    return " < ".join(reversed(locations[-6:]))


@contextmanager
def cancellation_as_error() -> Iterator[None]:
    """Raise `LibraryCancelled` for a `CancelledError` that no code of ours caused.

    aiokafka cancels a future that we await if a connection is lost at the wrong moment. A task that lets the
    `CancelledError` pass ends, and nothing reports it.
    """
    try:
        yield
    except asyncio.CancelledError as cancelled:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise LibraryCancelled().with_traceback(cancelled.__traceback__) from None


def exit_without_cleanup() -> None:
    """Write the spans of this process, then end it with status 0, although some of its threads still run."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush()
    os._exit(0)


def end_process(where: str, error: BaseException) -> NoReturn:
    """End this process now. Its successor aborts its open transaction, and so finds all of a turn or nothing."""
    fields = {"where": where, **describe(error)}
    # In a thread of its own: a log that has no reader any more would block, and keep the process for ever.
    logging = threading.Thread(target=lambda: _log.critical("process ends itself", **fields), daemon=True)
    logging.start()
    logging.join(_LOG_SECONDS)
    os._exit(EXIT_BROKEN)
