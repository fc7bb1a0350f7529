"""What can be read of a rejected record: a record of ours, JSON, or text. For staff only.

Bytes that are none of these are shown as characters that say nothing: nobody has seen what is in them. JSON is read as
the doors read it (`schemas.json_reader`).
"""

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from schemas.avro_registry import RECORDS
from schemas.codec import decode
from schemas.errors import Invalid, Unreadable
from schemas.fields import mended
from schemas.json_reader import PADDING, read_json, read_pairs, text_of
from services.outside_text import legible
from services.readable_text import is_readable, is_readable_json

#: Name of a content that is JSON and no record of ours.
JSON = "JSON"
#: What staff read of bytes that are neither a record nor text.
NOT_SHOWN = "its bytes are no text and no record known here"
#: A line break in JSON text, or another escape.
_ESCAPE = re.compile(r"\\r\\n|\\.", re.DOTALL)
#: An id that can be read in JSON that is cut or damaged. In a text of JSON its quotation marks have backslashes.
_NAMED_ID = re.compile(rb'"disclosure_id"\s{0,64}:\s{0,64}"([0-9A-Fa-f-]{36})"')


def decoded(value: bytes) -> tuple[str, Any] | None:
    """Return the name of the record and its fields, by whichever schema it fits; `JSON` for JSON; None for all else.

    JSON that gives a name twice counts as text: of two equal names a reader of the fields would see one.
    """
    try:
        return decode(value, *RECORDS)
    except Unreadable:
        pass
    try:
        fields = read_json(value)
        _pretty(fields)
    except (Invalid, RecursionError):
        return None
    return JSON, fields


def named_id(value: bytes) -> str | None:
    """Return the disclosure id that the record names, in lower case; None if it names none, or several.

    JSON that is cut or damaged names an id too, if only one can be found in it.
    """
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
    """Return whether a person can read the bytes as text, but for a few characters.

    Bytes that are not UTF-8 count as damaged characters of JSON. In any other text they are binary content.
    """
    found = decoded(value)
    if found is not None and found[0] == JSON and isinstance(found[1], dict | list):
        return is_readable_json(found[1])
    text = text_of(value)
    # JSON that gives a name twice, or is cut, is shown as text.
    return (_is_utf_8(value) or text.lstrip(PADDING).startswith("{")) and is_readable(text)


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
        yield from (f"  {legible(mended(_with_line_breaks(line)))}" for line in _pretty(found[1]).split("\n"))
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


def _is_utf_8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _ids_in_json(value: bytes) -> set[Any]:
    try:
        # As pairs, so that a name that is given twice is seen.
        pairs = read_pairs(value)
    except Invalid:
        return {found.decode() for found in _NAMED_ID.findall(value)}
    is_object = isinstance(pairs, tuple)
    return (
        {found for name, found in pairs if name == "disclosure_id" and isinstance(found, str)} if is_object else set()
    )
