"""Workers first: a newer writer's record waits in `.rejected` until a worker that knows its schema decides it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.codec import decode
from schemas.disclosure import disclosure_key
from schemas.partitioner import partition_for
from schemas.topics import TopicName, rejected
from services.settings import Keys
from tests.disclosures import disclosure, fields, id_of
from tests.next_release import newer_schema, next_release, written_by
from tests.processes import Processes, processes
from tests.tails import Tail

pytestmark = [pytest.mark.integration, pytest.mark.faults]
PARTITIONS = 2
TOPIC = TopicName.FORUM_DISCLOSURES_URGENT
UNKNOWN = "value: is of an unknown schema"


@pytest.fixture
def bootstrap(own_broker: Callable[[], LocalBroker]) -> str:
    broker = own_broker()
    apply(broker.bootstrap, PARTITIONS)
    return broker.bootstrap


@pytest.fixture
def releases(bootstrap: str, tmp_path: Path) -> Iterator[tuple[Processes, Processes]]:
    """Start processes of this release, and of the next one; both have the same keys."""
    Keys.create(tmp_path / "keys")
    environment = {"KAFKA_BOOTSTRAP": bootstrap, "CONFIDE_KEYS": str(tmp_path / "keys")}
    upgraded = {**environment, **next_release(tmp_path / "release")}
    logs = tmp_path / "next"
    logs.mkdir()
    with processes(environment, tmp_path) as these, processes(upgraded, logs) as next_ones:
        yield these, next_ones


def write(bootstrap: str, name: str, **more: Any) -> bytes:
    """Write an emergency as the next release of a service does, with the field that this release does not know."""
    value = written_by(newer_schema(), {**disclosure(name).model_dump(), **more})
    key = disclosure_key(id_of(name))
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send(str(TOPIC), value, key, partition=partition_for(key, PARTITIONS)).get(20)
    producer.close()
    return value


async def test_a_record_of_a_newer_writer_is_decided_once_the_workers_are_upgraded(
    releases: tuple[Processes, Processes], bootstrap: str
) -> None:
    these, next_ones = releases
    worker = these.start("worker")
    await asyncio.to_thread(worker.announced)
    with Tail(bootstrap, rejected(TOPIC), TopicName.REVIEWS, TopicName.DECISIONS) as tail:
        value = write(bootstrap, "newer", tags=["looked-after"])
        first = {record.topic: record for record in await asyncio.to_thread(tail.take, 2)}
        kept, asked = first[rejected(TOPIC)], decode(first[TopicName.REVIEWS].value, "ReviewRequested")[1]
        assert kept.value == value
        assert (asked["reason"], asked["rejected_records"][0]["reason"]) == ("rejected", UNKNOWN)

        place = f"{TOPIC}/{kept.partition}/{kept.offset}"
        listed = await asyncio.to_thread(these.run, "rejected", "list", "--topic", TOPIC)
        assert [line.endswith(UNKNOWN) for line in listed.stdout.decode().splitlines()] == [True]
        too_early = await asyncio.to_thread(these.run, "rejected", "replay", place)
        assert too_early.returncode == 2
        assert f"it still cannot be read: {UNKNOWN}".encode() in too_early.stderr

        assert await asyncio.to_thread(worker.stop) == 0
        await asyncio.to_thread(next_ones.start("worker").announced)
        done = await asyncio.to_thread(next_ones.run, "rejected", "replay", place)
        assert done.returncode == 0, done.stderr
        # A writer that was not upgraded yet, and one that was.
        older = await asyncio.to_thread(these.run, "produce", "-", given=json.dumps(fields("older")).encode())
        assert older.returncode == 0, older.stderr
        line = json.dumps(fields("by-the-sdk", tags=["looked-after"])).encode()
        newer = await asyncio.to_thread(next_ones.run, "produce", "-", given=line)
        assert newer.returncode == 0, newer.stderr
        decided = [decode(record.value, "Decision")[1] for record in await asyncio.to_thread(tail.take, 3)]
    assert {each["disclosure_id"] for each in decided} == {id_of(name) for name in ("newer", "older", "by-the-sdk")}
    assert {each["outcome"] for each in decided} == {"emergency"}
