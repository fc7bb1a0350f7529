"""Readers on kafka-python, on a real broker: no aborted records, and none that are not committed yet."""

import socket
import time
from pathlib import Path

import kafka
import pytest
from aiokafka import AIOKafkaProducer

from services.committed_reader import committed_reader
from tests.counting import Run

pytestmark = pytest.mark.integration


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


async def test_it_reads_what_is_committed_alone(run: Run) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=run.bootstrap, transactional_id=run.name, transaction_timeout_ms=10_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(run.output, b"aborted", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(run.output, b"committed", partition=0)
        await producer.begin_transaction()
        await producer.send_and_wait(run.output, b"open", partition=0)
        assert values(run) == [b"committed"]
        await producer.abort_transaction()
    finally:
        await producer.stop()


def values(run: Run) -> list[bytes]:
    """Return the records of the reader up to the end that it knows."""
    reader = committed_reader(run.bootstrap)
    try:
        source = kafka.TopicPartition(run.output, 0)
        reader.assign([source])
        reader.seek_to_beginning(source)
        end = reader.end_offsets([source])[source]
        found: list[bytes] = []
        deadline = time.monotonic() + 10
        while reader.position(source) < end:
            assert time.monotonic() < deadline, "it does not come to its end"
            for records in reader.poll(timeout_ms=100).values():
                found += [record.value for record in records]
        return found
    finally:
        reader.close()


def test_it_passes_over_an_address_that_takes_connections_and_answers_nothing(bootstrap: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hangs:
        begun = time.monotonic()
        reader = committed_reader(f"127.0.0.1:{hangs.getsockname()[1]},{bootstrap}", bootstrap_timeout_ms=5_000)
        assert reader.topics()
        reader.close()
        assert time.monotonic() - begun < 8
