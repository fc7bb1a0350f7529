"""A batch: records of one topic partition between two fetch positions."""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.runtime.agent import Record

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
