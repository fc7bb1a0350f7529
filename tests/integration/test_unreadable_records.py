"""Unreadable records, on followed topics and on those that the console reads, stop no process."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.agencies import connector_group
from schemas.codec import encode
from schemas.records import ReviewRequested
from schemas.topics import TopicName
from schemas.vocabulary import Agency, ReviewReason
from services.settings import Keys
from streams.app import APPLICATION
from tests.agency_servers import AgencyServer, serving
from tests.alarm_receiver import Receiver, receiving
from tests.disclosures import fields, id_of
from tests.processes import Processes, processes, until
from tests.reports import section

pytestmark = pytest.mark.integration

PARTITIONS = 2
MARKER = b"name-marker"
FOREIGN = encode("Edge", {"tokens": ("phone:1:a", "email:1:b"), "state": "link", "disclosure_id": "d"})
#: On compacted topics the broker itself refuses records without a key.
COMPACTED = (TopicName.IDENTITY_LINKS, TopicName.KEYS)
JUNK: tuple[tuple[bytes | None, bytes | None], ...] = (
    (MARKER, MARKER),
    (b"\xff" + MARKER, None),
    (b"\xff" + MARKER, FOREIGN[:-3]),
    (MARKER, encode("KeyRecord", {"key_id": "k", "person": "p", "wrapped_key": b"w"})[:10] + b"\xff" * 20),
    (MARKER, FOREIGN),
)


@pytest.fixture
def bootstrap(own_broker: Callable[[], LocalBroker]) -> str:
    broker = own_broker()
    apply(broker.bootstrap, PARTITIONS)
    return broker.bootstrap


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def house(bootstrap: str, receiver: Receiver, tmp_path: Path) -> Iterator[Processes]:
    Keys.create(tmp_path / "keys")
    environment = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "CONFIDE_ALARM": receiver.url,
    }
    with processes(environment, tmp_path) as confide:
        yield confide


@pytest.fixture
async def agency(tmp_path: Path) -> AsyncIterator[AgencyServer]:
    async with serving(tmp_path, Agency.EMERGENCY_999) as server:
        yield server


def litter(bootstrap: str) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for topic in (*COMPACTED, TopicName.REVIEWS, TopicName.DECISIONS):
        for partition in range(PARTITIONS):
            for key, value in JUNK if topic in COMPACTED else ((None, MARKER), *JUNK):
                producer.send(str(topic), value, key, partition=partition).get(20)
    request = ReviewRequested(
        review_id="review-of-a-missing-key",
        decision_id=None,
        disclosure_id="disclosure-1",
        person="person-1",
        requested_at=datetime.now(UTC),
        reason=ReviewReason.CONFIRMATION,
        deadline=datetime.now(UTC),
        section=section(key_id="absent").section,
    )
    producer.send(str(TopicName.REVIEWS), encode("ReviewRequested", request.model_dump()), b"person-1").get(20)
    producer.close()


def produce(house: Processes, *lines: dict[str, Any]) -> None:
    done = house.run("produce", "-", given="".join(json.dumps(line) + "\n" for line in lines).encode())
    assert done.returncode == 0, done.stderr


async def test_worker_connector_and_console_work_beside_records_that_cannot_be_read(
    house: Processes, bootstrap: str, agency: AgencyServer, receiver: Receiver
) -> None:
    litter(bootstrap)
    worker = house.start("worker")
    connector = house.start("connector", "999", "--agency-url", agency.url)
    for process in (worker, connector):
        await asyncio.to_thread(process.announced)
    to_confirm = fields("d-2", assessment={"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"})
    await asyncio.to_thread(produce, house, fields("d-1"), to_confirm)
    await until(lambda: len(agency.accepted()) == 1)

    listed: Any = None
    async with asyncio.timeout(40):
        while listed is None or len(listed.stdout.splitlines()) < 2:
            listed = await asyncio.to_thread(house.run, "review", "list", "--json")
            assert listed.returncode == 0, listed.stderr
    reviews = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {review["disclosure_id"] for review in reviews} == {"disclosure-1", id_of("d-2")}
    many = PARTITIONS * (1 + len(JUNK))
    assert f"{many} records could not be read, the first at {TopicName.REVIEWS}-" in listed.stderr.decode()
    assert MARKER not in listed.stderr

    (real,) = (review["review_id"] for review in reviews if review["disclosure_id"] == id_of("d-2"))
    shown = await asyncio.to_thread(house.run, "review", "show", real)
    assert (shown.returncode, b"The assessor's own words." in shown.stdout) == (0, True), shown.stderr
    missing = await asyncio.to_thread(house.run, "review", "show", "review-of")
    assert missing.returncode == 0, missing.stderr
    assert "What was sealed cannot be read: the key is not on safeguarding.keys.v1, nor is its erasure." in (
        " ".join(missing.stdout.decode().split())
    )
    assert b"it was erased" not in missing.stdout

    passed_over = {
        f"failing/{application}/{topic}-{partition}"
        for application, topic in (
            (APPLICATION, TopicName.IDENTITY_LINKS),
            (connector_group(Agency.EMERGENCY_999), TopicName.KEYS),
        )
        for partition in range(PARTITIONS)
    }
    await asyncio.to_thread(
        receiver.until, lambda seen: passed_over <= {cause for what, cause, _ in seen.heard() if what == "alarm"}
    )
    facts = receiver.facts("failing")
    assert (facts["topic"] in {str(topic) for topic in COMPACTED}, {"partition", "offset"} <= set(facts)) == (
        True,
        True,
    )
    assert MARKER.decode() not in str(receiver.calls)

    for process in (worker, connector):
        assert await asyncio.to_thread(process.stop) == 0
    for verb, topic in (("worker", TopicName.IDENTITY_LINKS), ("connector", TopicName.KEYS)):
        said = house.errors(verb).read_text()
        assert said.count("passed over a record") >= PARTITIONS * 4
        assert f'"topic": "{topic}"' in said
        assert MARKER.decode() not in said
