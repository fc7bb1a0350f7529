"""Consumers on kafka-python that read what is committed, over what would stop them for good.

Written against the source of kafka-python 3.0.12, `consumer/fetcher.py`; the same two faults, for the same reasons, as
`streams.runtime.fetcher_patch` mends in aiokafka, and the same bound on memory.
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

#: How long a reader waits for open transactions to end (seconds): the 6 s that a lane's may stay open once its process
#: was killed, the second after which the broker looks for such, and one to spare.
_OPEN_TRANSACTION_SECONDS = 8.0
_BOOTSTRAP_MILLISECONDS = 10_000
#: How long one answer of a broker is waited for, and one address of several: a broker that hangs takes connections and
#: answers nothing, and another one has to be asked within the time for the whole.
_REQUEST_MILLISECONDS = 3_000
#: For how long the ends of partitions and a consumer's positions are asked for again (seconds).
_PATIENCE_SECONDS = 30.0
_OFFSET = Struct(">q")


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
    UTF-8, with a `?` for each byte of such a name beyond ASCII. For a compressed batch that does not unpack within
    bounds, and for one whose bytes have rotted, it hands on one record, without a key, whose value is an
    `UnreadableBatch`.
    """
    consumer = _consumer(bootstrap, isolation_level="read_committed", enable_auto_commit=False, **options)
    # The fetcher looks its class of records up on itself, for each answer.
    consumer._fetcher.PartitionRecords = CommittedRecords  # noqa: SLF001 - kafka-python offers no other way in
    return consumer


def _consumer(bootstrap: str, **options: Any) -> Any:
    """Return a KafkaConsumer that learns of the cluster from the first address of `bootstrap` that answers.

    kafka-python would spend the whole of its time on one that hangs.
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
    """Return the end of each partition's log, whatever is committed of it.

    A read_committed consumer knows the last stable offset alone, which an open transaction holds back: behind that may
    lie records that are committed already.
    """
    consumer = _consumer(
        bootstrap,
        bootstrap_timeout_ms=_BOOTSTRAP_MILLISECONDS,
        isolation_level="read_uncommitted",
        enable_auto_commit=False,
        allow_auto_create_topics=False,
    )
    try:
        return _ends_at_last(consumer, sources)
    finally:
        consumer.close()


def _ends_at_last(consumer: Any, sources: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
    """Ask again where an answer takes long: on a small machine that starts many processes it may."""
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
    """Return the offset of the next record, of an assigned partition.

    kafka-python says None where no leader has answered within its own time: while the broker comes back, say. It is
    asked again for 30 s, then this raises `KafkaTimeoutError`.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    while (position := consumer.position(source)) is None:
        if time.monotonic() > until:
            raise KafkaTimeoutError("no leader says where the log begins or ends")
    offset: int = position
    return offset


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
        before, positions = positions, {source: position_of(consumer, source) for source in sources}
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

    next_fetch_offset: int

    def __init__(self, fetch_offset: int, tp: Any, records: Any, **options: Any) -> None:
        super().__init__(fetch_offset, tp, _Batches(records), **options)

    def _unpack_records(self, tp: Any, *options: Any) -> Iterator[Any]:
        try:
            yield from super()._unpack_records(tp, *options)
        except CannotRead as problem:
            # In the place of its records, one that says so; with it the fetch ends, and the next begins behind it.
            offset, self.next_fetch_offset = problem.place(self.next_fetch_offset)
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
        # An emptied marker ends its producer's transaction, whichever way: what that wrote stands before it.
        emptied = batch.is_control_batch and batch.records_count == 0
        return bool(emptied or super()._contains_abort_marker(batch))


class _Batches:
    def __init__(self, records: Any) -> None:
        self._records = records
        self._allowance = Allowance()

    def next_batch(self) -> Any:
        if self._allowance.is_used_up:
            return None
        # Not by its own `next_batch`, which makes other batches of what says that it has another format.
        stored = self._records._next_slice  # noqa: SLF001
        if stored is None:
            return None
        self._records._cache_next()  # noqa: SLF001
        return _ReadableBatch(stored, self._allowance, _first_offset(self._records))


class _ReadableBatch(ReadableBatch, DefaultRecordBatch):  # type: ignore[misc]
    """A batch, compressed or not, whose bytes can be changed before they are decoded."""


def _first_offset(records: Any) -> int | None:
    """Return the offset of the batch that is read next, also where the fetch breaks off in it."""
    rest = records._next_slice or memoryview(records._buffer)[records._pos :]  # noqa: SLF001
    return int(_OFFSET.unpack_from(rest)[0]) if len(rest) >= _OFFSET.size else None
