"""Follows compacted topics with `read_committed`: data that several lanes look up and no lane owns."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from opentelemetry import metrics

from schemas.compressed_batches import UnreadableBatch
from schemas.errors import Unreadable
from schemas.telemetry import Attribute, Metric
from streams.runtime import fetcher_patch
from streams.runtime.client_tasks import end_with_consumer
from streams.runtime.failure import LaneBroken, cancellation_as_error, describe, end_process
from streams.runtime.lane.hidden_records import HiddenRecords
from streams.runtime.lane.lane_events import FollowerEvent, FollowerPassesOver, ignore_event
from streams.runtime.timeouts import REQUEST_MS

Apply = Callable[[bytes | None, bytes | None], None]

#: How long Kafka holds a fetch that has nothing (milliseconds). It answers at once when a record comes. A control
#: record at an end is noticed this much later, and with it the end of a start, or that a key is certainly absent.
_WAIT_MS = 500
#: Pause before the ends of the topics are requested again (seconds).
_RETRY_SECONDS = 0.5
#: Longest start without progress (seconds). A consumer that starts while the broker goes away may wait for ever, and
#: then the lanes of the process would never open. So the process ends instead, and the next one starts anew.
_START_SECONDS = 30.0

_log = structlog.get_logger("confide.runtime")
_passed_over = metrics.get_meter("confide.runtime").create_counter(Metric.FOLLOWER_PASSED_OVER, unit="{record}")


def _never() -> bool:
    return False


class Follower:
    """Calls `apply(key, value)` for every committed record of `topics`; a None value is a tombstone.

    A record on which `apply` raises is counted, logged by its offset, reported, and passed over. Otherwise it would end
    every process that follows the topic, at every start. Records that an open transaction hides for long are reported
    too. Errors of the consumer end the process.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Iterable[str],
        apply: Apply,
        report: Callable[[FollowerEvent], None] = ignore_event,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._apply = apply
        self._report = report
        self._hidden = HiddenRecords()
        self._consumer: AIOKafkaConsumer | None = None
        # Reads no records, only the high watermarks: a read_committed consumer sees the last stable offsets instead.
        self._uncommitted: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._sources: list[TopicPartition] = []
        self._positions: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()

    async def start(self) -> None:
        """Read the topics from their beginning to their present last stable offset, then follow them.

        Raises `TimeoutError` if there is no progress for `_START_SECONDS`.
        """
        beginning = asyncio.create_task(self._begin())
        try:
            # Not a timeout of asyncio: aiokafka swallows a cancellation that arrives while one of its clients stops.
            await asyncio.wait([beginning], timeout=_START_SECONDS)
            if not beginning.done():
                raise TimeoutError
            with cancellation_as_error():
                ends = beginning.result()
        finally:
            beginning.cancel()
        while not self._has_passed(ends):
            before = self._positions
            async with asyncio.timeout(_START_SECONDS):
                await self._until(lambda before=before: self._positions != before)  # type: ignore[misc]

    async def _begin(self) -> Mapping[TopicPartition, int]:
        """Start to follow the topics; return their last stable offsets."""
        await self._refuse_missing_topics()
        # Compaction empties control batches, at which aiokafka would raise.
        fetcher_patch.patch_aiokafka_fetcher()
        # Without a consumer group this consumer reads all partitions of the topics.
        consumer = self._consumer = AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._bootstrap,
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_MS,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_WAIT_MS,
        )
        await consumer.start()
        end_with_consumer(consumer)
        uncommitted = self._uncommitted = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=None,
            isolation_level="read_uncommitted",
            enable_auto_commit=False,
            request_timeout_ms=REQUEST_MS,
        )
        await uncommitted.start()
        end_with_consumer(uncommitted)
        self._sources = sorted(consumer.assignment())
        self._task = asyncio.create_task(self._follow(consumer))
        return await self._ends(consumer)

    async def stop(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for consumer in (self._consumer, self._uncommitted):
            if consumer is not None:
                await consumer.stop()

    async def catch_up(self) -> None:
        """Return once all records were applied that precede the last stable offset at the time of this call.

        Committed records after an open transaction are not among them: a record that is absent may still come.
        """
        ends = await self._ends(self._consumer)
        await self._until(lambda: self._has_passed(ends))

    async def catch_up_beyond_open_transactions(self, enough: Callable[[], bool] = _never) -> None:
        """Return once every record that was written before this call was applied, or its transaction aborted.

        This waits until the last stable offset has passed the high watermark that each partition had at the call, so as
        long as a transaction below it is open. Only then a record that `apply` has not seen is certainly absent. It
        returns earlier if `enough()` is true; `enough` is called after each fetch. If the broker does not respond, the
        request is sent again.
        """
        if enough():
            return
        waiting = asyncio.create_task(self._until(enough))
        watermarks = asyncio.create_task(self._high_watermarks())
        try:
            await asyncio.wait((waiting, watermarks), return_when=asyncio.FIRST_COMPLETED)
            if watermarks.done():
                ends = watermarks.result()
                await self._until(lambda: enough() or self._has_passed(ends))
        finally:
            waiting.cancel()
            watermarks.cancel()
            await asyncio.wait((waiting, watermarks))

    async def _high_watermarks(self) -> Mapping[TopicPartition, int]:
        while True:
            try:
                return await self._ends(self._uncommitted)
            except KafkaError as error:
                # Not raised: it is unknown whether a record is absent, and the callers have time limits of their own.
                _log.warning("asks for the ends of followed topics again", **describe(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def _ends(self, consumer: AIOKafkaConsumer | None) -> Mapping[TopicPartition, int]:
        if consumer is None:
            raise LaneBroken("the follower was not started")
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(self._sources)
        return ends

    def _has_passed(self, ends: Mapping[TopicPartition, int]) -> bool:
        return all(self._positions.get(source, 0) >= end for source, end in ends.items())

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._moved:
            await self._moved.wait_for(holds)

    async def _refuse_missing_topics(self) -> None:
        # A consumer waits 40 s for a topic that does not exist, and its error does not name the topic.
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=REQUEST_MS)
        await admin.start()
        try:
            missing = set(self._topics) - set(await admin.list_topics())
        finally:
            await admin.close()
        if missing:
            raise LaneBroken(f"topic {min(missing)} does not exist: run `confide topics apply`")

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            with cancellation_as_error():
                while True:
                    fetched = await consumer.getmany(timeout_ms=_WAIT_MS)
                    for records in fetched.values():
                        for record in records:
                            self._take(record)
                    positions = {source: await consumer.position(source) for source in self._sources}
                    self._look_for_hidden(consumer)
                    async with self._moved:
                        self._positions = positions
                        self._moved.notify_all()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - any error ends the process
            end_process(f"follower of {', '.join(self._topics)}", error)

    def _look_for_hidden(self, consumer: AIOKafkaConsumer) -> None:
        for source in self._sources:
            self._hidden.note(
                (source.topic, source.partition),
                consumer.last_poll_timestamp(source),
                consumer.last_stable_offset(source),
                consumer.highwater(source),
            )
        for event in self._hidden.look():
            self._report(event)

    def _take(self, record: ConsumerRecord) -> None:
        try:
            if isinstance(record.value, UnreadableBatch):
                raise Unreadable.of("batch", "cannot be read")
            self._apply(record.key, record.value)
        except Exception as error:  # noqa: BLE001 - counted and logged: one record must not end every process
            _passed_over.add(1, {Attribute.TOPIC: record.topic})
            _log.error(
                "passed over a record that cannot be read",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                **describe(error),
            )
            place = (record.topic, record.partition, record.offset)
            self._report(FollowerPassesOver(*place, type(error).__name__))
