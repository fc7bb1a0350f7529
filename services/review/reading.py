"""Reads reviews, decisions, deliveries and rejected records for the console, and opens sections for staff."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from kafka import TopicPartition
from pydantic import ValidationError

from schemas.agencies import AGENCIES
from schemas.avro_registry import RECORDS
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.partitioner import partition_for
from schemas.records import Decision, KeyRecord, ReviewRequested, UrgentRejected
from schemas.rejection import REJECTED_LENGTH, REJECTED_OFFSET, Cut
from schemas.reports import DeliveryChanged
from schemas.reviews import ReviewSettled
from schemas.sealed import SealedComment, SealedDetails, SealedSection
from schemas.topics import TopicName, rejected
from schemas.vocabulary import Agency, DeliveryState
from services.committed_reader import RecordLocation, committed_reader, read_beyond_open_transactions
from services.review.errors import KeyMissing
from services.review.review_index import ReviewIndex
from streams.domain.sealing import CannotOpen, unseal, unseal_comment, unwrap

#: Errors of decoding and validation for a record that is none of the expected ones.
UNREADABLE = (Unreadable, ValidationError)


class RejectedValue(NamedTuple):
    """A value on a `.rejected` topic, and how it was cut; None if it is whole."""

    kept: bytes
    cut: Cut | None


class Sealed(NamedTuple):
    """A sealed section in a decoded record, with what it takes to open it."""

    section: dict[str, Any]
    disclosure_id: str
    #: None: the key is on its topic.
    wrapped_key: bytes | None


class Followed(NamedTuple):
    """A report of a settled review and its delivery; `state` is None before the connector has read the report."""

    report_id: str
    agency: Agency
    state: DeliveryState | None = None
    reference: str | None = None
    reason: str | None = None
    #: Staff told the agency by phone or withdrew the report, which ended the attempts.
    is_stopped: bool = False


class Topics:
    """Reads the topics as they are now, each time up to the high watermarks at the start of the read.

    A record that cannot be read is skipped. If open transactions hide records, the read ends after some seconds. The
    locations of both are collected.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = committed_reader(
            bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50, allow_auto_create_topics=False
        )
        #: Records that could not be read, over all reads.
        self.passed_over: list[RecordLocation] = []
        #: Locations after which open transactions hid records, over all reads.
        self.hidden: list[RecordLocation] = []

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._consumer.close()

    def review_index(self) -> ReviewIndex:
        """Return an index of all reviews on the topic."""
        index = ReviewIndex()
        for record in self._records(TopicName.REVIEWS):
            try:
                index.take(record.partition, *decode(record.value, "ReviewRequested", "ReviewSettled"))
            except UNREADABLE:
                self._skip(record)
        return index

    def decision(self, request: ReviewRequested, partition: int) -> Decision | None:
        """Return the decision that asked for the review, None if there is none or the topic no longer has it."""
        for record in self._records(TopicName.DECISIONS, (partition,)):
            try:
                fields = decode(record.value, "Decision")[1]
                if fields["decision_id"] == request.decision_id:
                    return Decision.model_validate(fields)
            except UNREADABLE:
                self._skip(record)
        return None

    def details(self, request: ReviewRequested, master_key: bytes) -> SealedDetails | None:
        """Return the opened section of a review, None if the tombstone of its key was read.

        Raises `KeyMissing` if neither key nor tombstone was read, and `CannotOpen` if the keys here do not open it.
        """
        data_key = self.data_key(request, master_key)
        if data_key is None or request.section is None:
            return None
        return unseal(request.section, key=data_key, disclosure_id=request.disclosure_id or "")

    def comment(self, request: ReviewRequested, settled: ReviewSettled, master_key: bytes) -> SealedComment | None:
        """Return the comment of the outcome, None if there is none or it was erased; raises as `details`."""
        if settled.section is None or (data_key := self.data_key(request, master_key)) is None:
            return None
        return unseal_comment(settled.section, key=data_key, disclosure_id=request.disclosure_id or "")

    def data_key(self, request: ReviewRequested, master_key: bytes) -> bytes | None:
        """Return the key of a review's section, None if its tombstone was read; raises as `details`."""
        section = request.section
        if section is None or request.disclosure_id is None:
            raise CannotOpen("the review has no section")
        return self.section_key(section, master_key)

    def section_key(self, section: SealedSection, master_key: bytes) -> bytes | None:
        """Return the key of a sealed section, None if its tombstone was read; raises as `details`."""
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
                self._skip(record)
        if is_erased:
            return None
        if wrapped is None:
            if len(self.hidden) > hidden_before:
                raise KeyMissing(f"the key is not on {TopicName.KEYS} yet, an open transaction may hide it: try again")
            raise KeyMissing(f"the key is not on {TopicName.KEYS}, nor is its erasure")
        return unwrap(wrapped, master=master_key, key_id=section.key_id)

    def followed(self, settled: ReviewSettled, partition: int) -> list[Followed]:
        """Return the reports that followed from a settled review, each with the last known state of its delivery."""
        if settled.decision_id is None and settled.report_id is None:
            return []
        found: dict[str, Followed] = {}
        for topic in (entry.reports for entry in AGENCIES.values()):
            for record in self._records(topic, (partition,)):
                try:
                    name, fields = decode(record.value, "Report", "ReportStopped")
                except UNREADABLE:
                    self._skip(record)
                    continue
                is_of_review = fields["report_id"] == settled.report_id or (
                    settled.decision_id is not None and fields.get("decision_id") == settled.decision_id
                )
                if name == "Report" and is_of_review:
                    found[fields["report_id"]] = Followed(fields["report_id"], Agency(fields["agency"]))
                elif name == "ReportStopped" and fields["report_id"] in found:
                    found[fields["report_id"]] = found[fields["report_id"]]._replace(is_stopped=True)
        for record in self._records(TopicName.DELIVERIES, (partition,)) if found else ():
            try:
                changed = DeliveryChanged.model_validate(decode(record.value, "DeliveryChanged")[1])
            except UNREADABLE:
                self._skip(record)
                continue
            if (report := found.get(changed.report_id)) is not None:
                found[changed.report_id] = report._replace(
                    state=changed.state, reference=changed.reference or report.reference, reason=changed.reason
                )
        return list(found.values())

    def rejected(self, records: Sequence[UrgentRejected]) -> list[RejectedValue | None]:
        """Return the value of each rejected record, None for one that its topic no longer has."""
        wanted = [(each.topic, each.partition, b"%d" % each.offset) for each in records]
        found: dict[tuple[str, int, bytes], RejectedValue] = {}
        for topic, partition in dict.fromkeys((each.topic, each.partition) for each in records):
            for record in self._records(rejected(topic), (partition,)):
                headers = dict(record.headers)
                location = topic, partition, headers.get(REJECTED_OFFSET, b"")
                if location in wanted and location not in found and record.value is not None:
                    cut = Cut.of(record.value, headers.get(REJECTED_LENGTH))
                    found[location] = RejectedValue(record.value, cut)
        return [found.get(each) for each in wanted]

    def rejected_details(self, value: bytes, master_key: bytes) -> SealedDetails | None:
        """Return the opened section of a rejected record; None for a record without one, or if it cannot be opened.

        A rejected record may be forged or damaged, so that it does not open says nothing of the keys here.
        """
        return next(iter(self.opened_sections(value, master_key)), None)

    def opened_sections(self, value: bytes, master_key: bytes) -> list[SealedDetails | None]:
        """Return the opened sections of a rejected record, None for each that cannot be opened or was erased."""
        try:
            _, fields = decode(value, *RECORDS)
        except Unreadable:
            return []
        return [self._opened(found, master_key) for found in sealed_sections(fields)]

    def _opened(self, found: Sealed, master_key: bytes) -> SealedDetails | None:
        try:
            section = SealedSection.model_validate(found.section)
            if found.wrapped_key is not None:
                data_key: bytes | None = unwrap(found.wrapped_key, master=master_key, key_id=section.key_id)
            else:
                data_key = self.section_key(section, master_key)
            if data_key is None:
                return None
            return unseal(section, key=data_key, disclosure_id=found.disclosure_id)
        except (*UNREADABLE, CannotOpen, KeyMissing):
            return None

    def _records(self, topic: str, partitions: Iterable[int] | None = None) -> Iterator[Any]:
        wanted = self._consumer.partitions_for_topic(str(topic)) or () if partitions is None else partitions
        sources = [TopicPartition(str(topic), partition) for partition in sorted(wanted)]
        return read_beyond_open_transactions(self._consumer, self._bootstrap, sources, self.hidden)

    def _skip(self, record: Any) -> None:
        self.passed_over.append(RecordLocation.of(record))


def _wrapped_key(value: bytes) -> bytes:
    return KeyRecord.model_validate(decode(value, "KeyRecord")[1]).wrapped_key


def sealed_sections(fields: Any) -> Iterator[Sealed]:
    """Yield the sections of details in the fields of a record, wherever they are."""
    if isinstance(fields, list):
        for each in fields:
            yield from sealed_sections(each)
    elif isinstance(fields, dict):
        id_ = fields.get("disclosure_id") or (fields.get("disclosure") or {}).get("disclosure_id")
        if isinstance(fields.get("section"), dict) and id_ is not None:
            yield Sealed(fields["section"], id_, fields.get("wrapped_key"))
        for name, each in fields.items():
            if name != "section":
                yield from sealed_sections(each)
