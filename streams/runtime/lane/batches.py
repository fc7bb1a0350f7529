"""A batch of records between two fetch positions, and how it passes through Faust undecoded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka.structs import ConsumerRecord
from faust.transport.utils import DefaultSchedulingStrategy

from streams.runtime.agent import Record
from streams.runtime.unreadable import offset_behind

#: The type of a timestamp that the broker set (`LogAppendTime`).
STAMPED = 1
#: What a record weighs beside its key and value, about (bytes): it is a Python object with headers.
_RECORD_BYTES = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic partition; `begin` and `end` are the fetch positions around them, control records too."""

    topic: str
    records: list[Record]
    begin: int
    end: int
    #: Bytes that the records take, about.
    size: int

    @classmethod
    def of(cls, topic: str, records: list[Record], begin: int, end: int) -> "Batch":
        """Return a batch, weighed."""
        return cls(
            topic, records, begin, end, sum(_RECORD_BYTES + len(r.key or b"") + len(r.value or b"") for r in records)
        )

    @staticmethod
    def joined(parts: Sequence["Batch"]) -> "Batch":
        """Return batches, each of which begins where the one before ends, as one."""
        first, last = parts[0], parts[-1]
        if len(parts) == 1:
            return first
        records = [record for part in parts for record in part.records]
        return Batch(first.topic, records, first.begin, last.end, sum(part.size for part in parts))

    def split(self, count: int) -> tuple["Batch", "Batch"]:
        """Return the first `count` records and the rest, with the positions between them."""
        rest = self.records[count:]
        middle = rest[0].offset
        return (
            Batch.of(self.topic, self.records[:count], self.begin, middle),
            Batch.of(self.topic, rest, middle, self.end),
        )


class BatchRecord:
    """A batch shaped like the one record that Faust expects; `position` is the one after the fetch, None if unknown."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, fetched: list[ConsumerRecord], begin: int, position: int | None) -> None:
        last = fetched[-1]
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type = last.timestamp, last.timestamp_type
        self.headers: tuple[()] = ()
        self.key = b""
        self.checksum = None
        self.serialized_key_size = self.serialized_value_size = 0
        self.value = Batch.of(
            last.topic,
            [
                Record(
                    r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers, r.timestamp_type == STAMPED
                )
                for r in fetched
            ],
            begin,
            max(position or 0, offset_behind(last)),
        )


class BatchSchema(faust.Schema[Any, Any]):
    """Hands a batch on as it is: decoding is the lane's, so a bad record is the lane's to reject."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Any]:
        """Return Faust's decoder of a message."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust's signature
            return faust.Event(app, message.key, message.value, message.headers, message)

        return decode


def urgent_first(order: tuple[str, ...]) -> type[DefaultSchedulingStrategy]:
    """Return a Faust scheduler that hands out a fetch's batches topic by topic, in this order."""

    class UrgentFirst(DefaultSchedulingStrategy):
        def iterate(self, records: Any) -> Iterator[Any]:
            for topic in order:
                yield from super().iterate({tp: batches for tp, batches in records.items() if tp.topic == topic})

    return UrgentFirst
