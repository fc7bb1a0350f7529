"""An agent that raises at the place that a record's value names, for the tests of poison work."""

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
from streams.runtime import Agent, Origin, PutAside, Record, Turn


@dataclass
class FragileState:
    """State that all agents of one test share, and that outlives each of them."""

    output: str
    #: Places at which the agents raise for work whose name starts with `bad`.
    raises: set[str] = field(default_factory=set)
    performed: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    #: Effects end only while this is set.
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    #: Effects that may run at once; None for no limit.
    slots: asyncio.Semaphore | None = None
    #: Whether an effect starts again after its result.
    streams: bool = False
    #: Whether work may kill its process: only if that is not the process of the test.
    may_die: bool = False

    def check(self, place: str, name: str) -> None:
        """Raise for poison work: `bad…` at each place in `raises`, and `bad-PLACE…` always at that place."""
        if (place in self.raises and name.startswith("bad")) or name.startswith(f"bad-{place}"):
            raise LookupError(name)
        if self.may_die and name.startswith(f"die-{place}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.may_die and name.startswith(f"native-{place}"):
            re.fullmatch("(a+)+", 60 * "a" + "b")


class Fragile(Agent[tuple[str, str], str, str]):
    """`timer:NAME` sets a timer, `effect:NAME` starts an effect, `keep:NAME` puts an entry that ends.

    A timer is due after 50 ms, or after the milliseconds at the end of its name (`NAME@MS`). The agent writes an output
    for each step. For a name that starts with `huge` that output is too large to be written; for `huge-aside`, the
    output of `put_aside` is too large as well.
    """

    unfinished = b"owed "

    def __init__(self, state: FragileState) -> None:
        self._state = state

    def decode(self, record: Record) -> tuple[str, str]:
        kind, _, name = (record.value or b"").decode().partition(":")
        return kind, name

    def handle(self, batch: Sequence[tuple[Record, tuple[str, str]]], turn: Turn) -> None:
        for record, (kind, name) in batch:
            origin = Origin.of(record)
            self._state.check("handle", name)
            if kind == "timer":
                turn.put(b"about " + name.encode(), b"whole " + name.encode())
                after = timedelta(milliseconds=int(name.partition("@")[2] or 50))
                turn.schedule(name.encode(), turn.now + after, origin=origin)
            elif kind == "effect":
                turn.put(b"owed " + name.encode(), b"whole " + name.encode())
                turn.start(name, origin=origin)
            elif kind == "keep":
                turn.put(b"kept " + name.encode(), b"", until=turn.now)
                continue
            self._say(turn, kind, name, origin)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        name = key.removeprefix(b"owed ").decode()
        self._state.check("resume", name)
        turn.start(name, origin=Origin())

    def slot(self, effect: str) -> AbstractAsyncContextManager[None] | None:
        return None if self._state.slots is None else _held(self._state.slots)

    def starting(self, effect: str, turn: Turn, origin: Origin) -> bool:
        self._say(turn, "starting", effect, origin)
        self._state.check("starting", effect)
        return not effect.startswith("unwanted")

    async def perform(self, effect: str) -> str:
        self._state.performed.append(effect)
        await self._state.may_end.wait()
        if self._state.streams:
            # Results arrive at any moment, also during a commit.
            await asyncio.sleep(random.uniform(0.001, 0.03))
        self._state.check("perform", effect)
        return "done"

    def effect_done(self, effect: str, result: str, turn: Turn, origin: Origin) -> None:
        self._state.settled.append(effect)
        if self._state.streams:
            turn.start(effect, origin=origin)
        else:
            turn.drop(b"owed " + effect.encode())
        self._say(turn, "settled", effect, origin)
        self._state.check("settled", effect)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        self._say(turn, "due", timer.decode(), origin)
        turn.drop(b"about " + timer)
        self._state.check("due", timer.decode())

    def entry_of(self, work: bytes | str) -> bytes | None:
        return b"about " + work if isinstance(work, bytes) else b"owed " + work.encode()

    def put_aside(self, work: PutAside, turn: Turn, origin: Origin) -> None:
        name = (work.entry or b"").split(b" ", 1)[-1].decode()
        self._say(turn, f"put_aside {work.error} {(work.value or b'').decode()}", name, origin)
        self._state.check("put_aside", name)

    def _say(self, turn: Turn, what: str, name: str, origin: Origin) -> None:
        said = f"{what}|{name}".encode()
        is_huge = name.startswith("huge") and what in ("due", "settled")
        if is_huge or (name == "huge-aside" and what.startswith("put_aside")):
            said = said.ljust(MAX_VALUE_BYTES + 100_000)
        turn.send(self._state.output, name.encode(), said, origin=origin)


@asynccontextmanager
async def _held(slots: asyncio.Semaphore) -> AsyncIterator[None]:
    async with slots:
        yield
