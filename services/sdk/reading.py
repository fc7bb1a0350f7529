"""Consumers on kafka-python that read what is committed, over what would stop them for good.

Written against the source of kafka-python 3.0.12, `consumer/fetcher.py`; the same two faults, for the same reasons, as
`streams.runtime.fetching` mends in aiokafka.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.record.default_records import DefaultRecordBatch

from schemas.header_names import make_names_readable

#: How long a reader waits for open transactions to end (seconds): the 6 s that a lane's may stay open once its process
#: was killed, the second after which the broker looks for such, and one to spare.
_OPEN_TRANSACTION_SECONDS = 8.0
_BOOTSTRAP_MILLISECONDS = 10_000


class Place(NamedTuple):
    """Where a record lies: all that may be said of one that cannot be read."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, record: Any) -> Self:
        """Return the place of a record of kafka-python's."""
        return cls(record.topic, record.partition, record.offset)

    def __str__(self) -> str:
        """Return `topic-partition, offset N`."""
        return f"{self.topic}-{self.partition}, offset {self.offset}"


def committed_reader(bootstrap: str, **options: Any) -> Any:
    """Return a KafkaConsumer with `options` that reads `read_committed` and commits nothing.

    It passes over control batches that compaction has emptied, and hands on records with header names that are not
    UTF-8, with a `?` for each byte of such a name beyond ASCII.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, **options
    )
    # The fetcher looks its class of records up on itself, for each answer.
    consumer._fetcher.PartitionRecords = CommittedRecords  # noqa: SLF001 - kafka-python offers no other way in
    return consumer


def high_watermarks(bootstrap: str, sources: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Return the end of each partition's log, whatever is committed of it.

    A read_committed consumer knows the last stable offset alone, which an open transaction holds back: behind that may
    lie records that are committed already.
    """
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        bootstrap_timeout_ms=_BOOTSTRAP_MILLISECONDS,
        isolation_level="read_uncommitted",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
    )
    try:
        ends: Mapping[TopicPartition, int] = consumer.end_offsets(sources)
        return ends
    finally:
        consumer.close()


def read_beyond_open_transactions(
    consumer: Any, bootstrap: str, sources: Sequence[TopicPartition], hidden: list[Place]
) -> Iterator[Any]:
    """Yield the committed records of `sources` from their beginnings up to the high watermarks of this call.

    `consumer` is a `committed_reader` of the same `bootstrap`. Where no position has moved for 8 s while transactions
    below the watermarks are still open, reading ends and `hidden` gets each place from which on they hide what follows:
    of a record that was not read then, nothing is known.
    """
    consumer.assign(sources)
    consumer.seek_to_beginning(*sources)
    ends = high_watermarks(bootstrap, sources)
    positions: dict[TopicPartition, int] = {}
    moved_at = time.monotonic()
    while True:
        before, positions = positions, {source: consumer.position(source) for source in sources}
        behind = [source for source in sources if positions[source] < ends[source]]
        if not behind:
            return
        if positions != before:
            moved_at = time.monotonic()
        elif time.monotonic() > moved_at + _OPEN_TRANSACTION_SECONDS:
            hidden += [Place(source.topic, source.partition, positions[source]) for source in behind]
            return
        for records in consumer.poll(timeout_ms=200, max_records=1_000).values():
            yield from records


class CommittedRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What a fetch brought for a partition, without what was aborted."""

    def __init__(self, fetch_offset: int, tp: Any, records: Any, **options: Any) -> None:
        super().__init__(fetch_offset, tp, _Batches(records), **options)

    def _contains_abort_marker(self, batch: Any) -> bool:
        # An emptied marker ends its producer's transaction, whichever way: what that wrote stands before it.
        emptied = batch.is_control_batch and batch.records_count == 0
        return bool(emptied or super()._contains_abort_marker(batch))


class _Batches:
    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        # Older formats have no headers.
        return _ReadableBatch(batch._buffer) if isinstance(batch, DefaultRecordBatch) else batch  # noqa: SLF001


class _ReadableBatch(DefaultRecordBatch):  # type: ignore[misc]
    __slots__ = ()

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            # The position moves with a record that was read; it is still at the beginning of this one.
            make_names_readable(self._buffer, self._pos)
            return super()._read_msg()
