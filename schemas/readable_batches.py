"""A mixin for the batch classes of aiokafka and kafka-python, which makes every batch readable or replaces it.

Both clients have a Python class for batches of format 2, with the same private methods. Their names begin with `_` and
may change in any release; the tests of both readers fail then.
"""

from typing import Any

from schemas.compressed_batches import HEADER_BYTES, Allowance, CannotRead, Corrupt, is_compressed
from schemas.header_names import make_names_readable


class ReadableBatch:
    """Mixin before a client's batch class: unpacks within limits, makes header names readable, raises for damage."""

    _buffer: bytearray
    _pos: int
    _decompressed: bool

    def __init__(self, stored: memoryview, allowance: Allowance, next_base_offset: int | None) -> None:
        """`next_base_offset` is the offset of the next batch in the fetch; None if this is the last."""
        clients: Any = super()
        # Bytes too short for a batch are padded to one; its checksum does not match.
        clients.__init__(stored if len(stored) >= HEADER_BYTES else bytes(stored).ljust(HEADER_BYTES, b"\0"))
        self._stored = stored
        self._allowance = allowance
        self._next_base_offset = next_base_offset

    def validate_crc(self) -> bool:
        """Return True; raise `Corrupt` if the checksum does not match."""
        clients: Any = super()
        if not clients.validate_crc():
            raise self._corrupt()
        return True

    def __next__(self) -> Any:
        clients: Any = super()
        try:
            return clients.__next__()
        except (StopIteration, CannotRead):
            raise
        except Exception as error:
            # The checksum matches, but the bytes are no batch.
            raise self._corrupt() from error

    def _corrupt(self) -> Corrupt:
        return Corrupt(self._stored, self._next_base_offset)

    def _maybe_uncompress(self) -> None:
        if not self._decompressed and is_compressed(self._buffer):
            self._buffer, self._pos = bytearray(self._allowance.unpack(self._buffer)), 0
        self._decompressed = True

    def _read_msg(self) -> Any:
        clients: Any = super()
        try:
            return clients._read_msg()  # noqa: SLF001 - the client's own part
        except UnicodeDecodeError:
            # The client moves its position only after a whole record, so it is still at the start of this one.
            make_names_readable(self._buffer, self._pos)
            return clients._read_msg()  # noqa: SLF001
