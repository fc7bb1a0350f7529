"""What our readers on aiokafka and on kafka-python have a batch do that its class there does not.

Both clients have a class for batches of format 2 in Python, with the same parts: their names begin with `_` and may
change with each release, which the tests of the two readers notice.
"""

from typing import Any

from schemas.compressed_batches import HEADER_BYTES, Allowance, CannotRead, Corrupt, is_compressed
from schemas.header_names import make_names_readable


class ReadableBatch:
    """Before a client's class: unpacks within bounds, makes header names readable, says where bytes have rotted."""

    _buffer: bytearray
    _pos: int
    _decompressed: bool

    def __init__(self, stored: memoryview, allowance: Allowance, behind: int | None) -> None:
        """`behind` is the offset of the batch behind it in the fetch, None: of none."""
        clients: Any = super()
        # What is too short for a batch becomes one whose checksum does not fit.
        clients.__init__(stored if len(stored) >= HEADER_BYTES else bytes(stored).ljust(HEADER_BYTES, b"\0"))
        self._stored = stored
        self._allowance = allowance
        self._behind = behind

    def validate_crc(self) -> bool:
        """Return True; raise `Corrupt` where the checksum does not fit."""
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
            # The checksum fits, and what it is of is no batch.
            raise self._corrupt() from error

    def _corrupt(self) -> Corrupt:
        return Corrupt(self._stored, self._behind)

    def _maybe_uncompress(self) -> None:
        if not self._decompressed and is_compressed(self._buffer):
            self._buffer, self._pos = bytearray(self._allowance.unpack(self._buffer)), 0
        self._decompressed = True

    def _read_msg(self) -> Any:
        clients: Any = super()
        try:
            return clients._read_msg()  # noqa: SLF001 - the client's own part
        except UnicodeDecodeError:
            # The position moves with a record that was read; it is still at the beginning of this one.
            make_names_readable(self._buffer, self._pos)
            return clients._read_msg()  # noqa: SLF001
