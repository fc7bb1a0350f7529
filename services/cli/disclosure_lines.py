"""The lines of a file of disclosures: numbered, with a limit in bytes; a file of another format is refused whole.

A pretty-printed file, a table or a picture has hundreds of lines of which none is a disclosure. Taken line by line it
would be hundreds of errors, and its fragments would be kept as rejected disclosures.

A file is judged by all its lines before the first is given, and read twice for it: the damage may begin at its end. A
pipe may stay open for days: it is judged by its first lines, and its lines are given as they come.
"""

import io
import select
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import BinaryIO

from schemas.json_reader import is_blank
from schemas.topics import MAX_VALUE_BYTES
from services.cli.line_kinds import FileJudge, are_json_lines

#: By how many lines and bytes a pipe is judged. They are looked at before the first of them is given; of a slow pipe,
#: what comes in `_PAUSE_SECONDS`.
_LOOKED_AT = 20
_LOOKED_AT_BYTES = 8 * 1024 * 1024
#: How long nothing comes until it counts as a pause (seconds).
_PAUSE_SECONDS = 0.5
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, without its end; of one that is longer than a record may be, the beginning."""

    number: int
    raw: bytes
    #: Bytes of the whole line.
    length: int

    @property
    def is_whole(self) -> bool:
        """Whether `raw` is the whole line."""
        return len(self.raw) == self.length


class NotJsonLines(Exception):
    """is not JSON lines; allowed: one disclosure on each line, as a JSON object."""


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield each line as it comes; raise `NotJsonLines` before the first one for a file of another format."""
    return (line for line in lines_and_pauses(stream) if line is not None)


def lines_and_pauses(stream: BinaryIO) -> Iterator[Line | None]:
    """Yield each line as it comes, and None whenever nothing came for a while; raise as `read_lines`."""
    if stream.seekable():
        _refuse_other_format(stream)
        yield from _lines(stream)
        return
    lines = _lines(stream)
    looked_at: list[Line] = []
    size, since = 0, monotonic()
    for line in lines:
        if line is None:
            if not looked_at:
                continue
            # It is judged by what came, as at its end: a line of a pipe must not wait for others.
            break
        if not looked_at:
            since = monotonic()
        looked_at.append(line)
        size += len(line.raw)
        is_slow = monotonic() - since > _PAUSE_SECONDS
        if len(looked_at) == _LOOKED_AT or size > _LOOKED_AT_BYTES or is_slow:
            break
    if not are_json_lines(line.raw for line in looked_at):
        raise NotJsonLines
    yield from looked_at
    yield from lines


def _refuse_other_format(file: BinaryIO) -> None:
    """Raise `NotJsonLines` for a file of another format; else go back to where it was, so that it is read again."""
    begin, judge = file.tell(), FileJudge()
    for line in _lines(file):
        if line is not None:
            judge.add(line.raw)
    if not judge.are_json_lines():
        raise NotJsonLines
    file.seek(begin)


def _lines(stream: BinaryIO) -> Iterator[Line | None]:
    """Yield each line that is not blank, and None for a pause."""
    number, kept, length = 1, bytearray(), 0
    for chunk in _chunks(stream):
        if chunk is None:
            yield None
            continue
        begin = 0
        while (end := chunk.find(b"\n", begin)) >= 0:
            kept += chunk[begin : min(end, begin + MAX_VALUE_BYTES + 2 - len(kept))]
            length += end - begin
            if not is_blank(kept):
                yield _line(number, kept, length)
            number, kept, length, begin = number + 1, bytearray(), 0, end + 1
        kept += chunk[begin : begin + MAX_VALUE_BYTES + 2 - len(kept)]
        length += len(chunk) - begin
    if not is_blank(kept):
        yield _line(number, kept, length)


def _line(number: int, kept: bytearray, length: int) -> Line:
    if length > len(kept):
        return Line(number, bytes(kept[:MAX_VALUE_BYTES]), length)
    content = bytes(kept).rstrip(b"\r")
    return Line(number, content[:MAX_VALUE_BYTES], len(content))


def _chunks(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield what can be read as it comes, and None whenever nothing came for a while."""
    readable = None
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:
        pass  # it is in memory
    else:
        readable = select.poll()
        readable.register(descriptor, select.POLLIN)
    while True:
        if readable is not None and not readable.poll(int(_PAUSE_SECONDS * 1000)):
            yield None
            continue
        # `read1` leaves nothing in the buffer of the stream, of which `poll` would not know.
        chunk = stream.read1(_CHUNK_BYTES)  # type: ignore[attr-defined]  # every buffered stream has it
        if not chunk:
            return
        yield chunk
