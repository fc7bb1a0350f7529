"""Compacted topics whose markers the broker has emptied, read to their end, on a real broker whose cleaner has run."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import kafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from services.committed_reader import committed_reader
from streams.runtime import Follower
from streams.runtime.fetcher_patch import patch_aiokafka_fetcher
from tests.raw_records import as_aiokafka_has_it

pytestmark = pytest.mark.integration

_COMPACTING = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "delete.retention.ms": "0",
    "min.cleanable.dirty.ratio": "0",
    "min.compaction.lag.ms": "0",
}
_PASSED_OVER = {b"first": b"2", b"second": b"committed"}


@dataclass(frozen=True)
class Compacted:
    bootstrap: str
    topic: str

    @property
    def source(self) -> TopicPartition:
        return TopicPartition(self.topic, 0)


@pytest.fixture(scope="module")
def compacted(bootstrap: str) -> Iterator[Compacted]:
    """A topic with the emptied marker of an aborted transaction between the commits of two producers."""
    topic = f"compacted-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1, "configs": _COMPACTING}})
        brokers = [str(node["broker_id"]) for node in admin.describe_cluster()["brokers"]]
        # The cleaner looks every 15 s by default; changing that restarts it.
        configure(admin, ConfigResourceType.BROKER, brokers, {"log.cleaner.backoff.ms": "50"})
        try:
            made = Compacted(bootstrap, topic)
            asyncio.run(empty_a_marker(made, admin))
            yield made
        finally:
            configure(admin, ConfigResourceType.BROKER, brokers, {"log.cleaner.backoff.ms": ("DELETE", None)})


def configure(admin: Any, kind: Any, names: list[str], settings: dict[str, Any]) -> None:
    admin.alter_configs([ConfigResource(kind, name, settings) for name in names])


async def empty_a_marker(made: Compacted, admin: Any) -> None:
    first, second, successor = (
        AIOKafkaProducer(
            bootstrap_servers=made.bootstrap, transactional_id=f"{made.topic}-{name}", transaction_timeout_ms=10_000
        )
        for name in ("first", "second", "second")
    )
    filler = AIOKafkaProducer(bootstrap_servers=made.bootstrap)
    await first.start()
    await second.start()
    await filler.start()
    try:
        for value in (b"0", b"1", b"2"):
            async with first.transaction():
                await first.send_and_wait(made.topic, value, key=b"first")
        await second.begin_transaction()
        await second.send_and_wait(made.topic, b"never committed", key=b"second")
        # A successor fences it, like a worker that was killed: the marker has a new epoch. To remember the epoch, the
        # cleaner keeps the batch when no record of the transaction is left.
        await successor.start()
        deadline = time.monotonic() + 20
        while not await marker_is_emptied(made):
            assert time.monotonic() < deadline, "the cleaner emptied no marker"
            # Each append closes the segment before it; then the cleaner can clean that segment.
            await filler.send_and_wait(made.topic, b"", key=b"filler")
            await asyncio.sleep(0.1)
        # The producer's next commit would let the cleaner drop the whole batch: no more cleaning.
        configure(admin, ConfigResourceType.TOPIC, [made.topic], {"min.compaction.lag.ms": "3600000"})
        async with successor.transaction():
            await successor.send_and_wait(made.topic, b"committed", key=b"second")
        # A commit returns before its marker is written.
        while await end(made, "read_committed") < await end(made, "read_uncommitted"):
            assert time.monotonic() < deadline, "the transaction does not end"
    finally:
        for producer in (filler, successor, second, first):
            await producer.stop()


async def end(made: Compacted, isolation_level: str) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=made.bootstrap, isolation_level=isolation_level)
    await consumer.start()
    try:
        return int((await consumer.end_offsets([made.source]))[made.source])
    finally:
        await consumer.stop()


async def marker_is_emptied(made: Compacted) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        as_aiokafka_has_it(patch)
        try:
            await read(made)
        except KafkaError as problem:
            return "Control batch did not contain any records" in str(problem)
        return False


async def read(made: Compacted) -> dict[bytes, bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=made.bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([made.source])
        await consumer.seek_to_beginning(made.source)
        end_offset = (await consumer.end_offsets([made.source]))[made.source]
        found = {}
        async with asyncio.timeout(10):
            while await consumer.position(made.source) < end_offset:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.update({record.key: record.value for record in records})
        return {key: value for key, value in found.items() if key != b"filler"}
    finally:
        await consumer.stop()


def drain(consumer: Any, made: Compacted) -> dict[bytes, bytes]:
    source = kafka.TopicPartition(made.topic, 0)
    consumer.assign([source])
    consumer.seek_to_beginning(source)
    end_offset = consumer.end_offsets([source])[source]
    found = {}
    deadline = time.monotonic() + 10
    while consumer.position(source) < end_offset:
        assert time.monotonic() < deadline, "the position does not pass the marker"
        for records in consumer.poll(timeout_ms=100).values():
            found.update({record.key: record.value for record in records})
    return {key: value for key, value in found.items() if key != b"filler"}


async def test_aiokafka_with_the_patch_reads_over_an_emptied_marker(
    compacted: Compacted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        as_aiokafka_has_it(patch)
        with pytest.raises(KafkaError, match="did not contain any records"):
            await read(compacted)
        patch_aiokafka_fetcher()
        assert await read(compacted) == _PASSED_OVER


async def test_a_follower_has_the_records_on_both_sides_of_it(
    compacted: Compacted, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy: dict[bytes | None, bytes | None] = {}
    with monkeypatch.context() as patch:
        as_aiokafka_has_it(patch)
        # The error would end the process of the tests; without this, the start never returns.
        patch.setattr("streams.runtime.transport.follower.end_process", lambda what, error: None)
        follower = Follower(compacted.bootstrap, (compacted.topic,), copy.__setitem__)
        try:
            async with asyncio.timeout(10):
                await follower.start()
        finally:
            await follower.stop()
    copy.pop(b"filler", None)
    assert copy == _PASSED_OVER


def test_our_kafka_python_readers_pass_it(compacted: Compacted) -> None:
    plain = kafka.KafkaConsumer(bootstrap_servers=compacted.bootstrap, isolation_level="read_committed", group_id=None)
    try:
        with pytest.raises(RuntimeError, match="StopIteration"):
            drain(plain, compacted)
    finally:
        plain.close()
    ours = committed_reader(compacted.bootstrap)
    try:
        assert drain(ours, compacted) == _PASSED_OVER
    finally:
        ours.close()
