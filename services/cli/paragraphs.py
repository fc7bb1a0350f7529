"""Wraps long lines of text for a terminal."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

_WIDTH = 100


def broken(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, each wrapped at 100 characters; its rest is indented by two more spaces than its start."""
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        yield from wrap(line, _WIDTH, subsequent_indent=f"{indent}  ", break_long_words=False) or [""]
