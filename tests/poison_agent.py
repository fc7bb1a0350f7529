"""An agent that raises where a record's value says so, for the tests of poison work."""

import asyncio
import os
import random
import re
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from schemas.topics import MAX_VALUE_BYTES
from streams.runtime import Agent, Cause, PutAside, Record, Turn


@dataclass
class World:
    """What outlives the agents of one test."""

    output: str
    #: Places at which they raise on work whose name starts with `bad`.
    raises: set[str] = field(default_factory=set)
    performed: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    #: Set: an effect may end.
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    #: How many may be performed at once; None: no slot is needed.
    slots: asyncio.Semaphore | None = None
    #: An effect that settles starts again.
    streams: bool = False
    #: Work may end its process without a word: the process is not the test's own.
    may_die: bool = False

    def check(self, place: str, name: str) -> None:
        """Raise where work of this name is poison: `bad…` at any place of `raises`, `bad-PLACE…` at that one always."""
        if (place in self.raises and name.startswith("bad")) or name.startswith(f"bad-{place}"):
            raise LookupError(name)
        if self.may_die and name.startswith(f"die-{place}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.may_die and name.startswith(f"native-{place}"):
            re.fullmatch("(a+)+", 60 * "a" + "b")


class Fragile(Agent[tuple[str, str], str, str]):
    """`timer:NAME` sets a timer, `effect:NAME` owes an effect, `keep:NAME` an entry that ends, `say:NAME` nothing.

    A timer is due after 50 ms, or after as many as its name ends with (`NAME@MS`). Each says what came of it; where its
    name starts with `huge`, in more bytes than can be written; `huge-aside` is handed over in as many.
    """

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
                after = timedelta(milliseconds=int(name.partition("@")[2] or 50))
                turn.schedule(name.encode(), turn.now + after, cause=cause)
            elif kind == "effect":
                turn.put(b"owed " + name.encode(), b"whole " + name.encode())
                turn.start(name, cause=cause)
            elif kind == "keep":
                turn.put(b"kept " + name.encode(), b"", until=turn.now)
                continue
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
        if self._world.streams:
            # Results come at every moment, during every commit too.
            await asyncio.sleep(random.uniform(0.001, 0.03))
        self._world.check("perform", effect)
        return "done"

    def effect_done(self, effect: str, result: str, turn: Turn, cause: Cause) -> None:
        self._world.settled.append(effect)
        if self._world.streams:
            turn.start(effect, cause=cause)
        else:
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
        said = f"{what}|{name}".encode()
        is_huge = name.startswith("huge") and what in ("due", "settled")
        if is_huge or (name == "huge-aside" and what.startswith("put_aside")):
            said = said.ljust(MAX_VALUE_BYTES + 100_000)
        turn.send(self._world.output, name.encode(), said, cause=cause)


@asynccontextmanager
async def _held(slots: asyncio.Semaphore) -> AsyncIterator[None]:
    async with slots:
        yield
