"""Unpacks compressed record batches into bounded memory.

Kafka's producers may compress a batch as they like, and neither broker nor client states how large it is unpacked: with
zstd, 1 MiB on the wire can be 32 GiB. aiokafka and kafka-python unpack without a bound; their readers of ours unpack
here instead (`streams.runtime.fetcher_patch`, `services.committed_reader`). See decision 0019.

Format: https://kafka.apache.org/documentation/#recordbatch. Kafka 4 accepts no older one, so all are
read as of format 2, whose checksum tells.
"""

import hashlib
import mmap
import struct
from collections.abc import Callable
from typing import Any

import cramjam

#: Bytes that the records of one batch may unpack to. Our topics take batches of 4 MiB + 64 KiB at most, and the
#: services' own store nothing compressed; so this counts only for topics with other settings. There, 1 MiB of text
#: unpacks to about 10 MiB at the most: 16 MiB refuses no honest sender, and a lane's queue can pay for it.
MAX_UNPACKED_BYTES = 16 * 1024 * 1024

#: Records of one compressed batch: about as many as an uncompressed batch of 1 MiB can hold (7 bytes each).
MAX_UNPACKED_RECORDS = 128 * 1024

#: Bytes that are kept of a batch that cannot be unpacked.
FIRST_PART_BYTES = 64 * 1024

#: Bytes of a record's Python objects beside its key and value (measured: 360).
_RECORD_BYTES = 400

_HEADER = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES = _HEADER.size
_ATTRIBUTES_AT = struct.calcsize(">qiibI")
_LENGTH_AT = struct.calcsize(">q")
_LENGTH_INCLUDED = struct.calcsize(">qi")
_CODEC_MASK = 0x07

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16

_Bytes = bytes | bytearray | memoryview

#: 2 May 2109, in milliseconds.
_MAX_TIMESTAMP = 1 << 42


class UnreadableBatch(bytes):
    """The value handed on for a batch that cannot be read: the first part of its bytes, as they were fetched.

    Begins with the batch's offset, so it is never taken for a value of ours (those begin with C3 01).
    """

    #: Bytes of the whole batch on the wire.
    length: int
    #: Hexadecimal SHA-256 of the whole batch.
    sha256: str
    #: Offset behind the batch.
    next_offset: int
    #: Its bytes are not those that were written.
    is_corrupt: bool


class CannotRead(Exception):
    """A batch cannot be read: in the place of its records its reader hands on one, `value`, and goes on behind it."""

    is_corrupt: bool

    def __init__(self, batch: _Bytes, *ends: int) -> None:
        """`ends` are offsets behind the batch; each may be wrong."""
        self._ends = ends
        self.base_offset, timestamp = _header(batch)[0], _header(batch)[8]
        #: Milliseconds since 1970, UTC: of the batch's last record; 0 where it says none that can be.
        self.timestamp: int = timestamp if 0 <= timestamp < _MAX_TIMESTAMP else 0
        super().__init__(f"the batch at offset {self.base_offset} cannot be read")
        self.value = UnreadableBatch(bytes(memoryview(batch)[:FIRST_PART_BYTES]))
        self.value.length = len(batch)
        self.value.sha256 = hashlib.sha256(batch).hexdigest()
        self.value.is_corrupt = self.is_corrupt

    def place(self, position: int) -> tuple[int, int]:
        """Return the offset of the record in its place for a reader at `position`, and where that reads on."""
        offset = max(self.base_offset, position)
        self.value.next_offset = min((end for end in self._ends if end > offset), default=offset + 1)
        return offset, self.value.next_offset


class CannotUnpack(CannotRead):
    """A batch exceeds MAX_UNPACKED_BYTES or MAX_UNPACKED_RECORDS, or its compression is broken or unknown."""

    is_corrupt = False

    def __init__(self, batch: _Bytes) -> None:
        header = _header(batch)
        super().__init__(batch, header[0] + header[6] + 1)


class Corrupt(CannotRead):
    """The checksum of a batch does not fit, or its records cannot be parsed: bytes rotted, in its header maybe.

    `behind` is the offset of the batch behind it in the fetch. Where there is none, the two numbers in the header are
    tried, the smaller one first: a number too small costs another fetch, one too large would pass good records over.
    """

    is_corrupt = True

    def __init__(self, batch: _Bytes, behind: int | None) -> None:
        header = _header(batch)
        base, counts = header[0], (header[6] + 1, header[12])
        if behind is not None and behind > base:
            super().__init__(batch, behind)
        else:
            super().__init__(batch, *(base + count for count in counts if 0 < count <= MAX_UNPACKED_RECORDS))


class Allowance:
    """Bytes that the compressed batches of one fetch may take together; a fetch ends early once it is used up.

    Without it, a fetch of 1 MiB could hold 500 batches that each unpack to the bound.
    """

    def __init__(self) -> None:
        self._left = MAX_UNPACKED_BYTES

    @property
    def is_used_up(self) -> bool:
        """Return whether the rest of the fetch is to be left for the next one."""
        return self._left <= 0

    def unpack(self, batch: _Bytes) -> bytes:
        """Return the records of a compressed batch, unpacked; raise `CannotUnpack`, which is to end the fetch too."""
        records = unpack(batch)
        self._left -= len(records) + _HEADER.unpack_from(batch)[12] * _RECORD_BYTES
        return records


def _header(batch: _Bytes) -> tuple[int, ...]:
    return _HEADER.unpack_from(bytes(memoryview(batch)[: _HEADER.size]).ljust(_HEADER.size, b"\0"))


def is_compressed(batch: _Bytes) -> bool:
    """Return whether the records of a batch of format 2 are compressed."""
    return bool(batch[_ATTRIBUTES_AT + 1] & _CODEC_MASK)


def unpack(batch: _Bytes) -> bytes:
    """Return the records of a compressed batch of format 2, unpacked; raise `CannotUnpack`."""
    decoder = _DECODERS.get(batch[_ATTRIBUTES_AT + 1] & _CODEC_MASK)
    count = _HEADER.unpack_from(batch)[12]
    if decoder is None or not 0 <= count <= MAX_UNPACKED_RECORDS:
        raise CannotUnpack(batch)
    # Anonymous pages: untouched ones take no memory, and all go back to the system at once.
    with mmap.mmap(-1, MAX_UNPACKED_BYTES) as room:
        try:
            length = decoder(bytes(memoryview(batch)[_HEADER.size :]), room)
        except (cramjam.DecompressionError, ValueError, struct.error):
            # cramjam has one class for "does not fit" and "is broken". Both end the same.
            raise CannotUnpack(batch) from None
        return room[:length]


def uncompressed(batch: _Bytes, records: bytes) -> bytes:
    """Return the batch with `records` in the place of its compressed ones; its checksum no longer fits."""
    made = bytearray(bytes(memoryview(batch)[: _HEADER.size]) + records)
    made[_ATTRIBUTES_AT + 1] &= ~_CODEC_MASK & 0xFF
    struct.pack_into(">i", made, _LENGTH_AT, len(made) - _LENGTH_INCLUDED)
    return bytes(made)


def _snappy(packed: bytes, room: mmap.mmap) -> int:
    """Unpack raw snappy, or the blocks of xerial's, which Java's and Python's clients write; return the length."""
    if not packed.startswith(_XERIAL_MAGIC):
        return cramjam.snappy.decompress_raw_into(packed, room)
    at, length = _XERIAL_HEADER_BYTES, 0
    with memoryview(room) as whole:
        while at < len(packed):
            (size,) = struct.unpack_from(">i", packed, at)
            at += 4
            if not 0 < size <= len(packed) - at:
                raise ValueError("a block is longer than the batch")
            with whole[length:] as rest:
                length += cramjam.snappy.decompress_raw_into(packed[at : at + size], rest)
            at += size
    return length


#: By the number in a batch's attributes. Each writes into the room and raises where that is too small.
_DECODERS: dict[int, Callable[[bytes, Any], int]] = {
    1: cramjam.gzip.decompress_into,
    2: _snappy,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}
