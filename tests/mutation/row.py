"""One row of the mutation table."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Edit(NamedTuple):
    """A change of one place in a file: `old`, which occurs in it exactly once, becomes `new`."""

    old: str
    new: str


class Row(NamedTuple):
    """A rule, the edits of one file that remove it, and the node ids of tests, one of which must fail then."""

    rule: str
    file: str
    edits: Sequence[Edit]
    tests: Sequence[str]


class Stale(Exception):
    """The text that a row edits is not in its file exactly once: the row must follow the code."""


def edited(row: Row, root: Path = ROOT) -> str:
    """Return the text of the row's file with its edits made; raise `Stale` if one does not fit."""
    text = (root / row.file).read_text(encoding="utf-8")
    for old, new in row.edits:
        if (count := text.count(old)) != 1:
            raise Stale(f"{row.file}: {count} occurrences, not 1, of {old!r}")
        text = text.replace(old, new)
    return text
