"""Sealed details and rejected records as lines of text, for staff only."""

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.rejection import Cut
from schemas.sealed import SealedComment, SealedDetails
from services.rejected_content import as_text, content_lines, decoded


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
    yield from content_lines(value)


def sections_of_record(sections: Sequence[SealedDetails | None]) -> Iterator[str]:
    """Yield the opened sections of a rejected record. For staff only."""
    for details in sections:
        yield ""
        if details is None:
            yield "What was sealed in it cannot be read."
        else:
            yield from disclosed(details)


def came_fields(
    value: bytes | None, cut: Cut | None = None, *, sections: Sequence[SealedDetails | None] = ()
) -> dict[str, Any]:
    """Return a rejected record as fields of JSON: what it is, what can be read of it, its sections opened.

    `text` is what came, as text; null for a record of ours, whose content is in `fields`. For staff only.
    """
    name, fields = (None if value is None else decoded(value)) or (None, None)
    return {
        "is_kept": value is not None,
        "is_whole": value is not None and cut is None,
        "cut": None if cut is None else str(cut),
        "is": name,
        "fields": fields,
        "text": None if value is None else as_text(value),
        "sections": [None if each is None else each.model_dump(mode="json") for each in sections],
    }
