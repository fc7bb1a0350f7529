"""What the agents behind ADMIT read, validated as it was written."""

from typing import Any

from pydantic import ValidationError

from schemas.codec import decode
from schemas.errors import Invalid
from schemas.records import Admitted
from streams.runtime import Record


def read_admitted(record: Record) -> tuple[Admitted, dict[str, Any]]:
    """Return the admitted disclosure that the record carries, and its fields; raise `Invalid` where it is none."""
    if record.value is None:
        raise Invalid.of("value", "is empty")
    fields: dict[str, Any] = decode(record.value, "Admitted")[1]
    try:
        return Admitted.model_validate(fields), fields
    except ValidationError as error:
        raise Invalid.from_validation(error) from None
