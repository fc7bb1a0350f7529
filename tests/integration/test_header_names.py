"""Records with a header name that is not text, on a real broker: read with their whole keys and values."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import kafka
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CorruptRecordError

from services.committed_reader import committed_reader
from streams.runtime.fetcher_patch import patch_aiokafka_fetcher
from tests.raw_records import CODECS, Entry, as_aiokafka_has_it, write

pytestmark = pytest.mark.integration

_VALUE = "Straße ".encode() * 50
_GOOD = (b"traceparent", b"00-4bf9")
_ACCENTED = ("naïve".encode(), b"\xff\xfe")
#: Records of one batch by key, with the headers that a reader returns.
_WRITTEN: list[tuple[bytes, list[Any], list[Any]]] = [
    (b"before", [_GOOD], [("traceparent", b"00-4bf9")]),
    (
        b"latin-1",
        ["naïve".encode("latin-1"), _GOOD, _ACCENTED],
        [("na?ve", None), ("traceparent", b"00-4bf9"), ("naïve", b"\xff\xfe")],
    ),
    (b"null", [b"\xff\xfe"], [("??", None)]),
    (b"between", [_ACCENTED], [("naïve", b"\xff\xfe")]),
    (b"cut", [b"\xe2\x82"], [("??", None)]),
    (b"after", [], []),
]


def entries() -> list[Entry]:
    return [
        (key, _VALUE, [name if isinstance(name, tuple) else (name, None) for name in names])
        for key, names, _ in _WRITTEN
    ]


def expected() -> list[Any]:
    batch = [(key, _VALUE, headers) for key, _, headers in _WRITTEN]
    return [*batch, *batch, (b"last", _VALUE, [])]


@pytest.fixture(params=CODECS)
async def topic(request: pytest.FixtureRequest, bootstrap: str) -> str:
    """A topic with two batches of such records, and a good batch after them."""
    name = f"names-{request.param}-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    last: Entry = (b"last", _VALUE, [])
    for batch in (entries(), entries(), [last]):
        await write(bootstrap, name, request.param, batch)
    return name


async def read(bootstrap: str, topic: str, max_records: int | None = None, start: int = 0) -> list[Any]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed")
    await consumer.start()
    try:
        source = TopicPartition(topic, 0)
        consumer.assign([source])
        consumer.seek(source, start)
        found: list[Any] = []
        async with asyncio.timeout(10):
            while await consumer.position(source) < len(expected()):
                for records in (await consumer.getmany(timeout_ms=100, max_records=max_records)).values():
                    found.extend(records)
        assert [record.offset for record in found] == list(range(start, len(expected())))
        return [(record.key, record.value, list(record.headers)) for record in found]
    finally:
        await consumer.stop()


async def test_aiokafka_returns_them_when_it_is_patched(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        as_aiokafka_has_it(patch)
        for _ in range(2):
            with pytest.raises(UnicodeDecodeError):
                await read(bootstrap, topic)
        patch_aiokafka_fetcher()
        assert await read(bootstrap, topic) == expected()
        # Wherever a fetch starts and however its records are taken, each is returned once.
        assert await read(bootstrap, topic, max_records=1) == expected()
        assert await read(bootstrap, topic, start=2) == expected()[2:]
        assert await read(bootstrap, topic, max_records=2, start=7) == expected()[7:]


@pytest.mark.parametrize("topic", ["none", "gzip"], indirect=True)
def test_our_kafka_python_readers_return_them(bootstrap: str, topic: str) -> None:
    plain = kafka.KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", group_id=None)
    try:
        with pytest.raises(CorruptRecordError, match="UnicodeDecodeError"):
            drain(plain, topic)
    finally:
        plain.close()
    ours = committed_reader(bootstrap)
    try:
        assert drain(ours, topic) == expected()
    finally:
        ours.close()


def drain(consumer: Any, topic: str) -> list[Any]:
    source = kafka.TopicPartition(topic, 0)
    consumer.assign([source])
    consumer.seek_to_beginning(source)
    found: list[Any] = []
    deadline = time.monotonic() + 10
    while consumer.position(source) < len(expected()):
        assert time.monotonic() < deadline, "the position does not move"
        for records in consumer.poll(timeout_ms=100).values():
            # Records before the fault are returned first; then the fault is raised.
            found.extend((record.key, record.value, list(record.headers)) for record in records)
    return found
