"""The console draws no conclusion from records that an open transaction hides, on a real broker."""

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from schemas.codec import encode
from schemas.partitioner import partition_for
from schemas.records import KeyRecord, ReviewRequested
from schemas.reviews import ReviewOutcome
from schemas.topics import TopicName, rejected
from schemas.vocabulary import ReviewDecision, ReviewReason, Role
from services.review.errors import KeyMissing
from services.review.reading import Topics
from services.review.send_outcome import OutcomeRejected, _result_in
from streams.domain.sealing import CannotOpen, wrap
from tests.kafka_fixture import PARTITIONS
from tests.open_transactions import open_transaction
from tests.reports import DATA_KEY, DETAILS, section

pytestmark = pytest.mark.integration

MASTER = bytes(range(32))


def write(bootstrap: str, topic: str, key: bytes, value: bytes | None) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    producer.send(str(topic), value, key, partition=partition_for(key, PARTITIONS)).get(20)
    producer.close()


def publish(bootstrap: str, key_id: str) -> None:
    wrapped = wrap(DATA_KEY, master=MASTER, key_id=key_id, nonce=bytes(12))
    record = KeyRecord(key_id=key_id, person="person-1", wrapped_key=wrapped)
    write(bootstrap, TopicName.KEYS, key_id.encode(), encode("KeyRecord", record.model_dump()))


def request(key_id: str) -> ReviewRequested:
    return ReviewRequested(
        review_id=f"review-{key_id}",
        decision_id=None,
        disclosure_id="disclosure-1",
        person=f"person-{key_id}",
        requested_at=datetime.now(UTC),
        reason=ReviewReason.CONFIRMATION,
        deadline=datetime.now(UTC),
        section=section(key_id=key_id).section,
    )


@pytest.fixture
def key_id() -> str:
    return f"key-{secrets.token_hex(6)}"


@pytest.fixture
def topics(bootstrap: str) -> Iterator[Topics]:
    made = Topics(bootstrap)
    yield made
    made.close()


def test_what_was_sealed_opens_until_the_tombstone_of_its_key_was_read(
    topics: Topics, bootstrap: str, key_id: str
) -> None:
    with pytest.raises(KeyMissing, match="nor is its erasure"):
        topics.details(request(key_id), MASTER)
    publish(bootstrap, key_id)
    # An unreadable record under the key's own id changes nothing.
    write(bootstrap, TopicName.KEYS, key_id.encode(), b"\x00junk")
    assert topics.details(request(key_id), MASTER) == DETAILS
    assert [place.topic for place in topics.passed_over] == [TopicName.KEYS]
    with pytest.raises(CannotOpen):
        topics.details(request(key_id), bytes(32))
    write(bootstrap, TopicName.KEYS, key_id.encode(), None)
    assert topics.details(request(key_id), MASTER) is None
    assert topics.hidden == []


def test_a_position_that_no_leader_has_given_yet_is_asked_for_again(
    topics: Topics, bootstrap: str, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(bootstrap, key_id)
    given = topics._consumer.position
    answers = iter([None, None])
    monkeypatch.setattr(topics._consumer, "position", lambda source: next(answers, given(source)))
    assert topics.details(request(key_id), MASTER) == DETAILS
    monkeypatch.setattr(topics._consumer, "position", lambda source: None)
    monkeypatch.setattr("services.committed_reader._PATIENCE_SECONDS", 0.1)
    with pytest.raises(KafkaTimeoutError, match="no leader"):
        topics.details(request(key_id), MASTER)


async def test_a_key_after_an_open_transaction_is_awaited_for_some_seconds_and_then_missing_not_erased(
    topics: Topics, bootstrap: str, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = partition_for(key_id.encode(), PARTITIONS)
    async with open_transaction(bootstrap, TopicName.KEYS, [(partition, b"other", b"junk")], 10_000) as writer:
        await asyncio.to_thread(publish, bootstrap, key_id)
        with monkeypatch.context() as patch:
            patch.setattr("services.committed_reader._OPEN_TRANSACTION_SECONDS", 0.5)
            with pytest.raises(KeyMissing, match="yet, an open transaction may hide it"):
                await asyncio.to_thread(topics.details, request(key_id), MASTER)
        assert [(place.topic, place.partition) for place in topics.hidden] == [(TopicName.KEYS, partition)]
        reading = asyncio.create_task(asyncio.to_thread(topics.details, request(key_id), MASTER))
        await asyncio.wait([reading], timeout=1.0)
        assert not reading.done()
        await writer.abort_transaction()
        assert await reading == DETAILS


async def test_a_review_after_an_open_transaction_is_found_when_that_has_ended(
    topics: Topics, bootstrap: str, key_id: str
) -> None:
    asked = request(key_id)
    key = (asked.person or "").encode()
    async with open_transaction(bootstrap, TopicName.REVIEWS, [(partition_for(key, PARTITIONS), key, b"junk")]) as left:
        value = encode("ReviewRequested", asked.model_dump())
        await asyncio.to_thread(write, bootstrap, TopicName.REVIEWS, key, value)
        reading = asyncio.create_task(asyncio.to_thread(topics.review_index))
        await asyncio.wait([reading], timeout=1.0)
        assert not reading.done()
        await left.abort_transaction()
        index = await reading
    assert index.find(asked.review_id).latest == asked


OUTCOME = ReviewOutcome(
    review_id="review-1",
    by="lead-1",
    role=Role.SAFEGUARDING_LEAD,
    decided_at=datetime(2026, 2, 3, tzinfo=UTC),
    decision=ReviewDecision.CONFIRM,
    signature=b"",
)


def came(topic: str, value: bytes | None, headers: Any = ()) -> Any:
    record = SimpleNamespace(topic=str(topic), partition=0, offset=7, value=value, headers=list(headers))
    return _result_in(record, OUTCOME, 3)


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00junk", encode("Edge", {"tokens": ("a", "b"), "state": "link", "disclosure_id": "d"})]
)
def test_an_answer_is_waited_for_past_what_cannot_be_read(value: bytes | None) -> None:
    assert came(TopicName.REVIEWS, value) is None


def test_a_refusal_whose_reason_cannot_be_read_is_one_all_the_same() -> None:
    topic = rejected(TopicName.REVIEW_OUTCOMES)
    assert came(topic, b"", [("rejected-offset", b"3"), ("rejected-reason", b"\xff")]) == OutcomeRejected("\ufffd")
    assert came(topic, b"", [("rejected-offset", b"3")]) == OutcomeRejected("no reason is given")
    assert came(topic, b"", [("rejected-offset", b"4")]) is None
