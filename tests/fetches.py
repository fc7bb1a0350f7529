"""Records that our readers return from a fetch whose batches a test made: with aiokafka, and with kafka-python."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from kafka.consumer.fetcher import IsolationLevel
from kafka.record.memory_records import MemoryRecords

from services import committed_reader
from streams.runtime.fetcher_patch import CommittedRecords, FetchedRecords

SOURCE = TopicPartition("topic", 0)


class Aborted(NamedTuple):
    producer_id: int
    first_offset: int


class Read(NamedTuple):
    values: list[bytes]
    position: int


Fetch = Callable[..., tuple[list[Any], int]]


def of_aiokafka(batches: Iterable[bytes], aborted: Iterable[Aborted] = (), start: int = 0) -> tuple[list[Any], int]:
    """Return the records that one fetch hands on, and the position after it."""
    records = CommittedRecords(
        SOURCE, FetchedRecords(b"".join(batches)), list(aborted), start, None, None, True, fetcher.READ_COMMITTED
    )
    return list(records), records.next_fetch_offset


def of_kafka_python(batches: Iterable[bytes], aborted: Iterable[Aborted] = (), start: int = 0) -> tuple[list[Any], int]:
    """Return the records that one fetch hands on, and the position after it."""
    records = committed_reader.CommittedRecords(
        start,
        SOURCE,
        MemoryRecords(b"".join(batches)),
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=list(aborted),
    )
    return records.take(), records.next_fetch_offset


def in_aiokafka(batches: Iterable[bytes], aborted: Iterable[Aborted], start: int = 0) -> Read:
    records, position = of_aiokafka(batches, aborted, start)
    return Read([record.value for record in records], position)


def in_kafka_python(batches: Iterable[bytes], aborted: Iterable[Aborted], start: int = 0) -> Read:
    records, position = of_kafka_python(batches, aborted, start)
    return Read([record.value for record in records], position)
