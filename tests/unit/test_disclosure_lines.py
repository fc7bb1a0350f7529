"""The lines of a file: numbered, with a limit, and a file of another format refused whole."""

import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pytest

from schemas.topics import MAX_VALUE_BYTES
from services.cli.disclosure_lines import Line, NotJsonLines, lines_and_pauses, read_lines
from tests.disclosures import BAD_LINES, DAY_LINES, fields, raw


def read(content: bytes) -> list[Line]:
    return list(read_lines(io.BytesIO(content)))


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([json.loads(line) for line in DAY_LINES], indent=2).encode(),
        json.dumps(fields(), indent=1).encode(),
        json.dumps(fields(), indent=4).encode().replace(b"\n", b"\r\n"),
        b"[\n" + b",\n".join(b'{"kind": "suicide"}' for _ in range(5)) + b"\n]\n",
        b"disclosure_id,service\n1,forum\n2,forum\n",
        b"<disclosures>\n<disclosure/>\n</disclosures>\n",
        raw().decode().encode("utf-16") + "\n".encode("utf-16-le") + raw().decode().encode("utf-16-le"),
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
        b"PK\x03\x04\n" * 40,
    ],
    ids=["pretty list", "pretty object", "CRLF", "concerns on lines", "CSV", "XML", "UTF-16", "PNG", "many lines"],
)
def test_b15_a_file_of_another_format_is_refused_before_its_first_line(content: bytes) -> None:
    with pytest.raises(NotJsonLines):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"\n".join(DAY_LINES),
        b"\n".join(BAD_LINES),
        raw()[:50] + b"\n" + raw(),
        b"\xef\xbb\xbf" + raw() + b"\n" + raw(),
        b"{\n" + b"x\n" * 10 + raw(),
        raw()[:50],
        b"[]\nnull\n7\n",
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
        "no objects",
        "none",
        "blank",
    ],
)
def test_lines_are_read_whatever_is_wrong_with_each(content: bytes) -> None:
    lines = [line for line in content.split(b"\n") if line.strip()]
    assert [line.raw for line in read(content)] == lines


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


def test_a_pipe_with_another_format_is_refused_before_its_first_line() -> None:
    with pipe() as (stream, writing):
        os.write(writing, json.dumps(fields(), indent=2).encode()[:200])
        os.write(writing, b"\n")
        with pytest.raises(NotJsonLines):
            next(lines_and_pauses(stream))
