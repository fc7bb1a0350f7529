"""Reads the results of a play from the topics, with `read_committed`, in its own thread."""

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition
from pydantic import ValidationError

from schemas.agencies import AGENCIES
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.notifications import NotificationDue, NotificationSettled
from schemas.records import Decision, ReviewRequested
from schemas.rejection import REJECTED_PREFIX
from schemas.reports import DeliveryChanged, Report, ReportStopped
from schemas.reviews import ReviewSettled
from schemas.topics import CATALOGUE, TopicName, rejected
from services.committed_reader import RecordLocation, committed_reader, high_watermarks

_MODELS = {
    model.__name__: model
    for model in (
        Decision,
        Report,
        ReportStopped,
        DeliveryChanged,
        NotificationDue,
        NotificationSettled,
        ReviewRequested,
        ReviewSettled,
    )
}
#: Sealed fields, which are left out of the files.
_SEALED = {"Report": {"sections"}, "ReviewRequested": {"section"}, "DeliveryChanged": {"request"}}
_TOPICS = (
    TopicName.DECISIONS,
    *(entry.reports for entry in AGENCIES.values()),
    TopicName.DELIVERIES,
    TopicName.NOTIFICATIONS,
    TopicName.REVIEWS,
)
_SOURCES = (
    TopicName.FORUM_DISCLOSURES,
    TopicName.FORUM_DISCLOSURES_URGENT,
    TopicName.TEXT_LINE_DISCLOSURES,
    TopicName.TEXT_LINE_DISCLOSURES_URGENT,
)

Take = Callable[[str, dict[str, Any], float], None]


class Reader:
    """Calls `take(name, fields, seconds)` for each record, with JSON fields; the name of a rejected one is `Rejected`.

    A record that cannot be read is passed over, and its location is kept in `passed_over`.
    """

    def __init__(self, bootstrap: str, take: Take) -> None:
        self._bootstrap = bootstrap
        self._take = take
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        #: The error that ended the reading, or None.
        self.error: Exception | None = None
        self.passed_over: list[RecordLocation] = []

    def start(self) -> None:
        """Start reading from the beginning of every topic."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        try:
            consumer = _consumer(self._bootstrap)
            try:
                topics = (*_TOPICS, *(topic for name in CATALOGUE if (topic := rejected(name)) in CATALOGUE))
                sources = [TopicPartition(str(t), p) for t in topics for p in consumer.partitions_for_topic(str(t))]
                consumer.assign(sources)
                consumer.seek_to_beginning(*sources)
                while not self._stop.is_set():
                    for records in consumer.poll(timeout_ms=50, max_records=1_000).values():
                        for record in records:
                            self._take_record(record, time.monotonic())
            finally:
                consumer.close()
        except Exception as error:  # noqa: BLE001 - the owner of the reader checks `error`
            self.error = error

    def _take_record(self, record: Any, at: float) -> None:
        try:
            name, fields = _fields(record)
        except (Unreadable, ValidationError):
            self.passed_over.append(RecordLocation.of(record))
            return
        self._take(name, fields, at)


def has_disclosures(bootstrap: str) -> bool:
    """Return whether the services' topics hold any record, also in a transaction that is still open."""
    consumer = _consumer(bootstrap)
    try:
        sources = [TopicPartition(str(t), p) for t in _SOURCES for p in consumer.partitions_for_topic(str(t))]
    finally:
        consumer.close()
    return any(high_watermarks(bootstrap, sources).values())


def _consumer(bootstrap: str) -> Any:
    return committed_reader(
        bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50, allow_auto_create_topics=False
    )


def _fields(record: Any) -> tuple[str, dict[str, Any]]:
    if record.topic.endswith(rejected("")):
        return "Rejected", _rejected(record)
    name, fields = decode(record.value, *_MODELS)
    return name, _MODELS[name].model_validate(fields).model_dump(mode="json", exclude=_SEALED.get(name))


def _rejected(record: Any) -> dict[str, Any]:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    why = {
        name.removeprefix(REJECTED_PREFIX): text for name, text in headers.items() if name.startswith(REJECTED_PREFIX)
    }
    value = record.value or b""
    return {
        "topic": record.topic,
        **why,
        "disclosure_id": _disclosure_id(value),
        "bytes": len(value),
        "value": base64.b64encode(value).decode(),
    }


def _disclosure_id(value: bytes) -> str | None:
    """Return the id of a rejected disclosure, in Avro or in JSON; None if it cannot be read."""
    try:
        name, fields = decode(value, "Disclosure", "Admitted")
        found = fields["disclosure_id"] if name == "Disclosure" else fields["disclosure"]["disclosure_id"]
    except Unreadable:
        try:
            line = json.loads(value)
        except (ValueError, RecursionError):
            return None
        found = line.get("disclosure_id") if isinstance(line, dict) else None
    return found.lower() if isinstance(found, str) else None
