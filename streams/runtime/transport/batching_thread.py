"""The thread that fetches: makes one batch of the records of a partition, with the positions before and after them.

A lane takes a batch only if it follows the lane's next offset. So a fetch whose beginning is unknown is dropped,
and fetched again. Overrides Faust 0.15.3 with aiokafka 0.14.0 and is pinned to them. See decision 0027.
"""

import asyncio
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, cast

import structlog
from aiokafka.errors import IllegalStateError, KafkaTimeoutError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.runtime.client_tasks import end_with_consumer
from streams.runtime.failure import cancellation_as_error
from streams.runtime.fetcher_patch import remove_fetch_delays
from streams.runtime.lane.timer_gate import FetchCounts
from streams.runtime.transport.batch_schema import BatchRecord, Losses
from streams.runtime.transport.consumer_lanes import ConsumerLanes, LaneConsumer
from streams.runtime.transport.group_coordination import keep_coordinating
from streams.runtime.transport.out_of_range_positions import note_out_of_range, taken_out_of_range
from streams.runtime.unreadable import offset_after

#: Longest fetch (seconds); the next one may ask for other partitions.
_FETCH_SECONDS = 0.2
#: How long an empty fetch waits at the broker (milliseconds). It is also the longest wait of a record whose partition
#: was left out of the request in flight.
_FETCH_WAIT_MS = 25
#: How long to wait when every queue is full (seconds).
_FULL_SECONDS = 0.01

_log = structlog.get_logger("confide.runtime")


class _Fetch:
    """A fetch that the main thread asked for: whether it still waits for it, and whether records came."""

    __slots__ = ("has_records", "is_wanted")

    def __init__(self) -> None:
        self.is_wanted = True
        self.has_records = False


class BatchingThread(AIOKafkaConsumerThread):
    """Faust's fetching thread, changed to make one batch of each partition's records, with the positions around it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: A fetch is in progress. At a rebalance Faust's main thread gives up the wait for a fetch and asks for the
        #: next one, while this thread still works on the first. If the two overlapped, the second would begin at
        #: positions that the first is about to seek away from, and a lane would find a gap in the offsets.
        self._is_fetching = False
        #: How often records were fetched that perhaps no lane gets: counted by this thread, by the main thread, and as
        #: of the last fetch that has sought all partitions. If the counts differ, the next fetch seeks them first.
        #: Without that a lane would find a gap in the offsets, or, on a topic that falls silent, stand still.
        self._lost_here = self._lost_in_main = 0
        self._sought_for: Losses = (0, 0)
        self._fetch_counts = FetchCounts()
        #: The position of each partition before a fetch that passed over control or aborted records and found no other.
        self._passed_over: dict[Any, int] = {}
        #: The assignment in which those positions were noted.
        self._passed_in: Any = None

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        remove_fetch_delays(consumer, _FETCH_WAIT_MS)
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, and patch what it made at its start."""
        await super().on_start()
        consumer = self._ensure_consumer()
        remove_fetch_delays(consumer, _FETCH_WAIT_MS)
        note_out_of_range(consumer)
        keep_coordinating(consumer)
        end_with_consumer(consumer)

    @property
    def losses(self) -> Losses:
        """How often records were lost. A batch whose fetch began at other counts may follow lost records."""
        return self._lost_here, self._lost_in_main

    @property
    def member_id(self) -> str:
        """The id that the group gave this member; empty if it has none now."""
        return str(self._ensure_consumer()._coordinator.member_id)  # noqa: SLF001 - aiokafka has no public access to it

    def rejoin(self) -> None:
        """Have this member join its group anew; if it leads the group, all partitions are assigned again."""
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001 - aiokafka has no public access to it
        self.thread_loop.call_soon_threadsafe(coordinator.request_rejoin)

    async def seek_to_committed(self) -> dict[Any, int]:
        """Have the next fetch seek all partitions first, and return no offset.

        Faust calls this after a rebalance. Only a fetch seeks: a seek beside a fetch would leave it unknown whether the
        records of the fetch are from before the seek or after it.
        """
        self.seek_before_fetch()
        return {}

    def seek_before_fetch(self) -> None:
        """Have the next fetch seek all partitions to their committed offsets first; for the main thread."""
        self._lost_in_main += 1

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109 - the signature is Faust's
        """Fetch, and notice if the main thread gives this fetch up: the position may have passed its records then."""
        consumer, fetch = self._ensure_consumer(), _Fetch()
        try:
            # A cancellation that is not ours would end Faust's fetching without a word.
            with cancellation_as_error():
                return await self.call_thread(
                    self._fetch_for,
                    fetch,
                    consumer,
                    active_partitions,
                    timeout=timeout,
                    max_records=consumer._max_poll_records,  # noqa: SLF001 - as Faust does
                )
        except BaseException:
            # Either this sees the records of the fetch, or `_fetch_for` sees that they are not wanted any more.
            fetch.is_wanted = False
            if fetch.has_records:
                self.seek_before_fetch()
            raise

    async def _fetch_for(self, fetch: "_Fetch", *args: Any, **kwargs: Any) -> Any:
        batches = await self._fetch_records(*args, **kwargs)
        fetch.has_records = bool(batches)
        if batches and not fetch.is_wanted:
            self._lost_here += 1
        return batches

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> Any:
        if self._is_fetching:
            # This one does not wait for the other, which may wait for the end of a rebalance: this thread has two
            # workers for the calls of the main thread, and Faust's part in the rebalance needs one of them.
            await asyncio.sleep(_FULL_SECONDS)
            return {}
        self._is_fetching = True
        try:
            # A copy, because the main thread changes Faust's set while this thread goes through it.
            active = set(active_partitions)
            return await self._fetch(consumer, active, min(timeout or _FETCH_SECONDS, _FETCH_SECONDS), max_records)
        except BaseException:
            # It may have taken records before it raised: no lane gets those.
            self._lost_here += 1
            raise
        finally:
            self._is_fetching = False

    async def _fetch(self, consumer: Any, active_partitions: Any, seconds: float, max_records: int | None) -> Any:
        # A partition whose queue is full is left out. If it were paused, aiokafka would drop its fetched records.
        lanes = cast("LaneConsumer", self.consumer).lanes
        if [tp for tp in active_partitions if lanes.takes_seek(tp.topic, tp.partition)]:
            # No lane takes what was fetched before such a seek.
            self._lost_here += 1
        lost = self.losses
        if lost != self._sought_for:
            await self._seek_again(consumer, {*active_partitions, *consumer.assignment()})
        self._sought_for = lost
        wanted = {tp for tp in active_partitions if not lanes.is_full(tp.topic, tp.partition)}
        if not wanted:
            await asyncio.sleep(_FULL_SECONDS)
            return {}

        def assigned() -> Any:
            return consumer._subscription.subscription.assignment  # noqa: SLF001 - aiokafka has no public access to it

        def positions() -> dict[Any, int]:
            found = _look(lanes, assigned(), active_partitions)
            return {tp: position for tp, position in found.items() if tp in wanted}

        before, assignment = positions(), assigned()
        if assignment is not self._passed_in:
            # Positions of an earlier assignment do not hold in this one.
            self._passed_over.clear()
            self._passed_in = assignment
        fetched = await super()._fetch_records(consumer, wanted, timeout=seconds, max_records=max_records)
        after = positions()
        # If the partitions were assigned anew meanwhile, the records may be from before or after that. Then their
        # beginning is unknown, and no lane takes them.
        begins = {tp: self._passed_over.get(tp, at) for tp, at in before.items()} if assignment is assigned() else {}
        if unknown := (after.keys() | fetched.keys()) - begins.keys():
            await self._seek_again(consumer, unknown)
        batches = {}
        for tp, begin in begins.items():
            if records := fetched.get(tp):
                self._passed_over.pop(tp, None)
                batches[tp] = [BatchRecord(records, begin, after.get(tp), lost)]
                self._fetch_counts.hand_on(tp, offset_after(records[-1]))
            elif after.get(tp, 0) > before[tp]:
                await self._pass_over(consumer, tp, begin)
        self._note_fetch(lanes, assignment, {tp: at for tp, at in after.items() if tp in begins})
        return batches

    async def _pass_over(self, consumer: Any, tp: Any, begin: int) -> None:
        """Have the next batch of a partition begin at `begin`: the fetch passed over control or aborted records.

        Without that the lane would see a gap in the offsets and end the process.
        """
        try:
            is_lost = await _starts_beyond(consumer, tp, begin)
        except KafkaTimeoutError:
            # It is unknown why the position moved, so the partition is fetched again.
            await self._seek_again(consumer, {tp})
            return
        if not is_lost:
            self._passed_over.setdefault(tp, begin)

    def _note_fetch(self, lanes: ConsumerLanes, assignment: Any, positions: Mapping[Any, int]) -> None:
        for tp, position in positions.items():
            if tp.topic in lanes.followed:
                state = assignment.state_value(tp)
                progress = self._fetch_counts.progress(tp, state.timestamp, state.highwater, position)
                if progress is not None:
                    lanes.note_fetch(tp.topic, tp.partition, progress)

    async def _seek_again(self, consumer: Any, partitions: AbstractSet[Any]) -> None:
        for tp in partitions:
            # That position was noted before the seek, and does not hold after it.
            self._passed_over.pop(tp, None)
        # Faust drops records before the offset that it passed on last, so that offset is cleared.
        cast("Any", self.consumer)._read_offset.update(dict.fromkeys(partitions))  # noqa: SLF001
        # aiokafka refuses Faust's class of a partition, although it equals aiokafka's own. So take aiokafka's.
        if still := [tp for tp in consumer.assignment() if tp in partitions]:
            try:
                await seek_to_committed(consumer, *still)
            except IllegalStateError:
                # A partition was given away meanwhile, and the others may not have been sought.
                self._lost_here += 1
                _log.debug("a partition left while it was sought", partitions=len(still))


def _look(lanes: ConsumerLanes, assignment: Any, partitions: Iterable[Any]) -> dict[Any, int]:
    """Return the positions of partitions that have one; note the ends and lost positions of the last responses."""
    found: dict[Any, int] = {}
    for tp in partitions:
        state = assignment.state_value(tp)
        if state is None:
            continue
        lanes.note_end(tp.topic, tp.partition, state.lso)
        lanes.note_hidden(tp.topic, tp.partition, state.timestamp, state.lso, state.highwater)
        if (lost := taken_out_of_range(state)) is not None:
            lanes.note_out_of_range(tp.topic, tp.partition, lost)
        # None until the position is reset; its new value is not known before.
        if (position := state._position) is not None:  # noqa: SLF001
            found[tp] = position
    return found


async def seek_to_committed(consumer: Any, *partitions: Any) -> Any:
    """Seek these partitions, or all assigned ones, to their committed offsets, and return those offsets.

    aiokafka does not move a partition without a committed offset, or with offset 0. Records of it that were fetched and
    dropped, because its lane was held or did not exist yet, would not be fetched again. So such a partition is sought
    to its beginning.
    """
    committed = await consumer.seek_to_committed(*partitions)
    assigned = consumer.assignment()
    if unmoved := [tp for tp, offset in committed.items() if tp in assigned and (not offset or offset < 0)]:
        await consumer.seek_to_beginning(*unmoved)
    return committed


async def _starts_beyond(consumer: Any, tp: Any, offset: int) -> bool:
    """Return whether the log starts after `offset`: then the position moved because the records are lost."""
    return bool((await consumer.beginning_offsets([tp]))[tp] > offset)
