"""A worker of simple agents, run by the tests as a real process: `python -m tests.runtime_worker PLAN`.

PLAN is a JSON file (`Plan`). The worker logs as every process of the project does. The part of a record's value before
its first colon names a place at which the agent fails, until a file `mended` is in the plan's folder; with `-once`
after the place it fails the first time only. A file `clock` holds the number of seconds by which the machine's wall
clock is wrong. The worker writes the clock's events to the file `clock-events`.
"""

import asyncio
import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.telemetry import configure, shutdown
from schemas.errors import Invalid
from streams.runtime import (
    Agent,
    BrokerAgrees,
    BrokerAhead,
    Origin,
    Clock,
    ClockAgrees,
    ClockStepped,
    Follower,
    LaneContext,
    LaneEvent,
    LaneGroup,
    Record,
    Turn,
    run_worker,
)
from streams.runtime.steps import AtStep, Step, ignore_step
from streams.runtime.transport.batching_thread import BatchingThread
from tests.poison_agent import Fragile, FragileState


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a worker; files in `folder` control it while it runs."""

    application: str
    bootstrap: str
    folder: str
    output: str
    #: Name, sources in order of urgency, changelog, and `count` or `effects`.
    groups: tuple[tuple[str, tuple[str, ...], str, str], ...]
    #: Shortest time that a counting lane takes for each record (seconds).
    record_seconds: float = 0.0
    #: A topic that a follower copies in the background; it fails on a value marked `follow`.
    follow: str | None = None
    instance: str | None = None
    #: The step and the count of its passings, over all lanes, at which the process kills itself; it notes that first.
    kill: tuple[Step, int] | None = None
    #: Lanes that refused and now begin where their logs do.
    accepted: tuple[str, ...] = ()
    #: Longest call into an agent (seconds).
    stuck_seconds: float = 30.0

    def says(self, name: str) -> bool:
        """Return whether a file of that name lies in the folder."""
        return (Path(self.folder) / name).exists()

    def wall(self) -> float:
        """Return the time of the machine's wall clock, in seconds since 1970."""
        file = Path(self.folder) / "clock"
        return time.time() + (float(file.read_text()) if file.exists() else 0.0)

    def hear(self, event: LaneEvent) -> None:
        """Write an event of the process's clock to the file `clock-events`."""
        if isinstance(event, ClockStepped | ClockAgrees | BrokerAhead | BrokerAgrees):
            self.note("clock-events", type(event).__name__)

    def note(self, name: str, line: str) -> None:
        """Append a line to a file of the folder."""
        with (Path(self.folder) / name).open("a") as file:
            file.write(f"{line}\n")

    def fail(self, place: str, word: str) -> None:
        """Raise an error that quotes the word, as code does that meets an unexpected value."""
        if word.startswith(f"{place}:") and not self.says("mended"):
            raise KeyError(word)
        if word.startswith(f"{place}-once:") and not self.says("raised"):
            self.note("raised", word)
            raise KeyError(word)


def _decode(plan: Plan, record: Record) -> str:
    word = (record.value or b"").decode(errors="replace")
    plan.fail("decode", word)
    if word.startswith("bad:"):
        raise Invalid.of("word", "is marked as bad")
    return word


class Count(Agent[str, None, None]):
    """Counts the records of each key, and writes for each record which lane counted it and how many there were."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def decode(self, record: Record) -> str:
        return _decode(self._plan, record)

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            key = record.key or b""
            total = int(turn.get(key) or b"0") + 1
            turn.put(key, b"%d" % total)
            said = f"{word}|{record.topic}|{record.partition}|{record.offset}|{total}|{os.getpid()}"
            turn.send(self._plan.output, key, said.encode(), origin=Origin.of(record))
            self._plan.fail("handle", word)
            self._hang_or_die(word)
        if self._plan.record_seconds:
            threading.Event().wait(self._plan.record_seconds * len(batch))
        if self._plan.says("hold"):
            self._plan.note("holding", str(os.getpid()))
            while self._plan.says("hold"):
                threading.Event().wait(0.01)

    def _hang_or_die(self, word: str) -> None:
        """Hang, in Python or in native code, or end the process as the kernel does when memory runs out."""
        if self._plan.says("mended"):
            return
        while word.startswith("hang:"):
            threading.Event().wait(0.01)
        if word.startswith("hang-native:"):
            re.fullmatch("(a+)+", 60 * "a" + "b")
        if word.startswith("die:"):
            os.kill(os.getpid(), signal.SIGKILL)


class Effects(Agent[str, bool, bool]):
    """Owes an effect for each record until it is done. Its result: could others see the record that caused it?"""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def decode(self, record: Record) -> str:
        return _decode(self._plan, record)

    unfinished = b"owed "

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        turn.start(key.removeprefix(b"owed ").decode(), origin=Origin(value or None))

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            origin = Origin.of(record)
            turn.put(b"owed " + word.encode(), origin.traceparent or b"")
            turn.send(self._plan.output, record.key, f"started|{word}".encode(), origin=origin)
            turn.start(word, origin=origin)

    async def perform(self, effect: Any) -> bool:
        self._plan.note("performed", f"{effect}|{os.getpid()}")
        visible = f"started|{effect}".encode() in await _committed(self._plan)
        while self._plan.says("closed"):  # noqa: ASYNC110 - a file sets no event
            await asyncio.sleep(0.02)
        self._plan.fail("perform", effect)
        try:
            self._plan.fail("cancelled", effect)
        except KeyError:
            # As a library may do that cancels its own work.
            raise asyncio.CancelledError from None
        return visible

    def effect_done(self, effect: Any, result: bool, turn: Turn, origin: Origin) -> None:
        turn.drop(b"owed " + effect.encode())
        turn.send(self._plan.output, effect.encode(), f"settled|{effect}|{result}".encode(), origin=origin)
        self._plan.fail("settled", effect)


class Waits(Agent[str, None, None]):
    """`wait:SECONDS` sets a timer that writes `due`; `know:DAYS` writes `new`, or `known` if it knew the key before."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def decode(self, record: Record) -> str:
        return _decode(self._plan, record)

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            key, (what, _, amount) = record.key or b"", word.partition(":")
            if what == "wait":
                turn.schedule(key, turn.now + timedelta(seconds=float(amount)))
                said = b"set"
            else:
                said = b"new" if turn.get(key) is None else b"known"
                turn.put(key, b"1", until=turn.now + timedelta(days=float(amount)))
            turn.send(self._plan.output, key, said, origin=Origin.of(record))

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        turn.send(self._plan.output, timer, b"due", origin=origin)


async def _committed(plan: Plan) -> set[bytes | None]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=plan.bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        sources = [TopicPartition(plan.output, p) for p in consumer.partitions_for_topic(plan.output) or ()]
        consumer.assign(sources)
        ends = await consumer.end_offsets(sources)
        found: set[bytes | None] = set()
        while any([await consumer.position(source) < end for source, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=50)).values():
                found.update(record.value for record in records)
        return found
    finally:
        await consumer.stop()


def _following(plan: Plan, topic: str) -> Callable[[], AbstractAsyncContextManager[None]]:
    def apply(key: bytes | None, value: bytes | None) -> None:
        plan.fail("follow", (value or b"").decode())

    @asynccontextmanager
    async def follow() -> AsyncIterator[None]:
        follower = Follower(plan.bootstrap, (topic,), apply)
        await follower.start()
        try:
            yield
        finally:
            await follower.stop()

    return follow


def _agent(kind: str, plan: Plan) -> Callable[[LaneContext], Agent[Any, Any, Any]]:
    agents: dict[str, Callable[[Plan], Agent[Any, Any, Any]]] = {
        "count": Count,
        "effects": Effects,
        "fragile": _fragile,
        "waits": Waits,
        "slots": _with_slots,
    }
    return lambda _: agents[kind](plan)


def _fragile(plan: Plan) -> Agent[Any, Any, Any]:
    state = FragileState(plan.output, may_die=True)
    state.may_end.set()
    return Fragile(state)


def _with_slots(plan: Plan) -> Agent[Any, Any, Any]:
    state = FragileState(plan.output, may_die=True, slots=asyncio.Semaphore(100))
    state.may_end.set()
    return Fragile(state)


def _let_fetches_fail(plan: Plan) -> None:
    threads: Any = BatchingThread
    fetch_records = threads._fetch_records

    async def fail_or_fetch(thread: BatchingThread, *args: Any, **kwargs: Any) -> Any:
        if plan.says("fetch-fails"):
            raise LookupError
        return await fetch_records(thread, *args, **kwargs)

    threads._fetch_records = fail_or_fetch


def _killing(plan: Plan) -> AtStep:
    if plan.kill is None:
        return ignore_step
    step, nth = plan.kill
    passed = 0

    def at_step(reached: Step, lane: str) -> None:
        nonlocal passed
        passed += reached == step
        if passed == nth:
            plan.note("killed", f"{step}|{nth}|{lane}")
            os.kill(os.getpid(), signal.SIGKILL)

    return at_step


def main(path: str) -> int:
    """Run the plan until SIGTERM."""
    plan = Plan(**json.loads(Path(path).read_bytes()))
    configure("runtime-worker")
    _let_fetches_fail(plan)
    status = run_worker(
        plan.application,
        [LaneGroup(name, tuple(sources), _agent(kind, plan), log) for name, sources, log, kind in plan.groups],
        bootstrap=plan.bootstrap,
        background=() if plan.follow is None else (_following(plan, plan.follow),),
        instance=plan.instance,
        at_step=_killing(plan),
        accepted=plan.accepted,
        stuck_seconds=plan.stuck_seconds,
        on_lane=plan.hear,
        clock=Clock(plan.wall),
    )
    shutdown()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
