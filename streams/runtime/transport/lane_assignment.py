"""Faust's own extension points, filled: lanes at a rebalance, no commits of Faust's.

Why lanes on Faust: see decision 0010. What is overridden here belongs to Faust 0.15.3 with aiokafka 0.14.0 and is
pinned to them. The fault behind each override: see decision 0027.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from faust.transport.consumer import TransactionManager
from faust.transport.drivers.aiokafka import Consumer, Transport

from streams.runtime.clock import Clock
from streams.runtime.failure import awaited_at, end_process
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneGroup, LaneHost
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.lane_events import LaneEvent, unheard
from streams.runtime.lane.timer_gate import FetchProgress
from streams.runtime.lane.urgency import UrgencyGate
from streams.runtime.steps import AtStep, unwatched
from streams.runtime.transport.batching_thread import BatchingThread
from streams.runtime.watchdog import Watchdog

#: How long the background may take to start before the log says where it waits (seconds).
_BACKGROUND_SECONDS = 45.0

_log = structlog.get_logger("confide.runtime")

Background = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a process of lanes is made of."""

    application: str
    groups: tuple[LaneGroup, ...]
    bootstrap: str
    background: tuple[Background, ...]
    opened: Callable[[], None]
    at_step: AtStep = unwatched
    #: LaneAssignment (`group-partition`) that begin where their logs do although state and offsets do not fit.
    accepted: frozenset[str] = frozenset()
    watchdog: Watchdog = field(default_factory=Watchdog)
    on_lane: Callable[[LaneEvent], None] = unheard
    clock: Clock = field(default_factory=Clock)


class NoCommitConsumer(Consumer):
    """Reads and never commits: the lanes' transactions do."""

    def _new_consumer_thread(self) -> BatchingThread:
        return BatchingThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def lanes(self) -> "LaneAssignment":
        """The lanes of this process."""
        return cast("LaneAssignment", self.transactions)

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:  # noqa: ARG002 - Faust's signature
        # Offsets between batches are no gaps: a batch has one offset of many.
        return None

    def _new_offset(self, tp: Any) -> None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()


class LaneAssignment(TransactionManager):
    """Opens lanes when partitions arrive and closes them when they leave, without holding up the rebalance."""

    wiring: Wiring

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._group_of = {topic: group for group in self.wiring.groups for topic in group.sources}
        #: Sources of the lanes whose timers follow topics.
        self.followed = {topic for group in self.wiring.groups if group.timers_follow for topic in group.sources}
        wiring = self.wiring
        self._host = LaneHost(
            wiring.application,
            wiring.bootstrap,
            UrgencyGate(),
            wiring.watchdog,
            at_step=wiring.at_step,
            accepted=wiring.accepted,
            groups=tuple(group.name for group in wiring.groups),
            on_lane=wiring.on_lane,
            clock=wiring.clock,
        )
        self._background: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._closed = False
        #: LaneAssignment that finish their turns in flight because the process stops.
        self._leaving: tuple[Lane, ...] = ()
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()

    def enqueue(self, batch: Batch, partition: int) -> None:
        """Hand a batch to its lane; one that is no longer here is read again by the lane's new owner."""
        lane = self._lanes.get((self._group_of[batch.topic].name, partition))
        if lane is not None:
            lane.enqueue(batch)

    def is_full(self, topic: str, partition: int) -> bool:
        """Return whether this topic's queue in its lane has enough."""
        lane = self._lanes.get((self._group_of[topic].name, partition))
        return lane is not None and lane.is_full(topic)

    def note_end(self, topic: str, partition: int, end: int | None) -> None:
        """Take note of where a source ends, for the lane's figures; None where no fetch has told."""
        if end is not None and (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.note_end(topic, end)

    def note_fetch(self, topic: str, partition: int, progress: FetchProgress) -> None:
        """Note how far a source was fetched, for the timers of its lane."""
        if (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.note_fetch(topic, progress)

    def note_out_of_range(self, topic: str, partition: int, position: int) -> None:
        """Have the lane of a source look why Kafka has no record at a position of its own."""
        if (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.note_out_of_range(topic, position)

    def takes_seek(self, topic: str, partition: int) -> bool:
        """Return, once, whether the fetch of a source is to begin anew where the group's offset is now."""
        lane = self._lanes.get((self._group_of[topic].name, partition))
        if lane is None or topic not in lane.to_seek:
            return False
        lane.to_seek.discard(topic)
        return True

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - Faust's signature
        """Hold every lane: its turn in flight is finished before the group can give it to another member."""
        await asyncio.gather(*(lane.pause() for lane in (*self._lanes.values(), *self._leaving)))

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any) -> None:  # noqa: ARG002 - Faust's
        """Register and close lanes; heartbeats stop while this runs, so opening has a task of its own."""
        if self._closed:
            return
        if self._background is None:
            self._background = asyncio.create_task(self._run_background())
            self._watching = asyncio.create_task(self._watch_background(self._background))
        wanted = {(self._group_of[tp.topic], tp.partition) for tp in assigned if tp.topic in self._group_of}
        keys = {(group.name, partition) for group, partition in wanted}
        leaving = [self._lanes.pop(key) for key in self._lanes.keys() - keys]
        await asyncio.gather(*(lane.close() for lane in leaving))
        for lane in self._lanes.values():
            lane.resume()
        for group, partition in sorted(wanted, key=lambda lane: (lane[0].name, lane[1])):
            if (group.name, partition) not in self._lanes:
                lane = Lane(group, partition, self._host)
                self._lanes[group.name, partition] = lane
                lane.start(self._ready)
        # Until the first announcement: lanes that moved on meanwhile are not waited for.
        if self._announcing is None or not self._announcing.done():
            if self._announcing is not None:
                self._announcing.cancel()
            self._announcing = asyncio.create_task(self._announce(list(self._lanes.values())))

    async def on_stop(self) -> None:
        """Close, where that was not done already."""
        await self.close()

    async def close(self) -> None:
        """Finish the turns in flight and stop what ran beside the lanes; no lane opens afterwards."""
        self._closed = True
        self._leaving = (*self._leaving, *self._lanes.values())
        self._lanes = {}
        # A rebalance at this time waits for them too.
        await asyncio.gather(*(lane.close() for lane in self._leaving))
        self._stopping.set()
        for task in (self._announcing, self._watching):
            if task is not None:
                task.cancel()
        if self._background is not None:
            if not self._ready.is_set():
                self._background.cancel()
            await asyncio.wait([self._background])

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Do nothing: the lanes commit offsets in transactions of their own (decision 0014)."""
        return True

    async def _announce(self, lanes: Sequence[Lane]) -> None:
        await self._ready.wait()
        for lane in lanes:
            await lane.resolved.wait()
        self.wiring.opened()

    async def _watch_background(self, background: asyncio.Task[None]) -> None:
        """Say where the background waits, for as long as the lanes cannot open because of it."""
        while True:
            try:
                async with asyncio.timeout(_BACKGROUND_SECONDS):
                    await self._ready.wait()
                return
            except TimeoutError:
                _log.error("lanes do not open: their background has not started", at=awaited_at(background))

    async def _run_background(self) -> None:
        try:
            async with _all_of(self.wiring.background):
                self._ready.set()
                await self._stopping.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process("background of the lanes", error)


def transport_of(wiring: Wiring) -> type[Transport]:
    """Return aiokafka's transport with the lanes of `wiring` in the place of Faust's transactions.

    Faust makes the parts itself and hands them nothing of ours, so what they need is in their classes.
    """

    class WiredLanes(LaneAssignment):
        pass

    class LaneTransport(Transport):
        Consumer = NoCommitConsumer
        TransactionManager = WiredLanes

    WiredLanes.wiring = wiring
    return LaneTransport


@asynccontextmanager
async def _all_of(factories: Sequence[Background]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for factory in factories:
            await stack.enter_async_context(factory())
        yield
