"""Judges by the first lines of a file whether it is JSON lines: what each line is alone, and what they are together.

One damaged line says nothing of a file: the other lines are read. An array, an object around the disclosures, or an
object over several lines shows itself by brackets and commas where a line begins or ends.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

from schemas.disclosure import Disclosure
from schemas.json_reader import PADDING


class LineKind(Enum):
    """What a line is, looked at alone."""

    #: A JSON object with a field of a disclosure.
    DISCLOSURE = auto()
    #: Begins as an object, and is damaged or has no field of a disclosure.
    DAMAGED = auto()
    #: Part of something that goes over several lines: `[`, `{…},`, `"service": "forum",`.
    FRAGMENT = auto()
    #: Whole, and no disclosure: an array, a text, an object around disclosures, several objects, UTF-16.
    OTHER = auto()
    #: No JSON at all.
    TEXT = auto()


#: A byte order mark, as bytes that stand before and after a line.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PADDING = b" \t\r\n\v\f\0\x1a"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FIELDS = frozenset(Disclosure.model_fields)
#: The first member of an object whose value is an object or array.
_FIRST_MEMBER = re.compile(r'\{\s*"([^"\\]{0,200})"\s*:\s*[\[{]')
# Text may contain control characters, as in `read_json`.
_DECODER = json.JSONDecoder(strict=False)


def are_json_lines(lines: Iterable[bytes]) -> bool:
    """Return whether the first lines of a file are disclosures as JSON lines, whatever is wrong with some of them."""
    count = Counter(map(kind_of, lines))
    disclosures, fragments = count[LineKind.DISCLOSURE], count[LineKind.FRAGMENT]
    if fragments and fragments >= disclosures:
        return False
    if disclosures:
        return True
    # One line that is not JSON is a damaged disclosure, not a file of another format.
    is_text = count[LineKind.TEXT] > count[LineKind.DAMAGED] and count.total() > 1
    return not count[LineKind.OTHER] and not is_text


def kind_of(raw: bytes) -> LineKind:
    """Return what a line is; of one that is too long, `raw` is the beginning."""
    raw = raw.strip(_PADDING).removeprefix(_BYTE_ORDER_MARK).strip(_PADDING)
    if raw.startswith(_UTF_16_MARKS) or b"\0" in raw[:2]:
        return LineKind.OTHER
    text = raw.decode("utf-8", "replace").strip(PADDING)
    if not text or text[0] in ",]}":
        return LineKind.FRAGMENT
    try:
        found, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return _kind_of_unfinished(text)
    rest = text[end:].lstrip()
    if not rest:
        return _kind_of_value(found)
    if rest in {",", "]", "}"} or (rest[0] in "]}" and not rest.strip(",]} \t\r")):
        return LineKind.FRAGMENT
    if isinstance(found, str) and rest[0] == ":":
        return LineKind.FRAGMENT
    if isinstance(found, dict | list):
        return LineKind.OTHER if rest.lstrip(", \t\r")[:1] in {"{", "["} else LineKind.DAMAGED
    return LineKind.TEXT


def _kind_of_unfinished(text: str) -> LineKind:
    if text[0] == "[":
        return LineKind.FRAGMENT
    if text[0] == '"':
        # A member of an object whose value goes on in the next line, or a text that is cut.
        return LineKind.FRAGMENT
    if text[0] != "{":
        return LineKind.TEXT
    first = _FIRST_MEMBER.match(text)
    is_around = first is not None and first[1] not in _FIELDS
    return LineKind.FRAGMENT if is_around else LineKind.DAMAGED


def _kind_of_value(value: Any) -> LineKind:
    if not isinstance(value, dict) or _is_around_disclosures(value):
        return LineKind.OTHER
    return LineKind.DAMAGED if _FIELDS.isdisjoint(value) else LineKind.DISCLOSURE


def _is_around_disclosures(fields: dict[str, Any]) -> bool:
    """Return whether an object is no disclosure, and has some in it."""
    if "disclosure_id" in fields:
        return False
    inner: list[Any] = list(fields.values())
    while inner:
        value = inner.pop()
        if isinstance(value, dict):
            if "disclosure_id" in value:
                return True
            inner.extend(value.values())
        elif isinstance(value, list):
            if _FIELDS.isdisjoint(fields) and any(isinstance(each, dict) for each in value):
                return True
            inner.extend(value)
    return False
