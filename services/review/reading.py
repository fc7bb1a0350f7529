"""Reads what the console shows: reviews, decisions, rejected records, and sections, which it opens for staff."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kafka import TopicPartition

from schemas.codec import decode
from schemas.partitioner import partition_for
from schemas.records import Decision, KeyRecord, ReviewRequested, SealedDetails, UrgentRejected
from schemas.topics import TopicName, rejected
from services.review.book import Book
from services.sdk.reading import committed_reader
from streams.domain.sealing import CannotOpen, unseal, unwrap


class RejectedValue(NamedTuple):
    """What a `.rejected` topic has of a value; where that is the first part only, the length of the whole in bytes."""

    kept: bytes
    length: int | None


class Topics:
    """The topics as they are now; every read goes to the end that they have when it begins."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = committed_reader(
            bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50, allow_auto_create_topics=False
        )

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

    def book(self) -> Book:
        """Return every review that is known."""
        book = Book()
        for record in self._records(TopicName.REVIEWS):
            book.take(record.partition, *decode(record.value, "ReviewRequested", "ReviewSettled"))
        return book

    def decision(self, request: ReviewRequested, partition: int) -> Decision | None:
        """Return the decision that asks, None where there is none, or the topic has forgotten it."""
        for record in self._records(TopicName.DECISIONS, (partition,)):
            fields = decode(record.value, "Decision")[1]
            if fields["decision_id"] == request.decision_id:
                return Decision.model_validate(fields)
        return None

    def details(self, request: ReviewRequested, master_key: bytes) -> SealedDetails | None:
        """Return what was sealed, None once its key was erased; raise `CannotOpen` where the keys here are others."""
        section = request.section
        if section is None or request.disclosure_id is None:
            raise CannotOpen("the review has no section")
        wrapped = None
        partitions = len(self._consumer.partitions_for_topic(TopicName.KEYS) or ())
        for record in self._records(TopicName.KEYS, (partition_for(section.key_id.encode(), partitions),)):
            if record.key == section.key_id.encode():
                wrapped = record.value
        if wrapped is None:
            return None
        key = KeyRecord.model_validate(decode(wrapped, "KeyRecord")[1]).wrapped_key
        data_key = unwrap(key, master=master_key, key_id=section.key_id)
        return unseal(section, key=data_key, disclosure_id=request.disclosure_id)

    def rejected(self, about: UrgentRejected) -> RejectedValue | None:
        """Return the value of a rejected record as it is kept, None where its topic has forgotten it."""
        for record in self._records(rejected(about.topic), (about.partition,)):
            headers = dict(record.headers)
            if headers.get("rejected-offset") == b"%d" % about.offset:
                length = headers.get("rejected-length")
                if record.value is None:
                    return None
                return RejectedValue(record.value, None if length is None else int(length))
        return None

    def _records(self, topic: str, partitions: Iterable[int] | None = None) -> Iterator[Any]:
        wanted = self._consumer.partitions_for_topic(str(topic)) or () if partitions is None else partitions
        sources = [TopicPartition(str(topic), partition) for partition in sorted(wanted)]
        self._consumer.assign(sources)
        self._consumer.seek_to_beginning(*sources)
        ends = self._consumer.end_offsets(sources)
        while any(self._consumer.position(source) < end for source, end in ends.items()):
            for records in self._consumer.poll(timeout_ms=200, max_records=1_000).values():
                yield from records
