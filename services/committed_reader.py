"""Readers of committed records on kafka-python. They skip batches that would otherwise stop a consumer for ever.

Written against the source of kafka-python 3.0.12, `consumer/fetcher.py`. It has the same two faults that
`streams.runtime.fetcher_patch` works around in aiokafka, with the same reasons and the same bound on memory.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from struct import Struct
from typing import Any, NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord, Fetcher
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.record.default_records import DefaultRecordBatch

from schemas.compressed_batches import Allowance, CannotRead
from schemas.readable_batches import ReadableBatch

#: How long a reader waits for open transactions to end (seconds): 6 s, for which a lane's transaction may stay open
#: after its process was killed; 1 s, the interval at which the broker checks for such transactions; 1 s to spare.
_OPEN_TRANSACTION_SECONDS = 8.0
_BOOTSTRAP_MILLISECONDS = 10_000
#: Time limit of one request, and of one address of several: a broker that hangs accepts connections and answers
#: nothing, and another one must be asked within the limit of the whole.
_REQUEST_MILLISECONDS = 3_000
#: How long requests for the ends of partitions and for positions are repeated (seconds).
_PATIENCE_SECONDS = 30.0
_OFFSET = Struct(">q")


class RecordLocation(NamedTuple):
    """Topic, partition and offset of a record. Nothing more may be logged of a record that cannot be read."""

    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, record: Any) -> Self:
        """Return the location of a record of kafka-python."""
        return cls(record.topic, record.partition, record.offset)

    def __str__(self) -> str:
        """Return `topic-partition, offset N`."""
        return f"{self.topic}-{self.partition}, offset {self.offset}"


def committed_reader(bootstrap: str, **options: Any) -> Any:
    """Return a KafkaConsumer with `options` that reads `read_committed` and commits nothing.

    It skips control batches that compaction has emptied. It returns records with header names that are not UTF-8, with
    a `?` for each byte of such a name beyond ASCII. For a compressed batch that does not unpack within bounds, and for
    a batch with corrupt bytes, it returns one record without a key, whose value is an `UnreadableBatch`.
    """
    consumer = _consumer(bootstrap, isolation_level="read_committed", enable_auto_commit=False, **options)
    # The fetcher reads this attribute for each answer.
    consumer._fetcher.PartitionRecords = CommittedRecords  # noqa: SLF001 - kafka-python offers no other way in
    return consumer


def _consumer(bootstrap: str, **options: Any) -> Any:
    """Return a KafkaConsumer that uses the first address of `bootstrap` that answers.

    kafka-python would spend its whole time limit on an address that hangs.
    """
    *others, last = bootstrap.split(",")
    options["request_timeout_ms"] = _REQUEST_MILLISECONDS
    for address in others:
        with suppress(KafkaError):
            return KafkaConsumer(
                bootstrap_servers=address, **{**options, "bootstrap_timeout_ms": _REQUEST_MILLISECONDS}
            )
    return KafkaConsumer(bootstrap_servers=last, **options)


def high_watermarks(bootstrap: str, sources: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Return the end of each partition's log, committed or not.

    A read_committed consumer knows only the last stable offset, which an open transaction holds back, although records
    after it may be committed already.
    """
    consumer = _consumer(
        bootstrap,
        bootstrap_timeout_ms=_BOOTSTRAP_MILLISECONDS,
        isolation_level="read_uncommitted",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
    )
    try:
        return _ends_with_retries(consumer, sources)
    finally:
        consumer.close()


def _ends_with_retries(consumer: Any, sources: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Return the ends; repeat the request, because an answer is slow if a small machine starts many processes."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            ends: Mapping[TopicPartition, int] = consumer.end_offsets(sources)
        except KafkaTimeoutError:
            if time.monotonic() > until:
                raise
        else:
            return ends


def position_of(consumer: Any, source: TopicPartition) -> int:
    """Return the offset of the next record of an assigned partition.

    kafka-python returns None if no leader answers within its time limit, while the broker restarts for example. The
    request is repeated for 30 s, then this raises `KafkaTimeoutError`.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while (position := consumer.position(source)) is None:
        if time.monotonic() > until:
            raise KafkaTimeoutError("no leader says where the log begins or ends")
    offset: int = position
    return offset


def read_beyond_open_transactions(
    consumer: Any, bootstrap: str, sources: Sequence[TopicPartition], hidden: list[RecordLocation]
) -> Iterator[Any]:
    """Yield the committed records of `sources` from their beginnings up to the high watermarks of this call.

    `consumer` is a `committed_reader` of the same `bootstrap`. If no position moves for 8 s while transactions below
    the watermarks are still open, reading ends, and `hidden` gets the location in each partition after which records
    are hidden. Whether a record exists there is unknown then.
    """
    consumer.assign(sources)
    consumer.seek_to_beginning(*sources)
    ends = high_watermarks(bootstrap, sources)
    positions: dict[TopicPartition, int] = {}
    moved_at = time.monotonic()
    while True:
        before, positions = positions, {source: position_of(consumer, source) for source in sources}
        unread = [source for source in sources if positions[source] < ends[source]]
        if not unread:
            return
        if positions != before:
            moved_at = time.monotonic()
        elif time.monotonic() > moved_at + _OPEN_TRANSACTION_SECONDS:
            hidden += [RecordLocation(source.topic, source.partition, positions[source]) for source in unread]
            return
        for records in consumer.poll(timeout_ms=200, max_records=1_000).values():
            yield from records


class CommittedRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """Records of a fetch for one partition, without those of aborted transactions."""

    next_fetch_offset: int

    def __init__(self, fetch_offset: int, tp: Any, records: Any, **options: Any) -> None:
        super().__init__(fetch_offset, tp, _Batches(records), **options)

    def _unpack_records(self, tp: Any, *options: Any) -> Iterator[Any]:
        try:
            yield from super()._unpack_records(tp, *options)
        except CannotRead as problem:
            # One record replaces those of the batch. The fetch ends with it, and the next fetch begins after the
            # batch.
            offset, self.next_fetch_offset = problem.offsets_at(self.next_fetch_offset)
            value, size = problem.value, len(problem.value)
            yield ConsumerRecord(
                tp.topic,
                tp.partition,
                self.leader_epoch,
                offset,
                problem.timestamp,
                0,
                None,
                value,
                [],
                None,
                -1,
                size,
                -1,
            )
            self.drain()

    def _contains_abort_marker(self, batch: Any) -> bool:
        # An emptied marker ended its producer's transaction, by commit or abort: the records of it are before the
        # marker.
        emptied = batch.is_control_batch and batch.records_count == 0
        return bool(emptied or super()._contains_abort_marker(batch))


class _Batches:
    def __init__(self, records: Any) -> None:
        self._records = records
        self._allowance = Allowance()

    def next_batch(self) -> Any:
        if self._allowance.is_used_up:
            return None
        # Its own `next_batch` would parse a batch by the format that the bytes claim.
        stored = self._records._next_slice  # noqa: SLF001
        if stored is None:
            return None
        self._records._cache_next()  # noqa: SLF001
        return _ReadableBatch(stored, self._allowance, _first_offset(self._records))


class _ReadableBatch(ReadableBatch, DefaultRecordBatch):  # type: ignore[misc]
    """A batch, compressed or not, whose bytes may be replaced before they are decoded."""


def _first_offset(records: Any) -> int | None:
    """Return the offset of the next batch, even if the fetch ends in the middle of it."""
    rest = records._next_slice or memoryview(records._buffer)[records._pos :]  # noqa: SLF001
    return int(_OFFSET.unpack_from(rest)[0]) if len(rest) >= _OFFSET.size else None
