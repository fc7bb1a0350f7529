"""What a fetch brought of a partition, with the positions before and after it: a lane takes nothing it cannot place.

Overrides Faust 0.15.3 with aiokafka 0.14.0 and is pinned to them.
"""

import asyncio
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, cast

import structlog
from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from streams.runtime.batches import BatchRecord
from streams.runtime.fetching import prompt

if TYPE_CHECKING:
    from streams.runtime.transport import UncommittingConsumer

#: How long a fetch waits for records before another may be asked for other partitions (seconds).
_FETCH_SECONDS = 0.2
#: How long a fetch that finds nothing waits at the broker (milliseconds): so long, at most, a record waits whose
#: partition was left out of the request in flight.
_FETCH_WAIT_MS = 25
#: How long to wait when every queue is full (seconds).
_FULL_SECONDS = 0.01

_log = structlog.get_logger("confide.runtime")


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
                batches[tp] = [BatchRecord(records, begin, after.get(tp))]
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
