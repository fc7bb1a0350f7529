"""A batch: records of one topic partition between two fetch positions."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.runtime.agent import Record

#: Approximate size of a record beside its key and value (bytes): it is a Python object with headers.
_RECORD_BYTES = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic partition.

    `begin` and `end` are the fetch positions around them. Offsets of control records between the two count too.
    """

    topic: str
    records: list[Record]
    begin: int
    end: int
    #: Approximate size of the records (bytes).
    size: int

    @classmethod
    def of(cls, topic: str, records: list[Record], begin: int, end: int) -> "Batch":
        """Return a batch with its size."""
        return cls(
            topic, records, begin, end, sum(_RECORD_BYTES + len(r.key or b"") + len(r.value or b"") for r in records)
        )

    @staticmethod
    def joined(parts: Sequence["Batch"]) -> "Batch":
        """Return several batches as one; each must begin where the one before ends."""
        first, last = parts[0], parts[-1]
        if len(parts) == 1:
            return first
        records = [record for part in parts for record in part.records]
        return Batch(first.topic, records, first.begin, last.end, sum(part.size for part in parts))

    def split(self, count: int) -> tuple["Batch", "Batch"]:
        """Return the first `count` records and the rest as two batches, without a gap between them."""
        rest = self.records[count:]
        middle = rest[0].offset
        return (
            Batch.of(self.topic, self.records[:count], self.begin, middle),
            Batch.of(self.topic, rest, middle, self.end),
        )
