"""The reader of JSON at every door: it reads what transport damaged, and its work is limited before any model's.

Every reader of a sender's JSON uses it, so that all of them see the same fields in the same bytes.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from typing import Any

from schemas.errors import HIDDEN_NAME, Invalid, Problem, path_of

#: The most names, objects and lists in one line. A disclosure has less than 1,000; to read or refuse 100,000 takes a
#: second.
MAX_PARTS = 2_000
#: What editors, terminals and old file systems put before and after a text: spaces, line ends, byte order marks, NUL
#: and Ctrl-Z.
PADDING = " \t\r\n\v\f\0\x1a\N{ZERO WIDTH NO-BREAK SPACE}"
#: A number with more digits is refused: reading it takes quadratic time.
_MAX_DIGITS = 400
#: The most parts of a path that an error shows.
_LONGEST_PATH = 8
_NOT_JSON = Problem("line", "is not JSON")
#: A string, or what there is of one that does not end. It always matches to its end, so that the search is linear.
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_MANY_DIGITS = re.compile(f"[0-9]{{{_MAX_DIGITS + 1}}}")


class _Doubled(dict[str, Any]):
    """The fields of an object that gives a name twice, with that name."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counted = Counter(name for name, _ in pairs)
        self.name = next(name for name, many in counted.items() if many > 1)


def read_json(raw: bytes, names: Collection[str] = ()) -> Any:
    """Return the JSON value of the bytes; raise `Invalid` if they are not JSON, or give a name twice.

    Bytes that are not UTF-8 are replaced. Text may contain control characters. An error shows only names of `names`.
    """
    doubled: list[_Doubled] = []

    def fields_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) == len(pairs):
            return fields
        # Python's reader silently keeps the last of two equal names, and the first may have been the risk.
        doubled.append(_Doubled(pairs))
        return doubled[-1]

    value = _load(raw, fields_of)
    if doubled:
        path = next(_doubled_paths(value))
        raise Invalid.of(_shown_path(path, names), "is given twice")
    return value


def read_pairs(raw: bytes) -> Any:
    """Return the JSON value like `read_json`, each object as a tuple of its names and values: also a name's second."""
    return _load(raw, tuple)


def is_json(raw: bytes) -> bool:
    """Return whether the bytes are JSON, also if `read_json` refuses what it says."""
    try:
        read_json(raw)
    except Invalid as invalid:
        return _NOT_JSON not in invalid.problems
    return True


def is_blank(raw: bytes | bytearray) -> bool:
    """Return whether the bytes have nothing to read."""
    # Most bytes are not blank: the first one shows it.
    return not raw or (raw[:1] != b"{" and not text_of(raw).strip(PADDING))


def _load(raw: bytes, object_of: Callable[[list[tuple[str, Any]]], Any]) -> Any:
    text = text_of(raw).strip(PADDING)
    _refuse_many_parts(text)
    try:
        return json.loads(
            text,
            strict=False,
            object_pairs_hook=object_of,
            parse_int=_short_int if _MANY_DIGITS.search(text) else None,
            parse_constant=_refuse_constant,
        )
    except Invalid:
        raise
    except (ValueError, RecursionError):
        # `from None`: the reader's message quotes the place, and its error holds the text.
        raise Invalid((_NOT_JSON,)) from None


def _refuse_many_parts(text: str) -> None:
    """Raise `Invalid` for more parts than a disclosure can have, before any of them is made."""
    if _parts(text) <= MAX_PARTS or _parts(structure := _STRING.sub("", text)) <= MAX_PARTS:
        return
    if structure.count("[") != structure.count("]") or structure.count("{") != structure.count("}"):
        raise Invalid((_NOT_JSON,))
    raise Invalid.of("line", f"has more names and lists than a disclosure can have: at most {MAX_PARTS}")


def _parts(text: str) -> int:
    return text.count("[") + text.count("{") + text.count(":")


def _doubled_paths(value: Any) -> Iterator[tuple[int | str, ...]]:
    """Yield the path of each name that is given twice: of the outer ones first, each in the order of the text."""
    # Each value is visited once, and a path is made only at the end: the work is linear, also of deep JSON.
    waiting: list[tuple[Any, Any]] = [(value, None)]
    while waiting:
        inner, link = waiting.pop()
        if isinstance(inner, _Doubled):
            yield _unlinked((link, inner.name))
        parts = inner.items() if isinstance(inner, dict) else enumerate(inner)
        waiting += [(each, (link, part)) for part, each in parts if isinstance(each, dict | list)][::-1]


def _unlinked(link: Any) -> tuple[int | str, ...]:
    path = []
    while link is not None:
        link, part = link
        path.append(part)
    return tuple(reversed(path))


def _shown_path(path: tuple[int | str, ...], names: Collection[str]) -> str:
    shown = [part if isinstance(part, int) or part in names else HIDDEN_NAME for part in path]
    # No path of the contract is as long: all that is deeper is one name that is not shown.
    return path_of(shown if len(shown) <= _LONGEST_PATH else (*shown[: _LONGEST_PATH - 1], HIDDEN_NAME))


def text_of(raw: bytes | bytearray) -> str:
    """Return the text of the bytes as every door reads it: those that are not UTF-8 are replaced."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    try:
        # CESU-8, which has each half of a pair on its own.
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def _short_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError("a number with too many digits")
    return int(digits)


def _refuse_constant(_: str) -> None:
    # NaN and Infinity are JavaScript's; JSON (RFC 8259) has no such numbers.
    raise Invalid((_NOT_JSON,))
