"""Where a member reads on after a rebalance, on a real broker: what was fetched and dropped is fetched again."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata
from kafka.admin import KafkaAdminClient

from streams.runtime.transport import seek_to_committed

pytestmark = pytest.mark.integration

_RECORDS = 10


@pytest.fixture
async def consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of a group with a partition of ten records, which it has fetched and which nobody has worked off."""
    topic = f"seek-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for number in range(_RECORDS):
        await producer.send_and_wait(topic, b"%d" % number, partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        assert await fetched(consumer, _RECORDS) == list(range(_RECORDS))
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


async def test_where_nothing_was_committed_it_reads_from_the_beginning(consumer: AIOKafkaConsumer) -> None:
    await seek_to_committed(consumer)
    assert await fetched(consumer, _RECORDS) == list(range(_RECORDS))


@pytest.mark.parametrize("committed", [0, 4])
async def test_where_something_was_committed_it_reads_from_there(consumer: AIOKafkaConsumer, committed: int) -> None:
    (source,) = consumer.assignment()
    await consumer.commit({source: OffsetAndMetadata(committed, "")})
    assert await seek_to_committed(consumer, TopicPartition(source.topic, 0)) == {source: committed}
    assert await fetched(consumer, _RECORDS - committed) == list(range(committed, _RECORDS))
