"""The demo on a Kafka with records of others: records that it cannot read, and open transactions."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaProducer

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.codec import encode
from schemas.topics import TopicName, rejected
from services.cli.demo.reading import Reader, has_disclosures
from services.committed_reader import RecordLocation
from tests.contract.examples import FULL
from tests.open_transactions import open_transaction

pytestmark = pytest.mark.integration


@pytest.fixture
def bootstrap(own_broker: Callable[[], LocalBroker]) -> str:
    bootstrap = own_broker().bootstrap
    apply(bootstrap, 1)
    return bootstrap


async def test_disclosures_in_an_open_transaction_are_there(bootstrap: str) -> None:
    assert not has_disclosures(bootstrap)
    async with open_transaction(bootstrap, TopicName.FORUM_DISCLOSURES, [(0, b"k", b"a disclosure")]) as writer:
        assert has_disclosures(bootstrap)
        await writer.commit_transaction()


def test_what_cannot_be_read_is_passed_over_and_kept_by_place(bootstrap: str) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    edge = encode("Edge", FULL["Edge"].model_dump())
    for value in (None, b"\x00junk", edge, encode("Decision", FULL["Decision"].model_dump())):
        producer.send(str(TopicName.DECISIONS), value, b"\xff", partition=0).get(20)
    headers = [("rejected-reason", b"\xff"), ("rejected-offset", b"")]
    for value in (None, b"[" * 100_000):
        producer.send(rejected(TopicName.DECISIONS), value, b"k", partition=0, headers=headers).get(20)
    producer.close()

    came: list[tuple[str, Any]] = []
    all_came = threading.Event()

    def take(name: str, fields: dict[str, Any], _: float) -> None:
        came.append((name, fields))
        if len(came) == 3:
            all_came.set()

    reader = Reader(bootstrap, take)
    reader.start()
    assert all_came.wait(30), reader.error
    reader.stop()
    assert reader.error is None
    assert sorted(name for name, _ in came) == ["Decision", "Rejected", "Rejected"]
    assert [fields["reason"] for name, fields in came if name == "Rejected"] == ["\ufffd", "\ufffd"]
    assert reader.passed_over == [RecordLocation(TopicName.DECISIONS, 0, offset) for offset in range(3)]
    assert str(reader.passed_over[0]) == "safeguarding.decisions.v1-0, offset 0"
