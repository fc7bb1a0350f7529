"""How a process ends when it cannot be sure: at once, saying where and what class of error, never its message.

A message may hold what a person wrote (`KeyError('…')`), so only the class and the places in the code are logged;
the runtime's own errors have texts of its own making and are shown.
"""

import asyncio
import os
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

import structlog
from opentelemetry import trace

#: Exit status of a process that ended itself for its successor to carry on (sysexits.h: EX_SOFTWARE).
EXIT_BROKEN = 70
#: How long the last words may take (seconds).
_SAY_SECONDS = 2.0

_log = structlog.get_logger("confide.runtime")


class LaneBroken(Exception):
    """A lane cannot go on: positions, state or transaction do not fit. Its text names nothing of a record's content."""


class LaneRefused(LaneBroken):
    """A lane must not work: the other lanes of the process go on, and an operator has to look."""


class StateDoesNotFit(LaneRefused):
    """A lane's state and its offsets do not fit each other: going on would lose or double records."""


def describe(error: BaseException) -> dict[str, str]:
    """Return the class of an error and the places it came through, without its message unless that is ours."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "at": " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames[-6:])),
        **({"reason": str(error)} if isinstance(error, LaneBroken) else {}),
    }


def awaited_at(task: asyncio.Task[Any]) -> str:
    """Return the places in the code at which a task waits, the innermost first."""
    places: list[str] = []
    waiting: Any = task.get_coro()
    while (frame := getattr(waiting, "cr_frame", None)) is not None:
        places.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}")
        waiting = waiting.cr_await
    return " < ".join(reversed(places[-6:]))


def exit_without_cleanup() -> None:
    """End this process with status 0, with threads that do not end by themselves, once its spans are written."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush()
    os._exit(0)


def end_process(where: str, error: BaseException) -> NoReturn:
    """End this process now: its open transaction is aborted by its successor, which finds all of a turn or none."""
    said = {"where": where, **describe(error)}
    # In a thread of its own: a log that nothing reads any more would keep the process for good.
    saying = threading.Thread(target=lambda: _log.critical("process ends itself", **said), daemon=True)
    saying.start()
    saying.join(_SAY_SECONDS)
    os._exit(EXIT_BROKEN)
