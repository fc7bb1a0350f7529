"""A member of a group whose records were fetched and dropped, and the fetching part of a worker's thread over it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient

from streams.runtime.lane.timer_gate import FetchCounts, FetchProgress
from streams.runtime.transport.batch_schema import BatchRecord, Fetched
from streams.runtime.transport.batching_thread import BatchingThread

#: Records of the partition.
RECORDS = 10


@asynccontextmanager
async def fetched_member(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a member of a group with one partition of ten records, which it has fetched and no lane has handled."""
    topic = f"seek-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for number in range(RECORDS):
        await producer.send_and_wait(topic, b"%d" % number, partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        assert await fetched(consumer, RECORDS) == list(range(RECORDS))
        yield consumer
    finally:
        await consumer.stop()


async def fetched(consumer: AIOKafkaConsumer, count: int) -> list[int]:
    """Return the offsets of the next records."""
    offsets: list[int] = []
    async with asyncio.timeout(20):
        while len(offsets) < count:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                offsets += [record.offset for record in records]
    return offsets


class FakeLanes:
    """Lanes that accept every batch, until their queues are `full`."""

    full = False
    #: A lane asks once that its source is fetched anew.
    asks_to_seek = False

    def __init__(self, followed: Collection[str] = ()) -> None:
        self.followed = followed
        self.fetched: list[FetchProgress] = []

    def is_full(self, topic: str, partition: int) -> bool:
        return self.full

    def takes_seek(self, topic: str, partition: int) -> bool:
        asks, self.asks_to_seek = self.asks_to_seek, False
        return asks

    def note_out_of_range(self, topic: str, partition: int, position: int) -> None:
        """Do nothing: no test here loses a log's tail."""

    def note_end(self, topic: str, partition: int, end: int | None) -> None:
        pass

    def note_hidden(
        self, topic: str, partition: int, response: int | None, stable: int | None, end: int | None
    ) -> None:
        """Do nothing: `test_hidden_records.py` has its tests."""

    def note_fetch(self, topic: str, partition: int, progress: FetchProgress) -> None:
        self.fetched.append(progress)


def thread_of(consumer: AIOKafkaConsumer) -> Any:
    """Return the fetching part of Faust's thread over `consumer`, without the thread."""
    thread: Any = BatchingThread.__new__(BatchingThread)
    thread._passed_over, thread._passed_in = {}, None
    thread._is_fetching, thread._lost_here, thread._lost_in_main, thread._sought_for = False, 0, 0, (0, 0)
    thread._fetch_counts = FetchCounts()
    followed = {source.topic for source in consumer.assignment()}
    thread.consumer = SimpleNamespace(flow_active=True, lanes=FakeLanes(followed), _read_offset={})
    thread._ensure_consumer = lambda: consumer

    async def call(do: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await do(*args)

    thread.call_thread = call
    return thread


async def batch_by(thread: Any, source: TopicPartition) -> Fetched:
    """Return the next batch with the losses as of its fetch."""
    batches: list[BatchRecord] = []
    async with asyncio.timeout(20):
        while not batches:
            batches += (await thread._fetch_records(thread._ensure_consumer(), {source})).get(source, [])
    return batches[0].value


async def fetched_by(thread: Any, source: TopicPartition) -> list[int]:
    """Return the offsets of the next batch; it must begin with its first record."""
    batch = (await batch_by(thread, source)).batch
    assert batch.begin == batch.records[0].offset
    return [record.offset for record in batch.records]
