"""Records that replace a batch that cannot be read: rejected without decoding; offsets go on after the batch."""

from typing import Protocol

from schemas.compressed_batches import MAX_UNPACKED_BYTES, MAX_UNPACKED_RECORDS, UnreadableBatch
from schemas.errors import Problem, Unreadable
from streams.runtime.agent import Record

_REASON = f"cannot be unpacked into {MAX_UNPACKED_BYTES >> 20} MiB and {MAX_UNPACKED_RECORDS:,} records"
_CORRUPT = "is not as it was written: its checksum does not fit, or it is no batch"


class _HasOffset(Protocol):
    @property
    def offset(self) -> int: ...

    @property
    def value(self) -> bytes | None: ...


def refuse_unreadable(record: Record) -> None:
    """Raise `Unreadable` if the record replaces a batch that cannot be read."""
    if isinstance(record.value, UnreadableBatch):
        raise Unreadable((Problem("batch", _CORRUPT if record.value.is_corrupt else _REASON),))


def offset_after(record: _HasOffset) -> int:
    """Return the offset after the record, or after the batch that the record replaces."""
    return record.value.next_offset if isinstance(record.value, UnreadableBatch) else record.offset + 1
