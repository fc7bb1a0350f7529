"""Reads the `.rejected` topics: every record that could not be read or carried out, where it is and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kafka import TopicPartition

from schemas.rejection import REJECTED_EXERCISE, REJECTED_LENGTH, REJECTED_PREFIX, Cut
from schemas.topics import CATALOGUE, TopicName, rejected
from services.committed_reader import RecordLocation, committed_reader, read_beyond_open_transactions
from services.rejected_content import decoded, named_id

#: The topics that can have rejected records.
SOURCES = tuple(name for name in CATALOGUE if rejected(name) in CATALOGUE)


class WrongPlace(ValueError):
    """The text is not the place of a rejected record; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rejected record is: the topic from which it was rejected, and its position in that one's `.rejected`."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Return the place that `confide rejected list` prints; raise `WrongPlace` for any other text."""
        topic, *numbers = text.rsplit("/", 2)
        if topic not in SOURCES or len(numbers) != 2 or not all(each.isascii() and each.isdigit() for each in numbers):
            raise WrongPlace("PLACE is TOPIC/PARTITION/OFFSET, as `confide rejected list` prints it")
        return cls(topic, int(numbers[0]), int(numbers[1]))

    def __str__(self) -> str:
        """Return `TOPIC/PARTITION/OFFSET`."""
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A rejected record: its place, why it was rejected (the headers without their prefix), and its original parts."""

    place: Place
    why: Mapping[str, str]
    key: bytes | None
    value: bytes | None
    #: The headers with which it came, for example its trace.
    headers: tuple[tuple[str, bytes], ...]

    @property
    def cut(self) -> Cut | None:
        """How the value was cut; None if the whole was kept."""
        length = self.why.get(REJECTED_LENGTH.removeprefix(REJECTED_PREFIX))
        return Cut.of(self.value, None if length is None else length.encode())

    @property
    def is_exercise(self) -> bool:
        """Whether it came as an exercise: by its sender's credential, or without one by its own word."""
        if self.why.get(REJECTED_EXERCISE.removeprefix(REJECTED_PREFIX)) == "true":
            return True
        # A door's word on JSON is in the header. What a service wrote itself says it in its field.
        found = self.decoded()
        return found is not None and found[0] == "Disclosure" and bool(found[1]["exercise"])

    def decoded(self) -> tuple[str, Any] | None:
        """Return the name of the record and its fields, by whichever schema it fits; None if it fits none."""
        return None if self.value is None else decoded(self.value)

    def disclosure_id(self) -> str | None:
        """Return the id of the disclosure in it, in lower case; None if none can be read."""
        return None if self.value is None else named_id(self.value)


class RejectedRecords:
    """Reads rejected records as they are now, up to the high watermarks at the start of each read."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer = committed_reader(
            bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=50, allow_auto_create_topics=False
        )
        #: Locations after which open transactions hid records.
        self.hidden: list[RecordLocation] = []

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._consumer.close()

    def of(self, topics: tuple[str, ...]) -> Iterator[RejectedRecord]:
        """Yield the rejected records of these topics, each topic's by partition and offset."""
        for topic in topics:
            found = self._consumer.partitions_for_topic(rejected(topic)) or ()
            sources = [TopicPartition(rejected(topic), partition) for partition in sorted(found)]
            if sources:
                for record in read_beyond_open_transactions(self._consumer, self._bootstrap, sources, self.hidden):
                    yield _of(topic, record)

    def at(self, place: Place) -> RejectedRecord | None:
        """Return the record at a place, None if it is no longer kept."""
        source = TopicPartition(rejected(place.topic), place.partition)
        if place.partition not in (self._consumer.partitions_for_topic(rejected(place.topic)) or ()):
            return None
        for record in read_beyond_open_transactions(self._consumer, self._bootstrap, [source], self.hidden):
            if record.offset == place.offset:
                return _of(place.topic, record)
        return None


def is_of_a_service(topic: str) -> bool:
    """Return whether the services write this topic: its records are disclosures."""
    return topic in (
        TopicName.FORUM_DISCLOSURES,
        TopicName.FORUM_DISCLOSURES_URGENT,
        TopicName.TEXT_LINE_DISCLOSURES,
        TopicName.TEXT_LINE_DISCLOSURES_URGENT,
    )


def _of(topic: str, record: Any) -> RejectedRecord:
    why, came = {}, []
    for name, value in record.headers:
        if name.startswith(REJECTED_PREFIX):
            why[name.removeprefix(REJECTED_PREFIX)] = (value or b"").decode("utf-8", "replace")
        else:
            came.append((name, value))
    place = Place(topic, record.partition, record.offset)
    return RejectedRecord(place, why, record.key, record.value, tuple(came))
