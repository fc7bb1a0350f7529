"""Unpacks compressed record batches into bounded memory.

A Kafka producer may compress a batch with any codec, and no field of the batch gives its unpacked size: with zstd,
1 MiB on the wire can become 32 GiB. aiokafka and kafka-python unpack without a limit and could take all memory. So
Confide's readers on both clients (`streams.runtime.fetcher_patch`, `services.committed_reader`) unpack here. See
decision 0019.

Format: https://kafka.apache.org/documentation/#recordbatch. Kafka 4 accepts no older format, so every batch is read as
format 2; its checksum shows damage.
"""

import hashlib
import mmap
import struct
from collections.abc import Callable
from typing import Any

import cramjam

#: Most bytes that the records of one batch may unpack to. The topics of the catalogue take batches of at most
#: 4 MiB + 64 KiB, and the services' topics store nothing compressed: so the limit matters only for topics with other
#: settings. 1 MiB of compressed text unpacks to at most about 10 MiB, so 16 MiB refuses no honest sender, and a lane's
#: queue has room for it.
MAX_UNPACKED_BYTES = 16 * 1024 * 1024

#: Most records of one compressed batch: about as many as fit into an uncompressed batch of 1 MiB (7 bytes each).
MAX_UNPACKED_RECORDS = 128 * 1024

#: Bytes that are kept of a batch that cannot be read.
FIRST_PART_BYTES = 64 * 1024

#: Bytes of a record's Python objects, without its key and value (measured: 360).
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
    """The value that replaces a batch that cannot be read: the first part of the batch's bytes, as fetched.

    It begins with the batch's offset, so no reader takes it for a value of Confide (those begin with C3 01).
    """

    #: Bytes of the whole batch on the wire.
    length: int
    #: Hexadecimal SHA-256 of the whole batch.
    sha256: str
    #: Offset of the first record after the batch.
    next_offset: int
    #: The bytes changed after they were written.
    is_corrupt: bool


class CannotRead(Exception):
    """A batch that cannot be read. Its reader returns one record with `value` instead, and continues after it."""

    is_corrupt: bool

    def __init__(self, batch: _Bytes, *ends: int) -> None:
        """`ends` are guesses of the offset after the batch; each may be wrong."""
        self._ends = ends
        self.base_offset, timestamp = _header(batch)[0], _header(batch)[8]
        #: Timestamp of the batch's last record, in milliseconds since 1970, UTC; 0 if the header has no possible one.
        self.timestamp: int = timestamp if 0 <= timestamp < _MAX_TIMESTAMP else 0
        super().__init__(f"the batch at offset {self.base_offset} cannot be read")
        self.value = UnreadableBatch(bytes(memoryview(batch)[:FIRST_PART_BYTES]))
        self.value.length = len(batch)
        self.value.sha256 = hashlib.sha256(batch).hexdigest()
        self.value.is_corrupt = self.is_corrupt

    def offsets_at(self, position: int) -> tuple[int, int]:
        """Return the offset of the replacing record for a reader at `position`, and the offset to continue at."""
        offset = max(self.base_offset, position)
        self.value.next_offset = min((end for end in self._ends if end > offset), default=offset + 1)
        return offset, self.value.next_offset


class CannotUnpack(CannotRead):
    """A batch that exceeds MAX_UNPACKED_BYTES or MAX_UNPACKED_RECORDS, or whose compression is broken or unknown."""

    is_corrupt = False

    def __init__(self, batch: _Bytes) -> None:
        header = _header(batch)
        super().__init__(batch, header[0] + header[6] + 1)


class Corrupt(CannotRead):
    """A batch whose checksum does not match, or whose records cannot be parsed: bytes changed, maybe in its header.

    `next_base_offset` is the offset of the next batch in the fetch. Without one, the two counts in the header are
    tried, the smaller first: too small a count costs another fetch, too large a count would skip good records.
    """

    is_corrupt = True

    def __init__(self, batch: _Bytes, next_base_offset: int | None) -> None:
        header = _header(batch)
        base, counts = header[0], (header[6] + 1, header[12])
        if next_base_offset is not None and next_base_offset > base:
            super().__init__(batch, next_base_offset)
        else:
            super().__init__(batch, *(base + count for count in counts if 0 < count <= MAX_UNPACKED_RECORDS))


class Allowance:
    """Memory that the compressed batches of one fetch may use together; the fetch ends early when it is used up.

    Without it, a fetch of 1 MiB could contain 500 batches that each unpack to the limit.
    """

    def __init__(self) -> None:
        self._left = MAX_UNPACKED_BYTES

    @property
    def is_used_up(self) -> bool:
        """Return whether the rest of this fetch must wait for the next fetch."""
        return self._left <= 0

    def unpack(self, batch: _Bytes) -> bytes:
        """Return the unpacked records of a compressed batch. `CannotUnpack` must end the fetch too."""
        records = unpack(batch)
        self._left -= len(records) + _HEADER.unpack_from(batch)[12] * _RECORD_BYTES
        return records


def _header(batch: _Bytes) -> tuple[int, ...]:
    return _HEADER.unpack_from(bytes(memoryview(batch)[: _HEADER.size]).ljust(_HEADER.size, b"\0"))


def is_compressed(batch: _Bytes) -> bool:
    """Return whether the records of a batch of format 2 are compressed."""
    return bool(batch[_ATTRIBUTES_AT + 1] & _CODEC_MASK)


def unpack(batch: _Bytes) -> bytes:
    """Return the unpacked records of a compressed batch of format 2; raise `CannotUnpack` if they exceed the limits."""
    decoder = _DECODERS.get(batch[_ATTRIBUTES_AT + 1] & _CODEC_MASK)
    count = _HEADER.unpack_from(batch)[12]
    if decoder is None or not 0 <= count <= MAX_UNPACKED_RECORDS:
        raise CannotUnpack(batch)
    # Anonymous pages: untouched pages take no memory, and the system gets all of them back at once.
    with mmap.mmap(-1, MAX_UNPACKED_BYTES) as room:
        try:
            length = decoder(bytes(memoryview(batch)[_HEADER.size :]), room)
        except (cramjam.DecompressionError, ValueError, struct.error):
            # cramjam has one class for "does not fit" and "is broken"; both are handled alike.
            raise CannotUnpack(batch) from None
        return room[:length]


def uncompressed(batch: _Bytes, records: bytes) -> bytes:
    """Return the batch with `records` instead of its compressed records; its checksum no longer matches."""
    made = bytearray(bytes(memoryview(batch)[: _HEADER.size]) + records)
    made[_ATTRIBUTES_AT + 1] &= ~_CODEC_MASK & 0xFF
    struct.pack_into(">i", made, _LENGTH_AT, len(made) - _LENGTH_INCLUDED)
    return bytes(made)


def _snappy(packed: bytes, room: mmap.mmap) -> int:
    """Unpack raw snappy, or xerial's blocks, which Java's and Python's clients write; return the unpacked length."""
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


#: Decoders by the codec's number in a batch's attributes. Each writes into the given memory, and raises if it is small.
_DECODERS: dict[int, Callable[[bytes, Any], int]] = {
    1: cramjam.gzip.decompress_into,
    2: _snappy,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}
