"""Opens and closes lanes at a rebalance, and turns Faust's own commits off.

Faust hands the consumer's partitions to its transaction manager; `LaneAssignment` replaces it. Two settings decide
what is read and what is committed:

- `processing_guarantee="exactly_once"` (`worker.py`) makes Faust read with `read_committed` and call the transaction
  manager at each rebalance. Without it lanes would see records of aborted transactions, and no lane would open.
- `NoCommitConsumer._new_offset` returns no offset and `LaneAssignment.commit` does nothing, so Faust never commits. The
  lane does: each turn's transaction writes the next offsets to the lane's changelog, and at most once a second also
  commits them as the group's offsets (`lane/turn_commit.py`). Faust would commit offsets of records that only wait in a
  queue. A lane that finds the group ahead of its changelog refuses to open.

Why lanes on Faust: see decision 0010. The overrides belong to Faust 0.15.3 with aiokafka 0.14.0 and are pinned to them.
The fault behind each override: see decision 0027.
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
from streams.runtime.failure import awaited_at, cancellation_as_error, end_process
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneGroup, LaneHost
from streams.runtime.lane.hidden_records import HiddenRecords
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.lane_events import LaneEvent, ignore_event
from streams.runtime.lane.timer_gate import FetchProgress
from streams.runtime.lane.urgency import UrgencyGate
from streams.runtime.steps import AtStep, ignore_step
from streams.runtime.transport.assignment_watch import AssignmentWatch, Membership
from streams.runtime.transport.batch_schema import Fetched
from streams.runtime.transport.batching_thread import BatchingThread
from streams.runtime.transport.closing_lanes import ClosingLanes
from streams.runtime.watchdog import Watchdog

#: How long the background may take to start before a log entry names the code location at which it waits (seconds).
_BACKGROUND_SECONDS = 45.0

_log = structlog.get_logger("confide.runtime")

Background = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The parts and settings of a process of lanes."""

    application: str
    groups: tuple[LaneGroup, ...]
    bootstrap: str
    background: tuple[Background, ...]
    opened: Callable[[], None]
    at_step: AtStep = ignore_step
    #: Lanes (`group-partition`) that begin where their logs do although state and offsets do not fit.
    accepted: frozenset[str] = frozenset()
    watchdog: Watchdog = field(default_factory=Watchdog)
    on_lane: Callable[[LaneEvent], None] = ignore_event
    clock: Clock = field(default_factory=Clock)
    #: The name of the consumer at the brokers; the application's if None.
    client: str | None = None
    #: Notices records that an open transaction hides.
    hidden: HiddenRecords = field(default_factory=HiddenRecords)


class NoCommitConsumer(Consumer):
    """A consumer of Faust's that never commits: the lanes commit."""

    def _new_consumer_thread(self) -> BatchingThread:
        return BatchingThread(self, loop=self.loop, beacon=self.beacon)

    def resume_flow(self) -> None:
        """Hand records on again, at the end of a rebalance.

        Faust has just emptied its queues. If records had come before that, no lane gets them: so all are fetched again.
        """
        cast("BatchingThread", self._thread).seek_before_fetch()
        super().resume_flow()

    def hand_on(self, fetched: Fetched, partition: int) -> None:
        """Pass a batch to its lane, unless records were lost since its fetch began.

        Faust may empty its queues while a fetch is in progress. The batch of that fetch follows the lost records, and
        its lane would find a gap in the offsets. The next fetch seeks all partitions, so nothing is missed.
        """
        if fetched.losses == cast("BatchingThread", self._thread).losses:
            self.lanes.enqueue(fetched.batch, partition)
        else:
            _log.info("a batch is fetched again", topic=fetched.batch.topic, partition=partition)

    def member_id(self) -> str:
        """Return the id that the group gave this process; empty if it has none now."""
        return cast("BatchingThread", self._thread).member_id

    def rejoin(self) -> None:
        """Have this process join its group anew."""
        cast("BatchingThread", self._thread).rejoin()

    @property
    def lanes(self) -> "LaneAssignment":
        """The lanes of this process."""
        return cast("LaneAssignment", self.transactions)

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:  # noqa: ARG002 - Faust's signature
        # Faust takes the offsets between two batches for missing records. None is missing: a batch has many records.
        return None

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: Faust's own check looks for commits of Faust's, and raises if partitions leave meanwhile."""

    def _new_offset(self, tp: Any) -> None:
        # Turns Faust's commits off: None means that no offset is ready to be committed. The lists would grow for ever.
        self._acked[tp].clear()
        self._acked_index[tp].clear()


class LaneAssignment(TransactionManager):
    """The lanes of this process: opened and closed as partitions are assigned, without a delay of the rebalance."""

    config: WorkerConfig

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._group_of = {topic: group for group in self.config.groups for topic in group.sources}
        #: Topics of the lanes whose timers follow topics: the progress of their fetches is noted.
        self.followed = {topic for group in self.config.groups if group.timers_follow for topic in group.sources}
        config = self.config
        self._host = LaneHost(
            config.application,
            config.bootstrap,
            UrgencyGate(),
            config.watchdog,
            at_step=config.at_step,
            accepted=config.accepted,
            groups=tuple(group.name for group in config.groups),
            on_lane=config.on_lane,
            clock=config.clock,
        )
        self._background: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._assignment_watch: asyncio.Task[None] | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._closed = False
        #: Lanes that finish their turns in flight because the process stops.
        self._leaving: tuple[Lane, ...] = ()
        self._closing = ClosingLanes()
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()

    def enqueue(self, batch: Batch, partition: int) -> None:
        """Pass a batch to its lane. If the lane has left, drop the batch: the lane's new owner reads it again."""
        lane = self._lanes.get((self._group_of[batch.topic].name, partition))
        if lane is not None:
            lane.enqueue(batch)

    def is_full(self, topic: str, partition: int) -> bool:
        """Return whether the topic's queue in its lane is full."""
        lane = self._lanes.get((self._group_of[topic].name, partition))
        return lane is not None and lane.is_full(topic)

    def note_end(self, topic: str, partition: int, end: int | None) -> None:
        """Note the last stable offset of a source for the lane's metrics; None if no fetch response has given one."""
        if end is not None and (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.note_end(topic, end)

    def note_hidden(
        self, topic: str, partition: int, response: int | None, stable: int | None, end: int | None
    ) -> None:
        """Note how far the last stable offset of a source is behind its end."""
        if (self._group_of[topic].name, partition) in self._lanes:
            self.config.hidden.note((topic, partition), response, stable, end)

    def note_fetch(self, topic: str, partition: int, progress: FetchProgress) -> None:
        """Note how far a source was fetched, for the timers of its lane."""
        if (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.note_fetch(topic, progress)

    def note_out_of_range(self, topic: str, partition: int, position: int) -> None:
        """Have the lane of a source check why Kafka has no record at this position."""
        if (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.note_out_of_range(topic, position)

    def takes_seek(self, topic: str, partition: int) -> bool:
        """Return True once if the fetch of a source must begin anew at the group's committed offset."""
        lane = self._lanes.get((self._group_of[topic].name, partition))
        if lane is None or topic not in lane.to_seek:
            return False
        lane.to_seek.discard(topic)
        return True

    async def on_start(self) -> None:
        """Watch the group from now on: the first assignment may never come."""
        consumer = cast("NoCommitConsumer", self.consumer)
        membership = Membership(
            consumer.member_id,
            lambda: self._background is not None and not self.app.rebalancing,
            consumer.rejoin,
        )
        watch = AssignmentWatch(self.config.bootstrap, self.config.application, tuple(self._group_of), membership)
        self._assignment_watch = asyncio.create_task(watch.run())

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - Faust's signature
        """Hold every lane: its turn in flight is finished before the group can assign the lane to another member."""
        await asyncio.gather(*(lane.hold() for lane in (*self._lanes.values(), *self._leaving)))

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any) -> None:  # noqa: ARG002 - Faust's
        """Close the lanes that left and start to open the new ones.

        Heartbeats stop while this runs, so each lane opens in a task of its own.
        """
        if self._closed:
            return
        if self._background is None:
            self._background = asyncio.create_task(self._run_background())
            self._watching = asyncio.create_task(self._watch_background(self._background))
        wanted = {(self._group_of[tp.topic], tp.partition) for tp in assigned if tp.topic in self._group_of}
        keys = {(group.name, partition) for group, partition in wanted}
        await self._closing.close([(key, self._lanes.pop(key)) for key in sorted(self._lanes.keys() - keys)])
        self._forget_hidden()
        for lane in self._lanes.values():
            lane.release()
        for group, partition in sorted(wanted, key=lambda lane: (lane[0].name, lane[1])):
            if (group.name, partition) not in self._lanes:
                lane = Lane(group, partition, self._host)
                self._lanes[group.name, partition] = lane
                lane.start(self._ready, self._closing.of((group.name, partition)))
        # `opened` is called once. Until then, wait for the lanes of the newest assignment only.
        if self._announcing is None or not self._announcing.done():
            if self._announcing is not None:
                self._announcing.cancel()
            self._announcing = asyncio.create_task(self._announce(list(self._lanes.values())))

    def _forget_hidden(self) -> None:
        for topic, group in self._group_of.items():
            for partition in self.config.hidden.partitions_of(topic):
                if (group.name, partition) not in self._lanes:
                    self.config.hidden.forget((topic, partition))

    async def on_stop(self) -> None:
        """Close, if `close` was not called before."""
        await self.close()

    async def close(self) -> None:
        """Finish the turns in flight and stop the tasks beside the lanes; no lane opens afterwards."""
        self._closed = True
        self._leaving = (*self._leaving, *self._lanes.values())
        self._lanes = {}
        # A rebalance during the stop waits for these lanes too (`on_partitions_revoked`).
        await asyncio.gather(*(lane.close() for lane in self._leaving), self._closing.wait())
        self._stopping.set()
        for task in (self._announcing, self._watching, self._assignment_watch):
            if task is not None:
                task.cancel()
        if self._background is not None:
            if not self._ready.is_set():
                self._background.cancel()
            await asyncio.wait([self._background])

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Do nothing: the lanes commit, in transactions of their own (decision 0014)."""
        return True

    async def _announce(self, lanes: Sequence[Lane]) -> None:
        await self._ready.wait()
        for lane in lanes:
            await lane.resolved.wait()
        self.config.opened()

    async def _watch_background(self, background: asyncio.Task[None]) -> None:
        """Log the code location at which the background waits, for as long as the lanes cannot open because of it."""
        while True:
            try:
                async with asyncio.timeout(_BACKGROUND_SECONDS):
                    await self._ready.wait()
                return
            except TimeoutError:
                _log.error("lanes do not open: their background has not started", at=awaited_at(background))

    async def _run_background(self) -> None:
        try:
            with cancellation_as_error():
                async with _all_of(self.config.background):
                    self._ready.set()
                    await self._stopping.wait()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - any error ends the process
            end_process("background of the lanes", error)


def transport_of(config: WorkerConfig) -> type[Transport]:
    """Return Faust's transport for aiokafka, with the lanes of `config` instead of Faust's transactions.

    Faust makes the consumer and the transaction manager itself, and passes no argument on. So `config` is an attribute
    of a class that is made here.
    """

    class ConfiguredLanes(LaneAssignment):
        pass

    class LaneTransport(Transport):
        Consumer = NoCommitConsumer
        TransactionManager = ConfiguredLanes

    ConfiguredLanes.config = config
    return LaneTransport


@asynccontextmanager
async def _all_of(factories: Sequence[Background]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for factory in factories:
            await stack.enter_async_context(factory())
        yield
