"""On which line of a TOML file each key and each value of a list stands, so that an error can say where it is.

The reader of the standard library keeps no positions. This one is given text that it has accepted already, so it looks
for where things begin and judges nothing.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

#: Keys and indexes from the top of the file to a value.
Place: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')[ \t]*""")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> Mapping[Place, int]:
    """Return the line, from 1, of every table, key and value of a list in TOML that was found to be well-formed."""
    return _Reader(text).read()


def line_at(lines: Mapping[Place, int], place: Place) -> int | None:
    """Return the line of a place, or of the nearest thing around it that stands in the file; None where none does."""
    for end in range(len(place), 0, -1):
        if (line := lines.get(place[:end])) is not None:
            return line
    return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Place, int] = {}
        #: How many tables each list of tables has so far.
        self._tables: dict[Place, int] = {}

    def read(self) -> dict[Place, int]:
        """Return the lines of everything in the text."""
        table: Place = ()
        while not self._ended():
            table = self._header() if self._text[self._at] == "[" else self._entry(table)
        return self._lines

    def _ended(self) -> bool:
        self._skip(_BLANK)
        return self._at >= len(self._text)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _mark(self, place: Place, at: int) -> None:
        self._lines.setdefault(place, self._text.count("\n", 0, at) + 1)

    def _keys(self) -> tuple[str, ...]:
        keys = []
        while found := _KEY.match(self._text, self._at):
            keys.append(next(each for each in found.groups() if each is not None))
            self._at = found.end()
            if self._text[self._at] != ".":
                break
            self._at += 1
        return tuple(keys)

    def _header(self) -> Place:
        begun, listed = self._at, self._text.startswith("[[", self._at)
        self._at += 2 if listed else 1
        place: Place = ()
        keys = self._keys()
        for key in keys[:-1]:
            place = (*place, key)
            self._mark(place, begun)
            if place in self._tables:
                place = (*place, self._tables[place] - 1)
        place = (*place, keys[-1])
        self._mark(place, begun)
        if listed:
            self._tables[place] = self._tables.get(place, 0) + 1
            place = (*place, self._tables[place] - 1)
            self._mark(place, begun)
        self._at += 2 if listed else 1
        return place

    def _entry(self, table: Place) -> Place:
        begun = self._at
        place = table
        for key in self._keys():
            place = (*place, key)
            self._mark(place, begun)
        self._at += 1  # the equals sign
        self._value(place)
        return table

    def _value(self, place: Place) -> None:
        self._skip(_BLANK)
        match self._text[self._at]:
            case "[":
                self._list(place)
            case "{":
                self._inline_table(place)
            case '"' | "'":
                self._skip(_TEXT)
            case _:
                self._skip(_BARE)

    def _list(self, place: Place) -> None:
        self._at += 1
        index = 0
        while not self._closed("]"):
            self._mark((*place, index), self._at)
            self._value((*place, index))
            index += 1

    def _inline_table(self, place: Place) -> None:
        self._at += 1
        while not self._closed("}"):
            self._entry(place)

    def _closed(self, by: str) -> bool:
        """Pass what stands between two values; return whether the list or table ends here."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != by:
            return False
        self._at += 1
        return True
