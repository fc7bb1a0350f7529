"""Decodes and validates: the records that agents after ADMIT read, and the entries of their state."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.codec import decode, decode_own
from schemas.errors import Invalid
from schemas.records import Admitted, RejectedAccepted, UrgentRejected
from schemas.reports import DeliveryChanged
from schemas.reviews import ReviewOutcome
from schemas.vocabulary import DeliveryState
from streams.domain.hand_over import ACKNOWLEDGED
from streams.runtime import Record

#: The states that DECIDE acts on: an attempt begins, the agency has the report, or a human must take it over.
_ACTED_ON = frozenset({*ACKNOWLEDGED, DeliveryState.SENT, DeliveryState.FAILED})

M = TypeVar("M", bound=BaseModel)


def stored(model: type[M], value: bytes) -> M:
    """Return the model that an entry of a lane's state holds; its schema has the model's name.

    Raises `Invalid` or `ValidationError` for an entry that cannot be read.
    """
    return model.model_validate(decode_own(value, model.__name__)[1])


def validated(model: type[M], fields: dict[str, Any]) -> M:
    """Return the model with these fields; raise `Invalid`, naming the fields at fault and never their values."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error) from None


def read_admitted(record: Record) -> tuple[Admitted, dict[str, Any]]:
    """Return the admitted disclosure in the record, and its fields; raise `Invalid` for any other record."""
    _, fields = _decoded(record, "Admitted", read=decode_own)
    return validated(Admitted, fields), fields


def read_to_decide(record: Record) -> Admitted | UrgentRejected | RejectedAccepted:
    """Return what ADMIT or IDENTITY sent to DECIDE; raise `Invalid` for any other record."""
    name, fields = _decoded(record, "Admitted", "UrgentRejected", "RejectedAccepted", read=decode_own)
    if name == "Admitted":
        return validated(Admitted, fields)
    return validated(UrgentRejected, fields) if name == "UrgentRejected" else validated(RejectedAccepted, fields)


def read_outcome(record: Record) -> tuple[ReviewOutcome, dict[str, Any]]:
    """Return the outcome of a review in the record, and the signed fields; raise `Invalid` for any other record."""
    # A console wrote it, not a lane.
    _, fields = _decoded(record, "ReviewOutcome", read=decode)
    return validated(ReviewOutcome, fields), fields


def read_delivery(record: Record) -> DeliveryChanged | None:
    """Return the delivery step in the record, None for a step that DECIDE does not act on.

    Raises `Invalid` for any other record.
    """
    _, fields = _decoded(record, "DeliveryChanged", read=decode_own)
    return validated(DeliveryChanged, fields) if fields["state"] in _ACTED_ON else None


def _decoded(
    record: Record, *names: str, read: Callable[..., tuple[str, dict[str, Any]]]
) -> tuple[str, dict[str, Any]]:
    if record.value is None:
        raise Invalid.of("value", "is empty")
    return read(record.value, *names)
