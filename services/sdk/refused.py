"""Bytes that a door refused: written for a person if they may be an emergency, else to a `.rejected` topic."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from schemas.disclosure import MAX_DISCLOSURE_BYTES, disclosure_key
from schemas.errors import Invalid
from schemas.refused_bytes import id_in, json_fields
from schemas.rejection import (
    REFUSED_BY,
    REFUSED_EXERCISE,
    REFUSED_LENGTH,
    REJECTED_AT,
    REJECTED_BY,
    REJECTED_ERROR,
    REJECTED_EXERCISE,
    REJECTED_FIELD,
    REJECTED_FROM,
    REJECTED_KEPT,
    REJECTED_LENGTH,
    REJECTED_REASON,
    first_field_of,
    length_text,
    reason_of,
)
from schemas.topics import MAX_VALUE_BYTES, URGENT, rejected
from schemas.vocabulary import Service
from services.sdk.addressing import intended_topic

#: The most bytes that a service's urgent topic gets of what cannot be read: more than a disclosure may have, so that
#: ADMIT rejects it, and less than the topic takes.
FIRST_PART_BYTES = MAX_DISCLOSURE_BYTES + 1

T = TypeVar("T")
#: Writes a record: topic, key, value, headers.
Write = Callable[[str, bytes, bytes, list[tuple[str, bytes]]], T]


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes that a door refused, and why."""

    #: As they came; only the first part if `is_whole` is false.
    raw: bytes
    invalid: Invalid
    #: The component that refused them.
    source: str
    #: The sender, if it is known; `is_proven` if a credential proves it.
    service: Service | None = None
    is_proven: bool = False
    #: Whether a credential for exercises sent it. Without any credential the bytes themselves say it.
    exercise: bool = False
    is_whole: bool = True
    #: Bytes of the whole, if `raw` is only the first part; None if that is unknown.
    length: int | None = None


def write_refused(refused: Refused, trace: list[tuple[str, bytes]], now: datetime, write: Write[T]) -> T | None:
    """Write the bytes where a person or an operator finds them; return the result of the last write.

    Bytes that may be an emergency go to the service's urgent topic as they are, with a header that says so: ADMIT
    rejects them and asks a person. Of bytes that are too large for that topic it gets the first part, and the whole is
    kept on its `.rejected` topic. All others go to the `.rejected` topic of the service's routine topic; None for those
    that are too many to keep.
    """
    raw = refused.raw
    fields = json_fields(raw)
    topic = intended_topic(raw, refused.service, is_proven=refused.is_proven, fields=fields)
    # By the id, ADMIT sees it accepted later in the same partition. Bytes without one are keyed by their digest: equal
    # bytes always go to the same partition.
    id_ = id_in(fields)
    key = hashlib.sha256(raw).hexdigest().encode() if id_ is None else disclosure_key(id_)
    is_kept = len(raw) <= MAX_VALUE_BYTES
    is_exercise = refused.exercise if refused.is_proven else fields.get("exercise") is True
    if topic in URGENT:
        first_part = raw[:FIRST_PART_BYTES]
        is_cut = not refused.is_whole or len(first_part) < len(raw)
        length = refused.length if not refused.is_whole else len(raw)
        mark = [(REFUSED_LENGTH, length_text(length))] if is_cut else []
        mark += [(REFUSED_EXERCISE, b"true")] if is_exercise else []
        asked = write(topic, key, first_part, [(REFUSED_BY, refused.source.encode()), *mark, *trace])
        if not (is_cut and refused.is_whole and is_kept):
            return asked
    elif not is_kept:
        return None
    why = [
        (REJECTED_REASON, reason_of(refused.invalid).encode()),
        (REJECTED_FIELD, first_field_of(refused.invalid).encode()),
        (REJECTED_ERROR, type(refused.invalid).__name__.encode()),
        (REJECTED_BY, refused.source.encode()),
        (REJECTED_FROM, topic.encode()),
        (REJECTED_AT, now.isoformat().encode()),
    ]
    if not refused.is_whole:
        why += [(REJECTED_LENGTH, length_text(refused.length)), (REJECTED_KEPT, b"%d" % len(raw))]
    why += [(REJECTED_EXERCISE, b"true")] if is_exercise else []
    return write(rejected(topic), key, raw, why + trace)
