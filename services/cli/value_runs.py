"""Finds a JSON value that goes over several lines, among lines that are each a value of their own.

Two lines that are damaged each for itself fit together only by chance; the lines of a pretty-printed object, or of a
list with an item on each line, follow the grammar of JSON (RFC 8259) from its opening bracket on.
"""

import re

#: How deep brackets may be open at the end of a line; a line with more of them is damage.
_DEEPEST = 64
#: Lines of a value that is closed. One line that was broken in two is two damaged lines.
_CLOSED = 3
#: A value without an end belongs together if so many lines that are no value of their own go on after its opening.
_GOING_ON = 2
#: Lines in sequence that are parts of a value, and how many of them have a name: the opening may be damaged.
_PARTS, _NAMED = 3, 2
_TOKEN = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*+")|([][{}:,])|(?:-?[0-9][0-9.eE+-]*|true|false|null)(?=[],}\s]|$))')
_NAME = re.compile(r'\s*"(?:[^"\\]|\\.)*+"\s*:')

# What may follow, by the grammar of JSON: in an object a name (the first, or one after a comma), `:`, a value; in a
# list the first item, or a value; and what follows a value.
_FIRST_NAME, _NAME_NEXT, _COLON, _VALUE, _FIRST_ITEM, _AFTER = range(6)


class ValueRuns:
    """Follows the lines of a file; `found` once a value goes over several of them. Keeps only the open brackets."""

    def __init__(self) -> None:
        self.found = False
        self._open: list[str] = []
        self._expected = _VALUE
        #: Lines of the value so far, and those after its opening that are no value of their own.
        self._lines = self._going_on = 0
        self._has_content = False
        self._parts = self._named = 0

    def add(self, text: str, *, is_whole: bool, is_part: bool) -> None:
        """Add a line. `is_whole`: it is a value of its own. `is_part`: it is part of one (`LineKind.FRAGMENT`)."""
        if self.found:
            return
        self._count_parts(text, is_part=is_part)
        if self._open and self._goes_on(text, is_whole=is_whole):
            self._lines += 1
            self._going_on += not is_whole
            is_closed = not self._open and self._has_content and self._lines >= _CLOSED
            self.found |= is_closed or self._going_on >= _GOING_ON
            return
        # It may be the opening of another value.
        self._open, self._expected, self._lines, self._going_on, self._has_content = [], _VALUE, 1, 0, False
        if is_whole or text[:1] not in {"{", "["} or not self._scan(text) or not self._open:
            self._open = []

    def _count_parts(self, text: str, *, is_part: bool) -> None:
        if not is_part:
            self._parts = self._named = 0
            return
        self._parts += 1
        self._named += _NAME.match(text) is not None
        self.found |= self._parts >= _PARTS and self._named >= _NAMED

    def _goes_on(self, text: str, *, is_whole: bool) -> bool:
        if is_whole and self._expected in {_VALUE, _FIRST_ITEM}:
            self._expected, self._has_content = _AFTER, True
            return True
        return self._scan(text)

    def _scan(self, text: str) -> bool:
        """Take the tokens of a line; return whether they may follow those before it."""
        at, end = 0, len(text)
        while at < end:
            token = _TOKEN.match(text, at)
            if token is None or not self._take(token[1], token[2]):
                return False
            at = token.end()
            if not self._open:
                # Nothing but the end of the line may follow the end of a value.
                return not text[at:].strip(" \t\r,;")
        return True

    def _take(self, string: str | None, sign: str | None) -> bool:
        expected = self._expected
        if string is not None and expected in {_FIRST_NAME, _NAME_NEXT}:
            self._expected, self._has_content = _COLON, True
            return True
        if sign in {"}", "]"}:
            ends = {_FIRST_NAME, _AFTER} if sign == "}" else {_FIRST_ITEM, _AFTER}
            if not self._open or self._open.pop() != sign or expected not in ends:
                return False
            self._expected = _AFTER
            return True
        if sign == ":":
            self._expected = _VALUE
            return expected == _COLON
        if sign == ",":
            in_object = bool(self._open) and self._open[-1] == "}"
            self._expected = _NAME_NEXT if in_object else _VALUE
            return expected == _AFTER and bool(self._open)
        if expected not in {_VALUE, _FIRST_ITEM}:
            return False
        if sign is None:
            self._expected, self._has_content = _AFTER, True
            return True
        self._open.append("}" if sign == "{" else "]")
        self._expected = _FIRST_NAME if sign == "{" else _FIRST_ITEM
        return len(self._open) <= _DEEPEST
