"""Reads every committed record of a run's topics."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from schemas.agencies import AGENCIES
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.topics import CATALOGUE, TopicName, rejected
from services.committed_reader import committed_reader, high_watermarks
from tests.chaos.plan import PARTITIONS

SOURCES = (
    TopicName.FORUM_DISCLOSURES,
    TopicName.FORUM_DISCLOSURES_URGENT,
    TopicName.TEXT_LINE_DISCLOSURES,
    TopicName.TEXT_LINE_DISCLOSURES_URGENT,
)
_OURS = (
    *SOURCES,
    TopicName.DECISIONS,
    TopicName.REVIEWS,
    *(entry.reports for entry in AGENCIES.values()),
    TopicName.DELIVERIES,
    TopicName.NOTIFICATIONS,
    TopicName.ALARMS,
)
TOPICS = (*map(str, _OURS), *sorted(topic for name in CATALOGUE if (topic := rejected(name)) in CATALOGUE))


#: Topic, partition and offset of a record.
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """One committed record; `name` is None if it cannot be decoded."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: dict[str, bytes]
    name: str | None
    fields: dict[str, Any]

    @property
    def place(self) -> Place:
        """Where the record is."""
        return self.topic, self.partition, self.offset

    @property
    def rejected_place(self) -> Place:
        """Where the record of a `.rejected` topic was before, by its headers."""
        headers = self.headers
        return headers["rejected-from"].decode(), int(headers["rejected-partition"]), int(headers["rejected-offset"])


@dataclass(slots=True)
class Record:
    """Every record by topic, in the order of its partition."""

    by_topic: dict[str, list[ReadRecord]] = field(default_factory=lambda: {topic: [] for topic in TOPICS})

    def on(self, topic: str, name: str | None = None) -> list[ReadRecord]:
        """Return the records of a topic; with `name`, only those of that name."""
        return [came for came in list(self.by_topic[str(topic)]) if name is None or came.name == name]

    def rejected(self) -> Iterator[ReadRecord]:
        """Yield the records of every `.rejected` topic."""
        for topic, found in self.by_topic.items():
            if topic.endswith(rejected("")):
                yield from list(found)


class Gatherer:
    """Reads into a `Record` in its own thread, and continues after each outage of the broker."""

    def __init__(self, bootstrap: str, record: Record) -> None:
        self._bootstrap = bootstrap
        self._record = record
        self._positions: dict[TopicPartition, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gatherer", daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def finish(self, seconds: float = 60.0) -> list[str]:
        """Read up to the present ends; return the partitions that are still unread after `seconds`."""
        ends = high_watermarks(self._bootstrap, _sources())
        waited = threading.Event()
        until = time.monotonic() + seconds
        while (unread := self._unread(ends)) and time.monotonic() < until:
            waited.wait(0.2)
        return unread

    def _unread(self, ends: Mapping[TopicPartition, int]) -> list[str]:
        read = {source: self._positions.get(source, 0) for source in ends}
        return [
            f"{source.topic}-{source.partition} could be read up to {read[source]} alone, and ends at {end}"
            for source, end in ends.items()
            if read[source] < end
        ]

    def stop(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read()
            except (KafkaError, OSError):
                # The broker is away: the next try reads on from the same positions.
                self._stop.wait(0.5)

    def _read(self) -> None:
        consumer = committed_reader(
            self._bootstrap,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=10_000,
        )
        try:
            sources = _sources()
            consumer.assign(sources)
            for source in sources:
                consumer.seek(source, self._positions.get(source, 0))
            while not self._stop.is_set():
                for source, batch in consumer.poll(timeout_ms=200, max_records=2_000).items():
                    self.take(source, batch)
                for source in sources:
                    # Beyond the last record there may be control records. None while no leader answers.
                    if (position := consumer.position(source)) is not None:
                        self._positions[source] = position
        finally:
            consumer.close()

    def take(self, source: TopicPartition, batch: Sequence[Any]) -> None:
        """Add records, each once: after an outage in the middle of a look some are read again."""
        for record in batch:
            if record.offset >= self._positions.get(source, 0):
                self._record.by_topic[record.topic].append(_read_record(record))
                self._positions[source] = record.offset + 1


def _read_record(record: Any) -> ReadRecord:
    value = record.value or b""
    headers = {name: content or b"" for name, content in record.headers}
    name: str | None
    try:
        name, fields = decode(value, *_NAMES.get(record.topic, ("Disclosure",)))
    except Unreadable:
        name, fields = None, {}
    return ReadRecord(record.topic, record.partition, record.offset, value, headers, name, fields)


_NAMES: dict[str, tuple[str, ...]] = {
    topic: CATALOGUE[topic].carries for topic in TOPICS if topic in CATALOGUE and CATALOGUE[topic].carries
}


def _sources() -> list[TopicPartition]:
    return [TopicPartition(topic, part) for topic in TOPICS for part in range(CATALOGUE[topic].count(PARTITIONS))]
