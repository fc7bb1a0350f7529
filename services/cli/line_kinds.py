"""Judges whether the lines of a file are JSON lines: what each line is alone, and what they are together.

One damaged line says nothing of a file: the other lines are read. An array, an object around the disclosures, or an
object over several lines shows itself by brackets and commas where a line begins or ends (`value_runs.py`).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

from schemas.disclosure import Disclosure
from schemas.json_reader import PADDING
from services.cli.value_runs import ValueRuns


class LineKind(Enum):
    """What a line is, looked at alone."""

    #: A JSON object with a field of a disclosure.
    DISCLOSURE = auto()
    #: Begins as an object, and is damaged or has no field of a disclosure.
    DAMAGED = auto()
    #: Part of something that goes over several lines: `[`, `{…},`, `"service": "forum",`.
    FRAGMENT = auto()
    #: A whole object, and after it nothing but punctuation: `{…};`.
    ENDED = auto()
    #: A line of an Elasticsearch bulk file that says what to do with the next line: `{"index": {"_id": "1"}}`.
    ACTION = auto()
    #: Whole, and no disclosure: an array, a text, an object around disclosures, several objects, a script, XML, the
    #: header of a table, UTF-16.
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
#: Code before a value: `callback({`, `var found = [`, `)]}',`, `while (1);`.
_SCRIPT = re.compile(
    r"(?:/\*.{0,200}?\*/)?\s*(?:(?:(?:var|let|const)\s+)?[A-Za-z_$][\w$.]{0,200}\s*(?:=|\()\s*[\[{(\"']"
    r"|\)\]\}'|(?:while|for)\s*\()"
)
_CALL_BEGINS = re.compile(r"[A-Za-z_$][\w$.]{0,200}\s*\(")
_CALL_ENDS = re.compile(r"\)\s*;?")
_XML = re.compile(r"<[A-Za-z!?/]")
_SEPARATORS = re.compile(r"[,;\t|&=\r]")
_PUNCTUATION = re.compile(r"[^\w\"'\[\]{}]+")
#: Characters of a line in which the header of a table is looked for.
_HEADER = 2_000
_ACTIONS = frozenset(("index", "create", "update", "delete"))
# Text may contain control characters, as in `read_json`.
_DECODER = json.JSONDecoder(strict=False)


class FileJudge:
    """Judges the lines of a file in their order. Keeps counts, and no line."""

    def __init__(self) -> None:
        self._count: Counter[LineKind] = Counter()
        self._runs = ValueRuns()

    def add(self, raw: bytes) -> None:
        """Add the next line that is not blank."""
        kind, text = kind_of(raw), _text_of(raw)
        self._count[kind] += 1
        is_whole = kind in {LineKind.DISCLOSURE, LineKind.ACTION} or (kind is LineKind.OTHER and _is_value(text))
        self._runs.add(text, is_whole=is_whole, is_part=kind is LineKind.FRAGMENT)

    def are_json_lines(self) -> bool:
        """Return whether the lines are disclosures as JSON lines, whatever is wrong with some of them."""
        count = self._count
        disclosures, parts = count[LineKind.DISCLOSURE], count[LineKind.FRAGMENT] + count[LineKind.ACTION]
        if self._runs.found or (parts and parts >= disclosures):
            return False
        if count[LineKind.ENDED] > max(1, disclosures):
            return False
        if disclosures:
            return True
        # One line that is not JSON is a damaged disclosure, not a file of another format.
        is_text = count[LineKind.TEXT] > count[LineKind.DAMAGED] and count.total() > 1
        return not count[LineKind.OTHER] and not is_text


def are_json_lines(lines: Iterable[bytes]) -> bool:
    """Return whether these lines of a file are disclosures as JSON lines, whatever is wrong with some of them."""
    judge = FileJudge()
    for line in lines:
        judge.add(line)
    return judge.are_json_lines()


def kind_of(raw: bytes) -> LineKind:
    """Return what a line is; of one that is too long, `raw` is the beginning."""
    bare = raw.strip(_PADDING).removeprefix(_BYTE_ORDER_MARK).strip(_PADDING)
    if bare.startswith(_UTF_16_MARKS) or b"\0" in bare[:2]:
        return LineKind.OTHER
    text = _text_of(raw)
    if not text or text[0] in ",]}" or _CALL_BEGINS.fullmatch(text) or _CALL_ENDS.fullmatch(text):
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
        if rest.lstrip(", \t\r")[:1] in {"{", "["}:
            return LineKind.OTHER
        return LineKind.ENDED if _PUNCTUATION.fullmatch(rest) else LineKind.DAMAGED
    return _kind_of_text(text)


def _text_of(raw: bytes) -> str:
    raw = raw.strip(_PADDING).removeprefix(_BYTE_ORDER_MARK).strip(_PADDING)
    return raw.decode("utf-8", "replace").strip(PADDING)


def _is_value(text: str) -> bool:
    try:
        return _DECODER.raw_decode(text)[1] == len(text)
    except (ValueError, RecursionError):
        return False


def _kind_of_unfinished(text: str) -> LineKind:
    if text[0] == "[":
        return LineKind.FRAGMENT
    if text[0] == '"':
        # A member of an object whose value goes on in the next line, or a text that is cut.
        return LineKind.FRAGMENT
    if text[0] != "{":
        return _kind_of_text(text)
    first = _FIRST_MEMBER.match(text)
    is_around = first is not None and first[1] not in _FIELDS
    return LineKind.FRAGMENT if is_around else LineKind.DAMAGED


def _kind_of_text(text: str) -> LineKind:
    if _SCRIPT.match(text) or _XML.match(text):
        return LineKind.OTHER
    names = {each.strip(" \"'") for each in _SEPARATORS.split(text[:_HEADER])}
    return LineKind.OTHER if len(names & _FIELDS) > 1 else LineKind.TEXT


def _kind_of_value(value: Any) -> LineKind:
    if not isinstance(value, dict) or _is_around_disclosures(value):
        return LineKind.OTHER
    if len(value) == 1 and not _ACTIONS.isdisjoint(value) and isinstance(next(iter(value.values())), dict):
        return LineKind.ACTION
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
