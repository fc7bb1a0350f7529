"""Finds the line of each key and list value in a TOML file, so that an error can name the line.

The standard library's reader keeps no positions. This reader gets only text that the standard one has accepted, so it
looks for the start of each part and checks nothing.
"""

import re
from collections.abc import Mapping
from typing import TypeAlias

#: Keys and indexes from the top of the file to a value.
TomlPath: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:([A-Za-z0-9_-]+)|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)')[ \t]*""")
_TEXT = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_BARE = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> Mapping[TomlPath, int]:
    """Return the line (from 1) of every table, key and list value in well-formed TOML."""
    return _Reader(text).read()


def line_at(lines: Mapping[TomlPath, int], path: TomlPath) -> int | None:
    """Return the line of a path, or of the nearest part around it that the file has; None if it has no such part."""
    for end in range(len(path), 0, -1):
        if (line := lines.get(path[:end])) is not None:
            return line
    return None


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[TomlPath, int] = {}
        #: Number of tables that each list of tables has so far.
        self._tables: dict[TomlPath, int] = {}

    def read(self) -> dict[TomlPath, int]:
        """Return the lines of all parts of the text."""
        table: TomlPath = ()
        while not self._ended():
            table = self._header() if self._text[self._at] == "[" else self._entry(table)
        return self._lines

    def _ended(self) -> bool:
        self._skip(_BLANK)
        return self._at >= len(self._text)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self._text, self._at):
            self._at = found.end()

    def _mark(self, path: TomlPath, at: int) -> None:
        self._lines.setdefault(path, self._text.count("\n", 0, at) + 1)

    def _keys(self) -> tuple[str, ...]:
        keys = []
        while found := _KEY.match(self._text, self._at):
            keys.append(next(each for each in found.groups() if each is not None))
            self._at = found.end()
            if self._text[self._at] != ".":
                break
            self._at += 1
        return tuple(keys)

    def _header(self) -> TomlPath:
        begun, listed = self._at, self._text.startswith("[[", self._at)
        self._at += 2 if listed else 1
        path: TomlPath = ()
        keys = self._keys()
        for key in keys[:-1]:
            path = (*path, key)
            self._mark(path, begun)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        path = (*path, keys[-1])
        self._mark(path, begun)
        if listed:
            self._tables[path] = self._tables.get(path, 0) + 1
            path = (*path, self._tables[path] - 1)
            self._mark(path, begun)
        self._at += 2 if listed else 1
        return path

    def _entry(self, table: TomlPath) -> TomlPath:
        begun = self._at
        path = table
        for key in self._keys():
            path = (*path, key)
            self._mark(path, begun)
        self._at += 1  # the equals sign
        self._value(path)
        return table

    def _value(self, path: TomlPath) -> None:
        self._skip(_BLANK)
        match self._text[self._at]:
            case "[":
                self._list(path)
            case "{":
                self._inline_table(path)
            case '"' | "'":
                self._skip(_TEXT)
            case _:
                self._skip(_BARE)

    def _list(self, path: TomlPath) -> None:
        self._at += 1
        index = 0
        while not self._closed("]"):
            self._mark((*path, index), self._at)
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: TomlPath) -> None:
        self._at += 1
        while not self._closed("}"):
            self._entry(path)

    def _closed(self, by: str) -> bool:
        """Skip the comma, blanks and comments between two values; return whether the list or table ends here."""
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)
        if self._text[self._at] != by:
            return False
        self._at += 1
        return True
