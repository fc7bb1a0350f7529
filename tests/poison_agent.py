"""An agent that raises where a record's value says so, for the tests of poison work, and what ends its process."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from streams.runtime import Agent, Cause, PutAside, Record, Turn
from streams.runtime.batches import Batch
from tests.counting import Run
from tests.made_records import Made

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Endings:
    """Ends of the process, as a test sees them in its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException] = []
        for module in ("lanes", "effects"):
            monkeypatch.setattr(f"streams.runtime.{module}.end_process", lambda _, error: self.errors.append(error))

    @property
    def classes(self) -> list[str]:
        return [type(error).__name__ for error in self.errors]


@dataclass
class World:
    """What outlives the agents of one test."""

    output: str
    #: Places at which they raise on work whose name starts with `bad`.
    raises: set[str] = field(default_factory=set)
    performed: list[str] = field(default_factory=list)
    #: Set: an effect may end.
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    #: How many may be performed at once; None: no slot is needed.
    slots: asyncio.Semaphore | None = None

    def check(self, place: str, name: str) -> None:
        if place in self.raises and name.startswith("bad"):
            raise LookupError(name)


class Fragile(Agent[tuple[str, str], str, str]):
    """`timer:NAME` sets a timer, `effect:NAME` owes an effect, `say:NAME` says so; each says what came of it."""

    unfinished = b"owed "

    def __init__(self, world: World) -> None:
        self._world = world

    def decode(self, record: Record) -> tuple[str, str]:
        kind, _, name = (record.value or b"").decode().partition(":")
        return kind, name

    def handle(self, batch: Sequence[tuple[Record, tuple[str, str]]], turn: Turn) -> None:
        for record, (kind, name) in batch:
            cause = Cause.of(record)
            self._world.check("handle", name)
            if kind == "timer":
                turn.put(b"about " + name.encode(), b"whole " + name.encode())
                turn.schedule(name.encode(), turn.now + timedelta(milliseconds=50), cause=cause)
            elif kind == "effect":
                turn.put(b"owed " + name.encode(), b"whole " + name.encode())
                turn.start(name, cause=cause)
            self._say(turn, kind, name, cause)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        name = key.removeprefix(b"owed ").decode()
        self._world.check("resume", name)
        turn.start(name, cause=Cause())

    def slot(self, effect: str) -> AbstractAsyncContextManager[None] | None:
        return None if self._world.slots is None else _held(self._world.slots)

    def starting(self, effect: str, turn: Turn, cause: Cause) -> bool:
        self._say(turn, "starting", effect, cause)
        self._world.check("starting", effect)
        return not effect.startswith("unwanted")

    async def perform(self, effect: str) -> str:
        self._world.performed.append(effect)
        await self._world.may_end.wait()
        self._world.check("perform", effect)
        return "done"

    def settled(self, effect: str, result: str, turn: Turn, cause: Cause) -> None:
        turn.drop(b"owed " + effect.encode())
        self._say(turn, "settled", effect, cause)
        self._world.check("settled", effect)

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:
        self._say(turn, "due", timer.decode(), cause)
        turn.drop(b"about " + timer)
        self._world.check("due", timer.decode())

    def entry_of(self, work: bytes | str) -> bytes | None:
        return b"about " + work if isinstance(work, bytes) else b"owed " + work.encode()

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:
        name = (work.entry or b"").split(b" ", 1)[-1].decode()
        self._say(turn, f"put_aside {work.error} {(work.value or b'').decode()}", name, cause)
        self._world.check("put_aside", name)

    def _say(self, turn: Turn, what: str, name: str, cause: Cause) -> None:
        turn.send(self._world.output, name.encode(), f"{what}|{name}".encode(), cause=cause)


@asynccontextmanager
async def _held(slots: asyncio.Semaphore) -> AsyncIterator[None]:
    async with slots:
        yield


def batch_of(run: Run, values: Sequence[str], begin: int = 0) -> Batch:
    """Return a batch of the routine topic, one record a value, from that offset on."""
    made: list[Made] = [(b"k", value.encode(), (("traceparent", TRACE),)) for value in values]
    records = [
        Record(run.routine, 0, begin + number, 0, key, value, tuple(headers))
        for number, (key, value, headers) in enumerate(made)
    ]
    return Batch.of(run.routine, records, begin, begin + len(records))


Opens = Callable[..., Any]
