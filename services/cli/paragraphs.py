"""Text for people on a terminal: long lines are broken, and what belongs to a line stays under it."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

_WIDTH = 100


def broken(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, each broken at a width that reads well and indented as it began."""
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        yield from wrap(line, _WIDTH, subsequent_indent=f"{indent}  ", break_long_words=False) or [""]
