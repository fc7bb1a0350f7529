"""Lays text out for a terminal: long lines wrapped, characters that would steer the terminal escaped."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

from services.outside_text import legible

_WIDTH = 100


def broken(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, each wrapped at 100 characters; its rest is indented by two more spaces than its start.

    A line break inside a text stays, with that indent.
    """
    for line in lines:
        indent = line[: len(line) - len(line.lstrip(" "))]
        first, *rest = legible(line).split("\n")
        yield from _wrapped(first, f"{indent}  ")
        for each in rest:
            yield from _wrapped(f"{indent}  {each}", f"{indent}  ")


def _wrapped(line: str, indent: str) -> list[str]:
    return wrap(line, _WIDTH, subsequent_indent=indent, break_long_words=False) or [""]
