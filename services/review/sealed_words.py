"""Sealed details and rejected records as lines of text, for staff only."""

from collections.abc import Iterator
from typing import Any

from schemas.avro_registry import RECORDS
from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.rejection import Cut
from schemas.sealed import SealedComment, SealedDetails
from services.outside_text import legible


def commented(comment: SealedComment) -> Iterator[str]:
    """Yield the sealed comment of an outcome. For staff only."""
    if comment.who is not None:
        yield f"Who was told: {comment.who}"
    if comment.comment is not None:
        yield f"Comment: {comment.comment}"


def disclosed(details: SealedDetails) -> Iterator[str]:
    """Yield the sealed details: the person and the assessor's words. For staff only."""
    yield "Who and where:"
    location = details.location.model_dump(exclude_none=True)
    shown: dict[str, Any] = {
        **details.model_dump(mode="json", include={"account", "phone", "email", "date_of_birth", "reference"}),
        "location": ", ".join(f"{name} {part}" for name, part in location.items()),
        "professionals": "; ".join(
            ", ".join(one.model_dump(mode="json", exclude_none=True).values()) for one in details.professionals
        ),
    }
    yield from (f"  {field.replace('_', ' ')}: {value}" for field, value in shown.items() if value)
    yield ""
    yield "The assessor's words:"
    yield f"  {details.summary or 'none'}"


def as_it_came(value: bytes | None, cut: Cut | None = None, *, number: int | None = None) -> Iterator[str]:
    """Yield a rejected record as text, even if it is not a record at all. For staff only.

    Without `cut`, `value` is the whole. `number`: its place in a review of several.
    """
    which = "The record" if number is None else f"Record {number}"
    yield ""
    if value is None:
        yield f"{which} itself is no longer kept."
        return
    yield f"{which} as it came:" if cut is None else f"{which} as it came, {cut}:"
    try:
        name, fields = decode(value, *RECORDS)
        yield f"  {name}: {fields}"
    except Unreadable:
        yield f"  {legible(value.decode('utf-8', 'replace'))}"
