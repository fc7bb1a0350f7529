"""The lines of a file: numbered, with a limit, and a file of another format refused whole."""

import io
import json
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from schemas.topics import MAX_VALUE_BYTES
from services.cli.demo.feeding import _parsed
from services.cli.demo.play import Unplayable, _lines
from services.cli.disclosure_lines import Line, NotJsonLines, lines_and_pauses, read_lines
from services.cli.produce import Sender, send_lines
from tests.disclosures import BAD_LINES, DAY_LINES, fields, raw


def read(content: bytes) -> list[Line]:
    return list(read_lines(io.BytesIO(content)))


class Unseekable(io.BytesIO):
    """A file that can be read once, like a pipe."""

    def seekable(self) -> bool:
        """Return that it cannot be read again."""
        return False


def shifted(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    return b"\n".join(change(line) for line in content.split(b"\n"))


DAY = b"\n".join(DAY_LINES)
ONE, TWO, THREE = DAY_LINES[:3]
#: Files of another format, each of which is a way to store disclosures or is none at all.
OTHERS = {
    "pretty list": json.dumps([json.loads(line) for line in DAY_LINES], indent=2).encode(),
    "pretty object": json.dumps(fields(), indent=1).encode(),
    "pretty object, id on its first line": json.dumps(fields(), indent=2).replace("{\n ", "{", 1).encode(),
    "pretty objects": b"\n".join(json.dumps(json.loads(each), indent=2).encode() for each in DAY_LINES),
    "CRLF": json.dumps(fields(), indent=4).encode().replace(b"\n", b"\r\n"),
    "concerns on lines": b"[\n" + b",\n".join(b'{"kind": "suicide"}' for _ in range(5)) + b"\n]\n",
    "list, one a line": b"[\n" + b",\n".join(DAY_LINES) + b"\n]\n",
    "list of one": b"[\n" + ONE + b"\n]\n",
    "list of two, commas on lines": b"[\n" + ONE + b"\n,\n" + TWO + b"\n]\n",
    "list, brackets beside": b"[" + b",\n".join(DAY_LINES) + b"]",
    "list of two, brackets beside": b"[" + ONE + b",\n" + TWO + b"]\n",
    "object around": b'{"disclosures": [\n' + b",\n".join(DAY_LINES) + b"\n]}",
    "object around one": b'{"disclosures": [\n' + ONE + b"\n]}",
    "object around, indented": json.dumps({"disclosures": [fields()]}, indent=2).encode(),
    "comma after each": shifted(DAY, lambda line: line + b","),
    "comma between two": ONE + b",\n" + TWO,
    "comma before each but one": b"\n,".join(DAY_LINES),
    "comma before two": ONE + b"\n," + TWO + b"\n," + THREE,
    "comma after one": ONE + b",",
    "texts": shifted(DAY, lambda line: json.dumps(line.decode()).encode()),
    "list of texts": b"[\n" + shifted(DAY, lambda line: json.dumps(line.decode()).encode() + b",") + b"\n]",
    "list on one line": b"[" + b",".join(DAY_LINES) + b"]",
    "list of one on one line": b"[" + ONE + b"]\n",
    "object around on one line": b'{"disclosures": [' + ONE + b", " + TWO + b"]}",
    "object around with a field": b'{"service": "forum", "data": {"items": [' + ONE + b"]}}",
    "object around, too long": b'{"disclosures": [' + b",".join(DAY_LINES * (MAX_VALUE_BYTES // len(DAY) + 1)) + b"]}",
    "objects on one line": b"".join(DAY_LINES),
    "two objects on one line": ONE + b" " + TWO + b"\n",
    "objects with commas on one line": b", ".join(DAY_LINES),
    "a text": json.dumps(ONE.decode()).encode(),
    "no objects": b"[]\nnull\n7\n",
    "deep": b"[" * 100_000,
    "CSV": b"disclosure_id,service\n1,forum\n2,forum\n",
    "XML": b"<disclosures>\n<disclosure/>\n</disclosures>\n",
    "UTF-16": b"\n".join(DAY_LINES).decode().encode("utf-16"),
    "UTF-16 without a mark": DAY.decode().encode("utf-16-be"),
    "UTF-16 of one line": ONE.decode().encode("utf-16"),
    "UTF-16 of one line without a mark": ONE.decode().encode("utf-16-le"),
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    "semicolon after each": shifted(DAY, lambda line: line + b";"),
    "semicolon after each but the last": b";\n".join((ONE, TWO, THREE)),
    "bulk": b"\n".join(b'{"index": {"_id": "%d"}}\n' % at + line for at, line in enumerate(DAY_LINES)),
    "bulk of one": b'{"create": {}}\n' + ONE,
    "bulk of changes": shifted(DAY, lambda line: b'{"update": {"_id": "1"}}\n{"doc": ' + line + b"}"),
    "JSONP": b"callback(" + ONE + b");",
    "JSONP of a list": b"/**/ jQuery1.found_2 ([" + ONE + b"])",
    "JSONP on lines": b"callback(\n" + ONE + b"\n);\n",
    "script": b"window.found = " + ONE + b";",
    "script with a word": b"const found = [" + ONE + b"];",
    "guarded": b")]}'," + ONE,
    "guarded by a loop": b"while(1);" + ONE,
    "XML on one line": b"<?xml version='1.0'?><disclosures><disclosure/></disclosures>",
    "HTML on one line": b"<!DOCTYPE html><html>...",
    "CSV of a header": b"disclosure_id,service,summary",
    "CSV of a quoted header": b'"disclosure_id";"service"\n',
    "CSV with old ends": b"disclosure_id\tservice\r1\tforum\r2\tforum\r",
    "a form": b"disclosure_id=1&service=forum",
    "many lines": b"PK\x03\x04\n" * 40,
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_b15_a_file_of_another_format_is_refused_before_its_first_line(content: bytes) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        with pytest.raises(NotJsonLines):
            read(mark + content)


PRETTY = json.dumps(fields(), indent=2).encode()
#: What makes a file none of JSON lines also after many good lines: one value over several lines.
VALUES = {
    "object": PRETTY,
    "object with tabs": json.dumps(fields(), indent="\t").encode(),
    "object with CRLF": PRETTY.replace(b"\n", b"\r\n"),
    "object with the id beside its brace": PRETTY.replace(b"{\n ", b"{", 1),
    "object without its brace": PRETTY.split(b"\n", 1)[1],
    "object with a damaged brace": b"?" + PRETTY,
    "object that is cut off": PRETTY[: len(PRETTY) // 2],
    "flat object with a damaged brace": b'?{\n"service": "forum",\n"summary": "x",\n"disclosed_at": ""\n}',
    "list that is cut off": b"[\n" + ONE + b",\n" + TWO + b",",
    "short object": b'{\n"service": "forum"\n}',
    "two objects": PRETTY + b"\n" + PRETTY,
    "list": json.dumps([fields()], indent=1).encode(),
    "list, one a line": b"[\n" + ONE + b",\n" + TWO + b"\n]",
    "list of one": b"[\n" + ONE + b"\n]",
    "list, brackets beside": b"[" + ONE + b",\n" + TWO + b",\n" + THREE + b"]",
    "object around": b'{"disclosures": [\n' + ONE + b"\n]}",
}


@pytest.mark.parametrize("many", [1, 12, 20, 21, 200])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_b15_a_value_over_several_lines_is_found_anywhere_in_a_file(value: bytes, many: int) -> None:
    good = b"\n".join((DAY_LINES * 10)[:many])
    for content in (good + b"\n" + value, value + b"\n" + good, good + b"\n" + value + b"\n" + good):
        with pytest.raises(NotJsonLines):
            read(content)


@pytest.mark.parametrize("many", [1, 12])
def test_b15_a_pipe_is_judged_by_what_came_first(many: int) -> None:
    content = Unseekable(b"\n".join((*DAY_LINES[:many], PRETTY)))
    with pytest.raises(NotJsonLines):
        next(read_lines(content))


def test_a_file_is_judged_from_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(PRETTY + b"\n" + DAY)
    with path.open("rb") as file:
        file.seek(len(PRETTY) + 1)
        assert [line.raw for line in read_lines(file)] == list(DAY_LINES)


def test_a_long_file_is_judged_without_its_lines_being_kept(tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        for _ in range(64):
            file.write(b'{"summary": "' + b"x" * 500_000 + b'"}\n')
    tracemalloc.start()
    with path.open("rb") as file:
        assert sum(1 for _ in read_lines(file)) == 64
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


#: Lines that are damaged each for itself.
ALONE = (
    b"{",
    b"[",
    b"]",
    b"}",
    b",",
    b'"service": "forum",',
    b'"text"',
    b"damaged",
    ONE + b",",
    ONE + b";",
    b"[]",
    b")",
)


@pytest.mark.parametrize("three", list(combinations(ALONE, 3)), ids=repr)
def test_three_bad_lines_among_many_good_ones_are_errors_of_their_own(three: tuple[bytes, ...]) -> None:
    good = list(DAY_LINES[:12])
    for places in ((0, 1, 2), (0, 5, 11), (11, 12, 13)):
        lines = list(good)
        for place, bad in zip(places, three, strict=True):
            lines.insert(place, bad)
        assert [line.raw for line in read(b"\n".join(lines))] == lines


@pytest.mark.parametrize("at", range(0, len(ONE), 7))
def test_a_line_that_is_broken_in_two_hides_none_of_the_others(at: int) -> None:
    lines = [TWO, ONE[:at], ONE[at:], THREE, *DAY_LINES[3:9]]
    found = [line.raw for line in read(b"\n".join(lines))]
    assert found == [line for line in lines if line]


def test_many_open_brackets_are_damage_of_one_line() -> None:
    lines = [*DAY_LINES[:9], b"[" * 100_000, b"[" * 100_000, *DAY_LINES[9:12]]
    assert [line.raw for line in read(b"\n".join(lines))] == lines


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_b15_nothing_of_it_is_sent_or_kept(content: bytes) -> None:
    class NoSender:
        """Fails the test if anything is sent or kept."""

        def __getattr__(self, name: str) -> None:
            raise AssertionError(name)

    with pytest.raises(NotJsonLines):
        send_lines(io.BytesIO(content), cast("Sender", NoSender()), None)


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_b15_the_demo_plays_nothing_of_it(content: bytes, tmp_path: Path) -> None:
    day = tmp_path / "day.jsonl"
    day.write_bytes(content)
    with pytest.raises(Unplayable, match="is not JSON lines; allowed: one disclosure on each line, as a JSON object"):
        _lines(day)


def test_the_demo_plays_a_day_with_a_damaged_line(tmp_path: Path) -> None:
    day = tmp_path / "day.jsonl"
    day.write_bytes(b"\n".join((ONE, b"[" * 100_000, TWO)))
    lines = _lines(day)
    assert lines == [ONE, b"[" * 100_000, TWO]
    assert [_parsed(number, line).disclosure_id is None for number, line in enumerate(lines)] == [False, True, False]


@pytest.mark.parametrize(
    "content",
    [
        b"\n".join(DAY_LINES),
        b"\n".join(BAD_LINES),
        raw()[:50] + b"\n" + raw(),
        b"\xef\xbb\xbf" + raw() + b"\n" + raw(),
        b"{\n" + b"x\n" * 10 + raw(),
        raw()[:50],
        b"{}\n{}\n",
        b'{"id": 1}',
        raw().replace(b"{", b'{"misspelt": "', 1) + b"\n" + raw(),
        raw(summary="a\nb").replace(b"\\n", b"\n"),
        b"",
        b"\n\n",
    ],
    ids=[
        "the day",
        "bad lines",
        "a cut first line",
        "BOM",
        "damage before",
        "one cut line",
        "no fields",
        "no field of ours",
        "a quote too many",
        "a line break in a text",
        "none",
        "blank",
    ],
)
def test_lines_are_read_whatever_is_wrong_with_each(content: bytes) -> None:
    lines = [line for line in content.split(b"\n") if line.strip()]
    assert [line.raw for line in read(content)] == lines


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "bad",
    [
        b"[",
        b"]",
        b"{",
        b",",
        b"damaged",
        b"null",
        b"[]",
        b'"text"',
        b"\0" * 40,
        ONE + b",",
        ONE + b";",
        b"," + ONE,
        b"callback(" + ONE + b");",
        b"<disclosure/>",
        b"disclosure_id,service",
        ONE + TWO,
        ONE[:50],
        ONE[1:],
        b"[" + ONE + b"]",
        b'{"disclosures": [' + ONE + b"]}",
        ONE.decode().encode("utf-16"),
        b"[" * 100_000,
        b"x" * (MAX_VALUE_BYTES + 1),
    ],
    ids=lambda bad: repr(bad[:12]) + repr(bad[-2:]),
)
def test_one_bad_line_among_good_ones_hides_none_of_them(bad: bytes, at: int) -> None:
    lines = [TWO, THREE]
    lines.insert(at, bad)
    assert [line.raw for line in read(b"\n".join(lines)) if line.raw != bad[:MAX_VALUE_BYTES]] == [TWO, THREE]


def test_lines_have_the_numbers_of_the_file() -> None:
    assert [line.number for line in read(b"\n" + raw() + b"\r\n   \n{}\n")] == [2, 4]


def test_of_a_line_that_is_too_long_only_the_beginning_is_kept() -> None:
    first, second = read(b"x" * (2 * MAX_VALUE_BYTES) + b"\n" + raw() + b"\n")
    assert (first.is_whole, len(first.raw) <= MAX_VALUE_BYTES + 2) == (False, True)
    assert (second.number, second.raw, second.is_whole) == (2, raw(), True)


@pytest.mark.parametrize("over", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_is_whole_up_to_the_largest_record(over: int, end: bytes) -> None:
    long = b"x" * (MAX_VALUE_BYTES - 2 + over)
    (line,) = read(long + end)
    assert (line.is_whole, line.raw) == (len(long) <= MAX_VALUE_BYTES, long[:MAX_VALUE_BYTES])
    assert line.length == len(long) + (over == 4 and end == b"\r\n")


def test_lines_are_the_same_however_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"\n".join(DAY_LINES[:5]) + b"\r\n\n" + b"\n".join(BAD_LINES)
    wanted = read(content)
    for many in (1, 7, 4096):
        monkeypatch.setattr("services.cli.disclosure_lines._CHUNK_BYTES", many)
        assert read(content) == wanted


@contextmanager
def pipe() -> Iterator[tuple[BinaryIO, int]]:
    """Yield the end of a pipe to read from, and the descriptor of the other."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        try:
            yield stream, writing
        finally:
            os.close(writing)


def test_a_line_of_a_pipe_comes_before_the_next_one() -> None:
    with pipe() as (stream, writing):
        lines = lines_and_pauses(stream)
        for line in DAY_LINES[:3]:
            os.write(writing, line + b"\n")
            found = next(lines)
            assert found is not None
            assert found.raw == line
        assert next(lines) is None
        os.write(writing, b"\n" + DAY_LINES[3][:20])
        # Half a line is none yet.
        assert next(lines) is None
        os.write(writing, DAY_LINES[3][20:] + b"\n")
        found = next(lines)
        assert found is not None
        assert (found.number, found.raw) == (5, DAY_LINES[3])


def test_a_damaged_first_line_of_a_pipe_does_not_wait_for_others() -> None:
    with pipe() as (stream, writing):
        os.write(writing, b"damaged\n")
        found: list[Line | None] = []
        reading = threading.Thread(target=lambda: found.append(next(lines_and_pauses(stream))), daemon=True)
        reading.start()
        reading.join(10.0)
        assert [line and line.raw for line in found] == [b"damaged"]


def test_a_line_of_a_slow_pipe_does_not_wait_for_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 0.1, 0.2, 0.6])
    monkeypatch.setattr("services.cli.disclosure_lines.monotonic", lambda: next(times))
    content = Unseekable(b"\n".join(DAY_LINES[:9]))
    assert next(read_lines(content)).raw == ONE
    assert next(times, None) is None


def test_a_pipe_with_another_format_is_refused_before_its_first_line() -> None:
    with pipe() as (stream, writing):
        os.write(writing, json.dumps(fields(), indent=2).encode()[:200])
        os.write(writing, b"\n")
        with pytest.raises(NotJsonLines):
            next(lines_and_pauses(stream))
