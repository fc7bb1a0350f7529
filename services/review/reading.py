"""Reads what the console shows: reviews, decisions, rejected records, and sections, which it opens for staff."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kafka import TopicPartition
from pydantic import ValidationError

from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.partitioner import partition_for
from schemas.records import (
    Decision,
    DeliveryChanged,
    KeyRecord,
    ReviewRequested,
    SealedComment,
    SealedDetails,
    UrgentRejected,
)
from schemas.reviews import ReviewSettled
from schemas.topics import TopicName, rejected, reports
from schemas.vocabulary import Agency, DeliveryState
from services.committed_reader import Place, committed_reader, read_beyond_open_transactions
from services.review.review_index import ReviewIndex
from streams.domain.sealing import CannotOpen, unseal, unseal_comment, unwrap

#: What decoding and validating raise on a record that is none of the expected ones.
UNREADABLE = (Unreadable, ValidationError)


class KeyMissing(LookupError):
    """Neither the key of a section nor its erasure was read; the message says whether it may yet come."""


class RejectedValue(NamedTuple):
    """What a `.rejected` topic has of a value; where that is the first part only, the length of the whole in bytes."""

    kept: bytes
    length: int | None


class Followed(NamedTuple):
    """A report of a settled review, and how far it is; no state before its connector took it."""

    report_id: str
    agency: Agency
    state: DeliveryState | None = None
    reference: str | None = None
    reason: str | None = None
    #: Staff told the agency by phone or withdrew it: attempts ended.
    is_stopped: bool = False


class Topics:
    """The topics as they are now; each read goes to the high watermarks that they have when it begins.

    A record that cannot be read is passed over, and where open transactions hide records the read ends after some
    seconds; both are kept by place.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = committed_reader(
            bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50, allow_auto_create_topics=False
        )
        #: Records that could not be read, over all reads.
        self.passed_over: list[Place] = []
        #: Places from which on open transactions hid what follows, over all reads.
        self.hidden: list[Place] = []

    def close(self) -> None:
        """Leave Kafka."""
        self._consumer.close()

    def book(self) -> ReviewIndex:
        """Return every review that is known."""
        book = ReviewIndex()
        for record in self._records(TopicName.REVIEWS):
            try:
                book.take(record.partition, *decode(record.value, "ReviewRequested", "ReviewSettled"))
            except UNREADABLE:
                self._pass_over(record)
        return book

    def decision(self, request: ReviewRequested, partition: int) -> Decision | None:
        """Return the decision that asks, None where there is none, or the topic has forgotten it."""
        for record in self._records(TopicName.DECISIONS, (partition,)):
            try:
                fields = decode(record.value, "Decision")[1]
                if fields["decision_id"] == request.decision_id:
                    return Decision.model_validate(fields)
            except UNREADABLE:
                self._pass_over(record)
        return None

    def details(self, request: ReviewRequested, master_key: bytes) -> SealedDetails | None:
        """Return what was sealed, None where the tombstone of its key was read.

        Raises `KeyMissing` where neither was, and `CannotOpen` where the keys here are others.
        """
        data_key = self.data_key(request, master_key)
        if data_key is None or request.section is None:
            return None
        return unseal(request.section, key=data_key, disclosure_id=request.disclosure_id or "")

    def comment(self, request: ReviewRequested, settled: ReviewSettled, master_key: bytes) -> SealedComment | None:
        """Return what was said beside the outcome, None where nothing was or it was erased; raises as `details`."""
        if settled.section is None or (data_key := self.data_key(request, master_key)) is None:
            return None
        return unseal_comment(settled.section, key=data_key, disclosure_id=request.disclosure_id or "")

    def data_key(self, request: ReviewRequested, master_key: bytes) -> bytes | None:
        """Return the key of a review's section, None where its tombstone was read; raises as `details`."""
        section = request.section
        if section is None or request.disclosure_id is None:
            raise CannotOpen("the review has no section")
        wrapped, is_erased = None, False
        key_id = section.key_id.encode()
        partitions = len(self._consumer.partitions_for_topic(TopicName.KEYS) or ())
        hidden_before = len(self.hidden)
        for record in self._records(TopicName.KEYS, (partition_for(key_id, partitions),)):
            if record.key != key_id:
                continue
            try:
                wrapped = None if record.value is None else _wrapped_key(record.value)
                is_erased = wrapped is None
            except UNREADABLE:
                self._pass_over(record)
        if is_erased:
            return None
        if wrapped is None:
            if len(self.hidden) > hidden_before:
                raise KeyMissing(f"the key is not on {TopicName.KEYS} yet, an open transaction may hide it: try again")
            raise KeyMissing(f"the key is not on {TopicName.KEYS}, nor is its erasure")
        return unwrap(wrapped, master=master_key, key_id=section.key_id)

    def followed(self, settled: ReviewSettled, partition: int) -> list[Followed]:
        """Return the reports that came of settling a review, each with the last that is known of its delivery."""
        if settled.decision_id is None and settled.report_id is None:
            return []
        found: dict[str, Followed] = {}
        for topic in map(reports, Agency):
            for record in self._records(topic, (partition,)):
                try:
                    name, fields = decode(record.value, "Report", "ReportStopped")
                except UNREADABLE:
                    self._pass_over(record)
                    continue
                is_of_it = fields["report_id"] == settled.report_id or (
                    settled.decision_id is not None and fields.get("decision_id") == settled.decision_id
                )
                if name == "Report" and is_of_it:
                    found[fields["report_id"]] = Followed(fields["report_id"], Agency(fields["agency"]))
                elif name == "ReportStopped" and fields["report_id"] in found:
                    found[fields["report_id"]] = found[fields["report_id"]]._replace(is_stopped=True)
        for record in self._records(TopicName.DELIVERIES, (partition,)) if found else ():
            try:
                changed = DeliveryChanged.model_validate(decode(record.value, "DeliveryChanged")[1])
            except UNREADABLE:
                self._pass_over(record)
                continue
            if (report := found.get(changed.report_id)) is not None:
                found[changed.report_id] = report._replace(
                    state=changed.state, reference=changed.reference or report.reference, reason=changed.reason
                )
        return list(found.values())

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
        return read_beyond_open_transactions(self._consumer, self._bootstrap, sources, self.hidden)

    def _pass_over(self, record: Any) -> None:
        self.passed_over.append(Place.of(record))


def _wrapped_key(value: bytes) -> bytes:
    return KeyRecord.model_validate(decode(value, "KeyRecord")[1]).wrapped_key
