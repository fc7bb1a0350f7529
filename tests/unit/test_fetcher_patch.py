"""How readers handle faulty batches of the broker: aiokafka's fetcher, and kafka-python's."""

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from hypothesis import given
from hypothesis import strategies as st
from kafka.consumer.fetcher import Fetcher as PythonFetcher

from schemas.header_names import make_names_readable
from streams.runtime import fetcher_patch
from streams.runtime.fetcher_patch import CommittedRecords, FetchedRecords
from tests.fetches import SOURCE, Aborted, Read, in_aiokafka, in_kafka_python
from tests.raw_records import CODECS, Entry, builder, stored

_ABORT = [(b"\0\0\0\0", b"\0\0\0\0\0\0", ())]
_COMMIT = [(b"\0\0\0\1", b"\0\0\0\0\0\0", ())]
_EMPTIED: list[Entry] = []
_P, _Q = 7, 8


def data(value: bytes, name: bytes = b"name") -> list[Entry]:
    return [(b"key", value, [(name, b"")])]


READERS = pytest.mark.parametrize("read", [in_aiokafka, in_kafka_python])
Reader = Callable[..., Read]


@READERS
@pytest.mark.parametrize("name", [b"name", b"\xff"])
def test_an_emptied_marker_ends_what_its_producer_aborted_and_no_other(read: Reader, name: bytes) -> None:
    batches = [
        stored(data(b"P aborts", name), 0, _P),
        stored(data(b"Q aborts", name), 1, _Q),
        stored(_EMPTIED, 2, _P, control=True),
        stored(data(b"P commits", name), 3, _P),
        stored(data(b"Q aborts too", name), 4, _Q),
        stored(_COMMIT, 5, _P, control=True),
        stored(_ABORT, 6, _Q, control=True),
        stored(data(b"Q commits", name), 7, _Q),
        stored(_EMPTIED, 8, _Q, control=True),
    ]
    assert read(batches, [Aborted(_P, 0), Aborted(_Q, 1)]) == ([b"P commits", b"Q commits"], 9)


@READERS
def test_records_that_its_producer_aborts_after_an_emptied_marker_stay_aborted(read: Reader) -> None:
    batches = [
        stored(_EMPTIED, 0, _P, control=True),
        stored(data(b"P aborts"), 1, _P),
        stored(_ABORT, 2, _P, control=True),
        stored(data(b"nobody's"), 3),
    ]
    assert read(batches, [Aborted(_P, 1)]) == ([b"nobody's"], 4)


@READERS
def test_a_fetch_of_nothing_but_emptied_markers_moves_the_position(read: Reader) -> None:
    assert read([stored(_EMPTIED, at, _P, control=True) for at in (4, 9)], [], start=4) == ([], 10)


@READERS
def test_what_was_read_before_such_a_name_comes_once(read: Reader) -> None:
    batches = [stored(data(b"%d" % at, b"\xff" if at == 3 else b"name"), at) for at in range(5)]
    assert read(batches, []) == ([b"0", b"1", b"2", b"3", b"4"], 5)


def test_a_fetch_that_breaks_off_in_a_batch_is_read_up_to_it() -> None:
    batches = [stored(data(b"%d" % at, b"\xff"), at) for at in range(3)]
    assert in_aiokafka([*batches[:2], batches[2][:-5]], []) == ([b"0", b"1"], 2)


def test_a_position_inside_a_batch_is_where_reading_begins() -> None:
    batch = stored([*data(b"0", b"\xff"), *data(b"1"), *data(b"2", b"\xff")], 10, codec="gzip")
    assert in_aiokafka([batch], [], start=12) == ([b"2"], 13)


def test_aiokafka_in_python_is_mended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without aiokafka's parts in C, it raises CorruptRecordException instead.
    class InPython(FetchedRecords):
        def next_batch(self) -> Any:
            super().next_batch()
            return _DefaultRecordBatchPy(self.fetched)

    batch = stored([*data(b"0"), *data(b"1", b"\xff")], 0)
    records = CommittedRecords(SOURCE, InPython(batch), None, 0, None, None, True, fetcher.READ_COMMITTED)
    assert [record.value for record in records] == [b"0", b"1"]


_BYTES = st.binary(max_size=200)
_HEADERS = st.lists(st.tuples(_BYTES | st.text(max_size=5).map(str.encode), st.none() | _BYTES), max_size=4)


@given(st.lists(st.tuples(st.none() | _BYTES, st.none() | _BYTES, _HEADERS), min_size=1, max_size=4))
def test_names_become_readable_and_nothing_else_changes(entries: list[Entry]) -> None:
    batch = bytearray(builder(entries).build())
    start = _DefaultRecordBatchPy.HEADER_STRUCT.size
    for _ in entries:
        make_names_readable(batch, start)
        # A record's length, here below 2^13, is in its first one or two bytes.
        raw = batch[start] if batch[start] < 0x80 else (batch[start] & 0x7F) | batch[start + 1] << 7
        start += (raw >> 1) + (1 if batch[start] < 0x80 else 2)
    assert start == len(batch)
    found = [(record.key, record.value, list(record.headers)) for record in DefaultRecordBatch(bytes(batch))]
    assert found == [(key, value, [(legible(name), held) for name, held in names]) for key, value, names in entries]


def legible(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return "".join(chr(byte) if byte < 128 else "?" for byte in name)


@pytest.mark.parametrize("broken", [b"", b"\x80" * 12 + bytes(30), b"\x02\x00\x00\x00\x01\x01\x02\x7e"])
def test_a_record_that_breaks_off_is_an_error(broken: bytes) -> None:
    with pytest.raises((IndexError, ValueError)):
        make_names_readable(bytearray(broken), 0)


@pytest.mark.parametrize("codec", CODECS)
def test_a_good_fetch_is_read_in_c_to_its_end(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: Any) -> None:
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(fetcher_patch, "_ReadableRecords", slow)
    many = [(b"key", b"%d" % at, [("naïve".encode(), b"")]) for at in range(100)]
    assert in_aiokafka([stored(many, 0, codec=codec)], []).position == 100


def test_the_internals_that_are_replaced_are_those_that_were_read() -> None:
    assert version("aiokafka") == "0.14.0"
    answered = inspect.getsource(Fetcher._proc_fetch_request)
    # The fetcher looks both up when a response arrives, and calls them with these arguments.
    assert "records = MemoryRecords(part_data[-1])" in answered
    assert "partition_records = PartitionRecords(" in answered
    assert "backoff=self._prefetch_backoff" in answered
    # Called if a position is out of range, and not otherwise for a partition that has a position.
    assert "tp_state.await_reset(self._default_reset_strategy)" in answered
    # `close` takes these two; the requests in flight wait here after an error.
    assert "await asyncio.sleep(self._retry_backoff)" in answered
    assert "self._fetch_task.cancel()" in (closed := inspect.getsource(fetcher_patch._close_of_aiokafka))
    assert "for x in self._pending_tasks:" in closed
    assert "self._fetch_max_wait_ms" in inspect.getsource(Fetcher._get_actions_per_node)
    assert "parsed_records = self.PartitionRecords(fetch_offset, tp, records," in inspect.getsource(PythonFetcher)
