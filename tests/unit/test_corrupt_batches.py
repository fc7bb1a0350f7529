"""Batches with changed bytes: one record replaces such a batch, and reading continues after it."""

import hashlib
import struct

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchPy

from schemas.compressed_batches import CannotRead, Corrupt, UnreadableBatch
from tests.fetches import Fetch, of_aiokafka, of_kafka_python
from tests.raw_records import CODECS, Entry, builder, stored

READERS = pytest.mark.parametrize("read", [of_aiokafka, of_kafka_python])
_HEADER_BYTES = _DefaultRecordBatchPy.HEADER_STRUCT.size
_MAGIC_AT = struct.calcsize(">qii")
_LAST_DELTA_AT = struct.calcsize(">qiibIh")
_COUNT_AT = _HEADER_BYTES - 4


def entries(*values: bytes, name: bytes = b"name") -> list[Entry]:
    return [(b"key", value, [(name, b"")]) for value in values]


def rotted(batch: bytes, at: int, bit: int = 1) -> bytes:
    changed = bytearray(batch)
    changed[at] ^= bit
    return bytes(changed)


@READERS
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", [b"name", b"\xff"])
def test_one_record_is_in_its_place_and_what_is_around_it_is_read(read: Fetch, codec: str, name: bytes) -> None:
    bad = rotted(stored(entries(b"a" * 500, b"b" * 500, name=name), 1, codec=codec), -12)
    before, after = stored(entries(b"before", name=name), 0), stored(entries(b"after", name=name), 3)
    records, position = read([before, bad, after])
    assert [(record.offset, record.value) for record in records] == [(0, b"before"), (1, bad[: 64 << 10])]
    value = records[1].value
    assert isinstance(value, UnreadableBatch)
    assert (value.is_corrupt, value.next_offset, position) == (True, 3, 3)
    assert (value.length, value.sha256) == (len(bad), hashlib.sha256(bad).hexdigest())
    assert (records[1].key, list(records[1].headers), records[1].timestamp) == (None, [], 1_700_000_000_000)
    records, position = read([after], start=position)
    assert ([record.value for record in records], position) == ([b"after"], 4)


@READERS
@pytest.mark.parametrize("at", range(_MAGIC_AT + 1, _HEADER_BYTES))
@pytest.mark.parametrize("bit", [1, 0x80])
def test_a_corrupt_byte_in_its_header_does_not_hide_the_batch_after_it(read: Fetch, at: int, bit: int) -> None:
    bad, after = rotted(stored(entries(b"a", b"b"), 0), at, bit), stored(entries(b"after"), 2)
    (record,), position = read([bad, after])
    assert isinstance(record.value, UnreadableBatch)
    assert (record.offset, position, record.value.next_offset) == (0, 2, 2)
    assert 0 <= record.timestamp < 1 << 42


@READERS
@pytest.mark.parametrize("bit", [1, 2, 0x80])
def test_the_number_of_the_format_may_rot_since_the_checksum_fits_the_rest(read: Fetch, bit: int) -> None:
    batches = [rotted(stored(entries(b"a", b"b"), 0), _MAGIC_AT, bit), stored(entries(b"after"), 2)]
    records, position = read(batches)
    assert ([record.value for record in records], position) == ([b"a", b"b", b"after"], 3)


@READERS
@pytest.mark.parametrize("cut", [8, 40])
def test_the_header_of_a_cut_off_batch_after_it_shows_where_it_ends(read: Fetch, cut: int) -> None:
    bad = rotted(stored(entries(b"a", b"b"), 0), _LAST_DELTA_AT + 3, 4)
    (record,), position = read([bad, stored(entries(b"after"), 2)[:cut]])
    assert (record.offset, position) == (0, 2)


@READERS
@pytest.mark.parametrize("at", [_LAST_DELTA_AT + 3, _COUNT_AT + 3, _LAST_DELTA_AT, _COUNT_AT])
@pytest.mark.parametrize("bit", [1, 4, 0x80])
def test_the_last_batch_of_a_log_is_never_passed_by_more_than_it_holds(read: Fetch, at: int, bit: int) -> None:
    bad = rotted(stored(entries(b"a", b"b"), 0), at, bit)
    (_, *none), position = read([bad])
    assert (none, 0 < position <= 2) == ([], True)


@READERS
def test_a_checksum_that_fits_bytes_that_are_no_record_changes_nothing(read: Fetch) -> None:
    made = builder([*entries(b"value", name=b"\xff"), *entries(b"wrong")])
    made._buffer[-1] = 0x7E  # the length of the last header's value
    records, position = read([bytes(made.build())])
    assert [record.offset for record in records] == [0, 1]
    assert records[0].value == b"value"
    assert isinstance(records[1].value, UnreadableBatch)
    assert position == 2


def test_a_reader_always_gets_further() -> None:
    batch = stored(entries(b"a", b"b", b"c"), 10)
    for position in range(9, 20):
        offset, after = Corrupt(batch, None).offsets_at(position)
        assert offset == max(10, position)
        assert after == (13 if offset < 13 else offset + 1)
    assert issubclass(Corrupt, CannotRead)
