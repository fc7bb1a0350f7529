"""What the agents behind ADMIT read, validated as it was written."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from schemas.codec import decode
from schemas.errors import Invalid
from schemas.records import Admitted, DeliveryChanged, UrgentRejected
from schemas.reviews import ReviewOutcome
from schemas.vocabulary import DeliveryState
from streams.domain.hand_over import ACKNOWLEDGED
from streams.runtime import Record

#: States from which something follows: an attempt begins, or the report may be done with.
_TELLING = frozenset({*ACKNOWLEDGED, DeliveryState.SENT, DeliveryState.FAILED})

M = TypeVar("M", bound=BaseModel)


def read_admitted(record: Record) -> tuple[Admitted, dict[str, Any]]:
    """Return the admitted disclosure that the record carries, and its fields; raise `Invalid` where it is none."""
    _, fields = _decoded(record, "Admitted")
    return _validated(Admitted, fields), fields


def read_to_decide(record: Record) -> Admitted | UrgentRejected:
    """Return the admitted disclosure, or the rejected urgent record, that the record is about; raise `Invalid`."""
    name, fields = _decoded(record, "Admitted", "UrgentRejected")
    return _validated(Admitted, fields) if name == "Admitted" else _validated(UrgentRejected, fields)


def read_outcome(record: Record) -> tuple[ReviewOutcome, dict[str, Any]]:
    """Return the review's outcome that the record carries, and its fields; raise `Invalid` where it is none."""
    _, fields = _decoded(record, "ReviewOutcome")
    return _validated(ReviewOutcome, fields), fields


def read_delivery(record: Record) -> DeliveryChanged | None:
    """Return the step of a report that the record carries, None for one from which nothing follows.

    Raises `Invalid` where it is no step of a report.
    """
    _, fields = _decoded(record, "DeliveryChanged")
    return _validated(DeliveryChanged, fields) if fields["state"] in _TELLING else None


def _decoded(record: Record, *names: str) -> tuple[str, dict[str, Any]]:
    if record.value is None:
        raise Invalid.of("value", "is empty")
    return decode(record.value, *names)


def _validated(model: type[M], fields: dict[str, Any]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise Invalid.from_validation(error) from None
