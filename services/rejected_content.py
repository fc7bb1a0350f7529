"""What can be read of a rejected record: a record of ours, JSON, or text. For staff only.

Bytes that are none of these are shown as characters that say nothing: nobody has seen what is in them.
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from schemas.avro_registry import RECORDS
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.refused_bytes import fields_given_once
from services.outside_text import KEPT, legible

#: Name of a content that is JSON and no record of ours.
JSON = "JSON"
#: What staff read of bytes that are neither a record nor text.
NOT_SHOWN = "its bytes are no text and no record known here"
#: Text may have one damaged or unprintable character in so many; a short one has a few.
_CHARACTERS_OF_ONE = 20
_A_FEW = 3
_OF_SHORT_TEXT = 4
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
#: A line break in JSON text, or another escape.
_ESCAPE = re.compile(r"\\r\\n|\\.", re.DOTALL)


def decoded(value: bytes) -> tuple[str, Any] | None:
    """Return the name of the record and its fields, by whichever schema it fits; `JSON` for JSON; None for all else.

    JSON that gives a name twice counts as text: of two equal names a reader of the fields would see one.
    """
    try:
        return decode(value, *RECORDS)
    except Unreadable:
        pass
    try:
        fields = json.loads(value.decode("utf-8-sig", "replace"), object_pairs_hook=fields_given_once)
        _pretty(fields)
    except (ValueError, RecursionError):
        return None
    return JSON, fields


def named_id(value: bytes) -> str | None:
    """Return the disclosure id that the record names, in lower case; None if it names none, or several."""
    try:
        name, fields = decode(value, *RECORDS)
    except Unreadable:
        found = _ids_in_json(value)
    else:
        about = fields["disclosure"] if name == "Admitted" else fields
        found = {about.get("disclosure_id")}
    (known,) = found if len(found) == 1 else (None,)
    return known.lower() if isinstance(known, str) else None


def is_text(value: bytes) -> bool:
    """Return whether the bytes are UTF-8 text that a person can read, but for a few characters."""
    try:
        text = value.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return False
    readable = sum((each.isprintable() or each in KEPT or each == "\t") and each != _REPLACEMENT for each in text)
    unreadable = len(text) - readable
    return unreadable <= max(len(text) // _CHARACTERS_OF_ONE, min(_A_FEW, len(text) // _OF_SHORT_TEXT))


def can_be_shown(value: bytes) -> bool:
    """Return whether staff can read what is in the bytes."""
    return is_text(value) or has_record(value)


def has_record(value: bytes) -> bool:
    """Return whether the bytes are a record of ours."""
    try:
        decode(value, *RECORDS)
    except Unreadable:
        return False
    return True


def has_sealed_part(value: bytes) -> bool:
    """Return whether the bytes are a record of ours with a part that is sealed, or that only a machine can read."""
    try:
        return _has_bytes(decode(value, *RECORDS)[1])
    except Unreadable:
        return False


def content_lines(value: bytes) -> Iterator[str]:
    """Yield what can be read of the bytes, line by line, each indented; line breaks of a text are kept."""
    found = decoded(value)
    if not can_be_shown(value):
        yield f"  {NOT_SHOWN}; their characters are:"
    if found is None:
        yield f"  {legible(value.decode('utf-8', 'replace'))}"
    elif found[0] == JSON:
        yield from (f"  {legible(_with_line_breaks(line))}" for line in _pretty(found[1]).split("\n"))
    else:
        yield f"  {found[0]}:"
        yield from _field_lines(found[1], "    ")


def as_text(value: bytes) -> str | None:
    """Return the bytes as text, also if they are damaged; None for a record of ours."""
    return None if has_record(value) else value.decode("utf-8", "replace")


def as_word(value: Any) -> str:
    """Return a value that JSON lacks as text: a time in ISO 8601, bytes by their number."""
    if isinstance(value, bytes):
        return f"{len(value)} sealed bytes"
    return value.isoformat() if isinstance(value, date) else str(value)


def _field_lines(fields: Any, indent: str) -> Iterator[str]:
    named = fields.items() if isinstance(fields, dict) else ((None, each) for each in fields)
    for name, value in named:
        label = f"{indent}-" if name is None else f"{indent}{name}:"
        if isinstance(value, dict | list | tuple) and value:
            yield label
            yield from _field_lines(value, f"{indent}  ")
        else:
            yield f"{label} {legible(value) if isinstance(value, str) else _word(value)}"


def _word(value: Any) -> str:
    is_of_json = value is None or isinstance(value, bool | int | float | dict | list | tuple)
    return json.dumps(value) if is_of_json else as_word(value)


def _pretty(fields: Any) -> str:
    return json.dumps(fields, indent=2, ensure_ascii=False)


def _with_line_breaks(line: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[0] in {r"\n", r"\r\n"} else found[0], line)


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_bytes, value.values()))
    return any(map(_has_bytes, value)) if isinstance(value, list) else isinstance(value, bytes)


def _ids_in_json(value: bytes) -> set[Any]:
    try:
        # The outermost object comes last: as pairs, so that a name that is given twice is seen.
        pairs = json.loads(value.decode("utf-8-sig", "replace"), object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        return set()
    is_object = isinstance(pairs, tuple)
    return (
        {found for name, found in pairs if name == "disclosure_id" and isinstance(found, str)} if is_object else set()
    )
