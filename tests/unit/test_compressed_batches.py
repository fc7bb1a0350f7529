"""Compressed batches within the limits are read as written; beyond them one `UnreadableBatch` replaces the batch."""

import hashlib
import struct
from collections.abc import Iterable

import cramjam
import pytest
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.util import calc_crc32c

from schemas import compressed_batches
from schemas.codec import decode
from schemas.compressed_batches import CannotUnpack, UnreadableBatch, unpack
from schemas.errors import Unreadable
from tests.fetches import Aborted, Fetch, of_aiokafka, of_kafka_python
from tests.raw_records import CODECS, Entry, stored

pytestmark = pytest.mark.long

COMPRESSING = pytest.mark.parametrize("codec", [codec for codec in CODECS if codec != "none"])
READERS = pytest.mark.parametrize("read", [of_aiokafka, of_kafka_python])
_BOMB = bytes(64 << 20)
_HEADER_BYTES = _DefaultRecordBatchPy.HEADER_STRUCT.size


def good(value: bytes, name: bytes = b"name") -> list[Entry]:
    return [(b"key", value, [(name, b"")])]


def bomb(offset: int, codec: str, producer: int = -1) -> bytes:
    """Return a batch of two records that unpacks to 64 MiB; its offsets are `offset` and the next."""
    return stored([(b"key", _BOMB, []), (b"key", b"behind", [])], offset, producer, codec=codec)


def checked(batch: bytearray) -> bytes:
    at = _DefaultRecordBatchPy.ATTRIBUTES_OFFSET
    struct.pack_into(">I", batch, _DefaultRecordBatchPy.CRC_OFFSET, calc_crc32c(bytes(batch[at:])))
    return bytes(batch)


def all_of(read: Fetch, batches: Iterable[bytes], end: int) -> list[tuple[int, bytes]]:
    """Return offsets and values of fetches up to `end`: each fetch begins at the end of the one before."""
    found: list[tuple[int, bytes]] = []
    position = 0
    while position < end:
        due = [batch for batch in batches if DefaultRecordBatch(batch).next_offset > position]
        records, after = read(due, start=position)
        assert after > position
        found += [(record.offset, record.value) for record in records]
        position = after
    assert position == end
    return found


@COMPRESSING
@READERS
def test_what_fits_is_read_as_it_was_written(read: Fetch, codec: str) -> None:
    entries: list[Entry] = [(b"key", b"v" * 70_000, [(b"name", b"held"), (b"none", None)]), (None, None, [])]
    batches = [stored(entries, at, codec=codec) for at in (0, 2)]
    records, position = read(batches)
    assert position == 4
    assert [record.offset for record in records] == [0, 1, 2, 3]
    assert [(record.key, record.value, list(record.headers)) for record in records] == 2 * [
        (b"key", b"v" * 70_000, [("name", b"held"), ("none", None)]),
        (None, None, []),
    ]


@COMPRESSING
@READERS
@pytest.mark.parametrize("name", [b"name", b"\xff"])
def test_a_bomb_is_one_record_at_its_place_and_what_is_around_it_is_read(read: Fetch, codec: str, name: bytes) -> None:
    batch = bomb(1, codec)
    batches = [stored(good(b"before", name), 0), batch, stored(good(b"after", name), 3)]
    found = all_of(read, batches, end=4)
    assert found == [(0, b"before"), (1, batch[: 64 << 10]), (3, b"after")]
    value = found[1][1]
    assert isinstance(value, UnreadableBatch)
    assert (value.length, value.sha256) == (len(batch), hashlib.sha256(batch).hexdigest())
    assert value.next_offset == 3


@READERS
def test_a_bomb_has_no_key_and_the_time_of_its_last_record(read: Fetch) -> None:
    (record,), position = read([bomb(5, "zstd")])
    assert (record.key, list(record.headers), record.timestamp, position) == (None, [], 1_700_000_000_000, 7)


@READERS
def test_a_bomb_that_is_begun_in_the_middle_is_the_record_due_there(read: Fetch) -> None:
    (record,), position = read([bomb(5, "gzip")], start=6)
    assert (record.offset, position) == (6, 7)
    assert isinstance(record.value, UnreadableBatch)


@READERS
def test_no_reader_hands_on_a_bomb_that_was_aborted(read: Fetch) -> None:
    records, position = read([bomb(0, "gzip", producer=7), stored(good(b"after"), 2)], [Aborted(7, 0)])
    assert ([record.value for record in records], position) == ([b"after"], 3)


@READERS
@pytest.mark.parametrize("name", [b"name", b"\xff"])
def test_batches_that_fit_each_but_not_together_are_fetched_one_after_the_other(read: Fetch, name: bytes) -> None:
    values = [bytes([at]) * (4 << 20) for at in range(10)]
    batches = [stored(good(value, name), at, codec="zstd") for at, value in enumerate(values)]
    assert sum(map(len, batches)) < 20_000
    records, position = read(batches)
    assert len(records) == position < 6
    assert all_of(read, batches, end=10) == list(enumerate(values))


@READERS
def test_many_records_of_nothing_are_beyond_the_bound_too(read: Fetch) -> None:
    # Each record takes 400 bytes in Python, and nearly none on the wire.
    nothing: Entry = (None, None, [])
    (record,), position = read([stored([nothing] * (compressed_batches.MAX_UNPACKED_RECORDS + 1), 0, codec="gzip")])
    assert isinstance(record.value, UnreadableBatch)
    assert position == compressed_batches.MAX_UNPACKED_RECORDS + 1


@READERS
def test_records_of_nothing_count_for_what_they_take_in_python(read: Fetch) -> None:
    nothing: Entry = (None, None, [])
    batches = [stored([nothing] * 50_000, at, codec="gzip") for at in (0, 50_000)]
    records, position = read(batches)
    assert len(records) == position == 50_000


@COMPRESSING
def test_the_bound_is_exact(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = stored(good(b"v" * 5_000), 0)[_HEADER_BYTES:]
    batch = stored(good(b"v" * 5_000), 0, codec=codec)
    monkeypatch.setattr(compressed_batches, "MAX_UNPACKED_BYTES", len(plain))
    assert unpack(batch) == plain
    monkeypatch.setattr(compressed_batches, "MAX_UNPACKED_BYTES", len(plain) - 1)
    with pytest.raises(CannotUnpack, match="the batch at offset 0 cannot be read"):
        unpack(batch)


@COMPRESSING
@READERS
def test_broken_compression_does_not_stop_the_partition(read: Fetch, codec: str) -> None:
    broken = bytearray(stored(good(b"v" * 5_000), 0, codec=codec))
    broken[_HEADER_BYTES + 20 :] = b"\xee" * (len(broken) - _HEADER_BYTES - 20)
    batches = [checked(broken), stored(good(b"after"), 1)]
    found = all_of(read, batches, end=2)
    assert isinstance(found[0][1], UnreadableBatch)
    assert found[1:] == [(1, b"after")]


@READERS
def test_a_codec_that_does_not_exist_does_not_stop_the_partition(read: Fetch) -> None:
    unknown = bytearray(stored(good(b"v"), 0))
    unknown[_DefaultRecordBatchPy.ATTRIBUTES_OFFSET + 1] |= 7
    (record,), position = read([checked(unknown)])
    assert isinstance(record.value, UnreadableBatch)
    assert position == 1


@pytest.mark.parametrize("blocks", [b"\0", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff" + b"x" * 40])
def test_blocks_of_snappy_that_say_a_wrong_length_are_broken(blocks: bytes) -> None:
    batch = bytearray(stored(good(b"v" * 5_000), 0, codec="snappy"))
    batch[_HEADER_BYTES + 16 :] = blocks
    with pytest.raises(CannotUnpack):
        unpack(batch)


def test_raw_snappy_is_read_too_and_its_bound_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = stored(good(b"v" * 5_000), 0)[_HEADER_BYTES:]
    batch = bytearray(stored(good(b"v" * 5_000), 0, codec="snappy"))
    batch[_HEADER_BYTES:] = bytes(cramjam.snappy.compress_raw(plain))
    monkeypatch.setattr(compressed_batches, "MAX_UNPACKED_BYTES", len(plain))
    assert unpack(batch) == plain
    monkeypatch.setattr(compressed_batches, "MAX_UNPACKED_BYTES", len(plain) - 1)
    with pytest.raises(CannotUnpack):
        unpack(batch)


def test_the_replacement_of_a_bomb_is_no_record_of_ours() -> None:
    (record,), _ = of_aiokafka([bomb(0, "zstd")])
    with pytest.raises(Unreadable):
        decode(record.value, "Disclosure", "Edge", "TokenOwner", "KeyRecord", "ReviewRequested", "ReviewSettled")
