"""The lines of a file of disclosures: numbered, with a limit in bytes; a file of another format is refused whole.

A pretty-printed file, a table or a picture has hundreds of lines of which none is a disclosure. Taken line by line it
would be hundreds of errors, and its fragments would be kept as rejected disclosures.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from schemas.topics import MAX_VALUE_BYTES

#: How many lines are looked at for a disclosure if the first line is not JSON.
_LOOKED_AT = 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, without its end; `is_whole` is false if it is longer than a record may be."""

    number: int
    raw: bytes
    is_whole: bool


class NotJsonLines(Exception):
    """is not JSON lines; allowed: one disclosure on each line, as a JSON object."""


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield each line; raise `NotJsonLines` before the first one for a file of another format."""
    lines = _lines(stream)
    looked_at: list[Line] = []
    for line in lines:
        looked_at.append(line)
        if _is_disclosure(line.raw) or (len(looked_at) == 1 and _is_json(line.raw)):
            break
        if len(looked_at) == _LOOKED_AT:
            raise NotJsonLines
    else:
        # One line that is not JSON is a damaged disclosure, not a file of another format.
        if len(looked_at) > 1:
            raise NotJsonLines
    yield from looked_at
    yield from lines


def _lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield each line that is not blank. Of one that is longer than a record may be, only the beginning is kept."""
    number = 0
    while line := stream.readline(MAX_VALUE_BYTES + 2):
        number += 1
        is_whole = line.endswith(b"\n") or len(line) <= MAX_VALUE_BYTES
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(MAX_VALUE_BYTES)):
            pass
        if line.strip():
            yield Line(number, line.rstrip(b"\r\n"), is_whole)


def _is_json(raw: bytes) -> bool:
    return _json(raw) is not _NO_JSON


def _is_disclosure(raw: bytes) -> bool:
    # A pretty-printed file may have a whole object on a line too, for example a concern. A damaged line counts.
    return raw.lstrip().startswith(b"{") and b'"disclosure_id"' in raw


_NO_JSON = object()


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return _NO_JSON
