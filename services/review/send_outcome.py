"""Sends the outcome of a review, signed with the key of the member of staff, and waits for the result of DECIDE."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from schemas.codec import decode, encode
from schemas.errors import KafkaUnavailable
from schemas.rejection import REJECTED_OFFSET, REJECTED_REASON
from schemas.reviews import ReviewOutcome, ReviewSettled
from schemas.topics import TopicName, rejected
from schemas.trace_context import TRACEPARENT
from services.committed_reader import RecordLocation, committed_reader, position_of
from services.review.reading import UNREADABLE
from services.review.review_index import Known
from streams.domain.reviews import signature

_MILLISECONDS_TO_ANSWER = 10_000

_log = structlog.get_logger("confide.review")


@dataclass(frozen=True, slots=True)
class OutcomeRejected:
    """DECIDE rejected the outcome, and the review is still open."""

    reason: str


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """The person was not reached: the review stays open, and staff are asked again at that time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class NotYet:
    """No result within the wait: no worker is running, or another outcome settled the review before."""


def signed(outcome: ReviewOutcome, key: bytes) -> ReviewOutcome:
    """Return the outcome with its signature under this key."""
    return outcome.model_copy(update={"signature": signature(outcome.model_dump(), key)})


def send_outcome(
    bootstrap: str, known: Known, outcome: ReviewOutcome, *, wait: float, traceparent: bytes | None = None
) -> ReviewSettled | AskedAgain | OutcomeRejected | NotYet:
    """Send the signed outcome to the partition of its review and return its result after at most `wait` seconds.

    Raises `KafkaUnavailable`.
    """
    reviews = TopicPartition(TopicName.REVIEWS, known.partition)
    rejects = TopicPartition(rejected(TopicName.REVIEW_OUTCOMES), known.partition)
    with closing(_consumer_at_end(bootstrap, reviews, rejects)) as consumer:
        sent = _send(bootstrap, known, outcome, traceparent)
        until = time.monotonic() + wait
        while time.monotonic() < until:
            for records in consumer.poll(timeout_ms=100).values():
                for record in records:
                    if (result := _result_in(record, outcome, sent)) is not None:
                        return result
        return NotYet()


def _consumer_at_end(bootstrap: str, *sources: TopicPartition) -> Any:
    """Return a consumer at the current ends of `sources`, after which the result of a later outcome will be."""
    try:
        consumer = committed_reader(bootstrap, fetch_max_wait_ms=50, allow_auto_create_topics=False)
        try:
            consumer.assign(sources)
            consumer.seek_to_end(*sources)
            for source in sources:
                position_of(consumer, source)
        except BaseException:
            consumer.close()
            raise
    except KafkaError as error:
        raise KafkaUnavailable(f"Kafka does not answer ({type(error).__name__})") from error
    return consumer


def _send(bootstrap: str, known: Known, outcome: ReviewOutcome, traceparent: bytes | None) -> int:
    """Send the outcome and return its offset."""
    try:
        producer = KafkaProducer(
            bootstrap_servers=bootstrap,
            bootstrap_timeout_ms=_MILLISECONDS_TO_ANSWER,
            client_id="confide-review",
            enable_idempotence=True,
            acks="all",
            allow_auto_create_topics=False,
            max_block_ms=_MILLISECONDS_TO_ANSWER,
            request_timeout_ms=_MILLISECONDS_TO_ANSWER // 2,
            delivery_timeout_ms=_MILLISECONDS_TO_ANSWER,
        )
        try:
            sending = producer.send(
                str(TopicName.REVIEW_OUTCOMES),
                value=encode("ReviewOutcome", outcome.model_dump()),
                key=known.key,
                headers=[] if traceparent is None else [(TRACEPARENT, traceparent)],
                partition=known.partition,
            )
            offset: int = sending.get(_MILLISECONDS_TO_ANSWER / 1000 + 1).offset
            return offset
        finally:
            producer.close(timeout=_MILLISECONDS_TO_ANSWER / 1000)
    except KafkaError as error:
        # Log the class only: the client's text may quote the record.
        raise KafkaUnavailable(f"Kafka does not answer ({type(error).__name__})") from error


def _result_in(record: Any, outcome: ReviewOutcome, sent: int) -> ReviewSettled | AskedAgain | OutcomeRejected | None:
    if record.topic == TopicName.REVIEWS:
        try:
            name, fields = decode(record.value, "ReviewRequested", "ReviewSettled")
            if name == "ReviewSettled" and fields["review_id"] == outcome.review_id:
                return ReviewSettled.model_validate(fields)
            if name == "ReviewRequested" and fields["review_id"] == outcome.review_id:
                at = fields["deadline"]
                return AskedAgain(at) if at == outcome.ask_again_at else None
        except UNREADABLE as error:
            _log.error(
                "passed over a record that cannot be read",
                error=type(error).__name__,
                **RecordLocation.of(record)._asdict(),
            )
        return None
    headers: Mapping[str, bytes] = dict(record.headers)
    if headers.get(REJECTED_OFFSET) == b"%d" % sent:
        return OutcomeRejected(headers.get(REJECTED_REASON, b"no reason is given").decode(errors="replace"))
    return None
