"""What was sealed, or rejected as it came, in words: for staff's eyes alone."""

from collections.abc import Iterator
from typing import Any

from schemas.codec import decode
from schemas.errors import Unreadable
from schemas.records import SealedComment, SealedDetails


def commented(comment: SealedComment) -> Iterator[str]:
    """Yield what staff said beside the outcome. For staff's eyes alone."""
    if comment.who is not None:
        yield f"Who was told: {comment.who}"
    if comment.comment is not None:
        yield f"Comment: {comment.comment}"


def disclosed(details: SealedDetails) -> Iterator[str]:
    """Yield what was sealed: whom it is about and the assessor's words. For staff's eyes alone."""
    yield "Who and where:"
    place = details.location.model_dump(exclude_none=True)
    said: dict[str, Any] = {
        **details.model_dump(mode="json", include={"account", "phone", "email", "date_of_birth", "reference"}),
        "location": ", ".join(f"{name} {part}" for name, part in place.items()),
        "professionals": "; ".join(
            ", ".join(one.model_dump(mode="json", exclude_none=True).values()) for one in details.professionals
        ),
    }
    yield from (f"  {field.replace('_', ' ')}: {value}" for field, value in said.items() if value)
    yield ""
    yield "The assessor's words:"
    yield f"  {details.summary or 'none'}"


def as_it_came(value: bytes | None, length: int | None = None) -> Iterator[str]:
    """Yield a rejected record as text, whatever it is. For staff's eyes alone.

    Where `value` is only the first part, `length` is that of the whole in bytes.
    """
    yield ""
    if value is None:
        yield "The record itself is no longer kept."
        return
    if length is None:
        yield "The record as it came:"
    else:
        yield f"Only the first {len(value):,} bytes of {length:,} are kept, as they came:"
    try:
        yield f"  {decode(value, 'Disclosure')[1]}"
    except Unreadable:
        # What a terminal would obey is shown, not done.
        text = value.decode("utf-8", "replace")
        yield f"  {''.join(each if each.isprintable() else repr(each)[1:-1] for each in text)}"
