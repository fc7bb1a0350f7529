"""Faust's own extension points, filled: batches with their positions, lanes at a rebalance, no commits of Faust's.

Line of thought and measurements: see `infra/decisions`. What is overridden here belongs to Faust 0.15.3 with
aiokafka 0.14.0 and is pinned to them.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import structlog
from aiokafka.errors import IllegalStateError
from faust.transport.consumer import TransactionManager
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport

from streams.runtime.batches import Batch, BatchRecord
from streams.runtime.failure import end_process
from streams.runtime.fetching import prompt
from streams.runtime.groups import LaneGroup, LaneHost
from streams.runtime.lanes import Lane
from streams.runtime.steps import AtStep, unwatched
from streams.runtime.turnstile import Turnstile

#: How long a fetch waits for records before another may be asked for other partitions (seconds).
_FETCH_SECONDS = 0.2
#: How long a fetch that finds nothing waits at the broker (milliseconds): so long, at most, a record waits whose
#: partition was left out of the request in flight.
_FETCH_WAIT_MS = 25
#: How long to wait when every queue is full (seconds).
_FULL_SECONDS = 0.01


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
    #: Lanes (`group-partition`) that begin where their logs do although state and offsets do not fit.
    accepted: frozenset[str] = frozenset()


class PositionedThread(AIOKafkaConsumerThread):
    """Makes one batch of what a fetch brought for a partition, with the positions around it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_prompt = False
        self._seeks = 0
        #: Where each partition stood when a fetch passed over control records or aborted ones and brought nothing.
        self._passed_over: dict[Any, int] = {}

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        prompt(consumer, _FETCH_WAIT_MS)
        return consumer

    async def seek_to_committed(self) -> Any:
        """Seek, and remember that positions read before it say nothing of the fetches after it."""
        self._seeks += 1
        self._passed_over.clear()
        try:
            return await self.call_thread(seek_to_committed, self._ensure_consumer())
        finally:
            # Once more: a fetch that began meanwhile took its positions from before.
            self._seeks += 1

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> Any:
        # A partition whose queue is full is left out here; pausing it instead makes aiokafka drop what it had fetched.
        if not self._is_prompt:
            prompt(consumer, _FETCH_WAIT_MS)
            self._is_prompt = True
        lanes = cast("UncommittingConsumer", self.consumer).lanes
        wanted = {tp for tp in active_partitions if not lanes.is_full(tp.topic, tp.partition)}
        if not wanted:
            await asyncio.sleep(_FULL_SECONDS)
            return {}

        def assigned() -> Any:
            return consumer._subscription.subscription.assignment  # noqa: SLF001 - aiokafka tells no other way

        def positions() -> dict[Any, int]:
            assignment = assigned()
            found = {}
            for tp in active_partitions:
                state = assignment.state_value(tp)
                if state is None:
                    continue
                lanes.note_end(tp.topic, tp.partition, state.lso)
                # None until it is reset: to where, is not known then.
                if tp in wanted and (position := state._position) is not None:  # noqa: SLF001
                    found[tp] = position
            return found

        before, seeks, assignment = positions(), self._seeks, assigned()
        fetched = await super()._fetch_records(
            consumer, wanted, timeout=min(timeout or _FETCH_SECONDS, _FETCH_SECONDS), max_records=max_records
        )
        after = positions()
        # Sought or assigned anew meanwhile, this may be from before or from after; where it began is not known, and a
        # lane takes nothing whose beginning cannot be told.
        is_known = seeks == self._seeks and assignment is assigned()
        begins = {tp: self._passed_over.get(tp, at) for tp, at in before.items()} if is_known else {}
        if unknown := (after.keys() | fetched.keys()) - begins.keys():
            await self._seek_again(consumer, unknown)
        batches = {}
        for tp, begin in begins.items():
            if records := fetched.get(tp):
                self._passed_over.pop(tp, None)
                batches[tp] = [BatchRecord(records, begin, max(after.get(tp, 0), records[-1].offset + 1))]
            elif after.get(tp, 0) > begin and not await _starts_beyond(consumer, tp, begin):
                # What was passed over belongs to the next batch: else the lane would miss it and end the process.
                self._passed_over.setdefault(tp, begin)
        return batches

    async def _seek_again(self, consumer: Any, partitions: AbstractSet[Any]) -> None:
        for tp in partitions:
            # It was noted of the place that is sought away from.
            self._passed_over.pop(tp, None)
        # Faust's class of a partition equals aiokafka's, which aiokafka is not content with.
        if still := [tp for tp in consumer.assignment() if tp in partitions]:
            try:
                await seek_to_committed(consumer, *still)
            except IllegalStateError:
                # One was given away meanwhile, which Faust answers with a seek of all that are left.
                _log.debug("a partition left while it was sought", partitions=len(still))


async def seek_to_committed(consumer: Any, *partitions: Any) -> Any:
    """Seek these, or all that are assigned, to where they are to be read from, and return the committed offsets.

    aiokafka leaves a partition where it stands if its committed offset is none or 0. What was fetched of it and
    dropped, because its lane was held or not there yet, would not be fetched again.
    """
    committed = await consumer.seek_to_committed(*partitions)
    assigned = consumer.assignment()
    if unmoved := [tp for tp, offset in committed.items() if tp in assigned and (not offset or offset < 0)]:
        await consumer.seek_to_beginning(*unmoved)
    return committed


async def _starts_beyond(consumer: Any, tp: Any, offset: int) -> bool:
    """Return whether the log has lost what stood at `offset`: then the position moved because it had to."""
    return bool((await consumer.beginning_offsets([tp]))[tp] > offset)


class _Unremembered(defaultdict[Any, int | None]):
    """Faust's memory of what it handed out, kept empty: it would drop what a lane that was held has to be given again.

    Whether a record is new is the lane's to say, which has the offsets of what it did.
    """

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def update(self, *args: Any, **kwargs: Any) -> None:
        pass


class UncommittingConsumer(Consumer):
    """Reads and never commits: the lanes' transactions do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset: MutableMapping[Any, int | None] = _Unremembered(lambda: None)

    def _new_consumer_thread(self) -> PositionedThread:
        return PositionedThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def lanes(self) -> "Lanes":
        """The lanes of this process."""
        return cast("Lanes", self.transactions)

    async def _add_gap(self, tp: Any, offset_from: int, offset_to: int) -> None:  # noqa: ARG002 - Faust's signature
        # Offsets between batches are no gaps: a batch has one offset of many.
        return None

    def _new_offset(self, tp: Any) -> None:
        self._acked[tp].clear()
        self._acked_index[tp].clear()


class Lanes(TransactionManager):
    """Opens lanes when partitions arrive and closes them when they leave, without holding up the rebalance."""

    wiring: Wiring

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._group_of = {topic: group for group in self.wiring.groups for topic in group.sources}
        wiring = self.wiring
        self._host = LaneHost(
            wiring.application,
            wiring.bootstrap,
            Turnstile(),
            at_step=wiring.at_step,
            accepted=wiring.accepted,
            groups=tuple(group.name for group in wiring.groups),
        )
        self._background: asyncio.Task[None] | None = None
        self._announcing: asyncio.Task[None] | None = None
        self._closed = False
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()

    def put(self, batch: Batch, partition: int) -> None:
        """Hand a batch to its lane; one that is no longer here is read again by the lane's new owner."""
        lane = self._lanes.get((self._group_of[batch.topic].name, partition))
        if lane is not None:
            lane.put(batch)

    def is_full(self, topic: str, partition: int) -> bool:
        """Return whether this topic's queue in its lane has enough."""
        lane = self._lanes.get((self._group_of[topic].name, partition))
        return lane is not None and lane.is_full(topic)

    def note_end(self, topic: str, partition: int, end: int | None) -> None:
        """Take note of where a source ends, for the lane's figures; None where no fetch has told."""
        if end is not None and (lane := self._lanes.get((self._group_of[topic].name, partition))) is not None:
            lane.figures.ends[topic] = end

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ARG002 - Faust's signature
        """Hold every lane: its turn in flight is finished before the group can give it to another member."""
        await asyncio.gather(*(lane.hold() for lane in self._lanes.values()))

    async def on_rebalance(self, assigned: Any, revoked: Any, newly_assigned: Any) -> None:  # noqa: ARG002 - Faust's
        """Register and close lanes; heartbeats stop while this runs, so opening has a task of its own."""
        if self._closed:
            return
        if self._background is None:
            self._background = asyncio.create_task(self._run_background())
        wanted = {(self._group_of[tp.topic], tp.partition) for tp in assigned if tp.topic in self._group_of}
        keys = {(group.name, partition) for group, partition in wanted}
        leaving = [self._lanes.pop(key) for key in self._lanes.keys() - keys]
        await asyncio.gather(*(lane.close() for lane in leaving))
        for lane in self._lanes.values():
            lane.go_on()
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
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.close() for lane in lanes.values()))
        self._stopping.set()
        if self._announcing is not None:
            self._announcing.cancel()
        if self._background is not None:
            if not self._ready.is_set():
                self._background.cancel()
            await asyncio.wait([self._background])

    async def commit(self, offsets: Any, start_new_transaction: bool = True) -> bool:  # noqa: ARG002 - Faust's
        """Do nothing: every turn committed its own offsets."""
        return True

    async def _announce(self, lanes: Sequence[Lane]) -> None:
        await self._ready.wait()
        for lane in lanes:
            await lane.resolved.wait()
        self.wiring.opened()

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

    class WiredLanes(Lanes):
        pass

    class LaneTransport(Transport):
        Consumer = UncommittingConsumer
        TransactionManager = WiredLanes

    WiredLanes.wiring = wiring
    return LaneTransport


@asynccontextmanager
async def _all_of(factories: Sequence[Background]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for factory in factories:
            await stack.enter_async_context(factory())
        yield
