"""The lines of a file: numbered, with a limit, and a file of another format refused whole."""

import io
import json

import pytest

from schemas.topics import MAX_VALUE_BYTES
from services.cli.disclosure_lines import Line, NotJsonLines, read_lines
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
