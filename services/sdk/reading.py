"""Consumers on kafka-python that read what is committed, over what would stop them for good.

Written against the source of kafka-python 3.0.12, `consumer/fetcher.py`; the same two faults, for the same reasons, as
`streams.runtime.fetching` mends in aiokafka.
"""

from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.record.default_records import DefaultRecordBatch

from schemas.header_names import make_names_readable


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
