"""The base of all models, and the types of their fields; their errors use the contract's words."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from schemas.errors import Invalid

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _refuse_number(value: Any, what: str) -> Any:
    # pydantic reads a bare number as seconds or milliseconds since 1970, by its size: a guess about a time of risk.
    if isinstance(value, (int, float)):
        raise Invalid.of("", f"is not a {what} in ISO 8601")
    return value


def _no_number_as_time(value: Any) -> Any:
    return _refuse_number(value, "time")


def _no_number_as_date(value: Any) -> Any:
    return _refuse_number(value, "date")


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Invalid.of("", "is not a time in ISO 8601") from None


def check_disclosure_id(value: str) -> str:
    """Return the id of a disclosure in lower case (RFC 9562); raise `Invalid` for text that is not a UUID.

    The id is the key of a record: free text could contain an identifier of a person. Only one form is used, so that an
    id in upper case is not taken for another id.
    """
    if not _UUID.fullmatch(value):
        raise Invalid.of("", "is not the id of a disclosure, a UUID such as 5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11")
    return value.lower()


def _check_phone(value: str) -> str:
    if not _E164.fullmatch(value):
        raise Invalid.of("", "is not a phone number in E.164 form")
    return value


def _check_email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise Invalid.of("", "is not an email address")
    return value


#: Yes, no or unknown. The policy decides with unknown as a value of its own.
TriState = StrictBool | None
Time = Annotated[AwareDatetime, BeforeValidator(_no_number_as_time), AfterValidator(_to_utc)]
Date = Annotated[date, BeforeValidator(_no_number_as_date)]
Identifier = Annotated[str, Field(min_length=1, max_length=256)]
#: The id that a service gives its disclosure: a UUID (RFC 9562) in lower case, unique within that service.
DisclosureId = Annotated[str, AfterValidator(check_disclosure_id), Field(json_schema_extra={"format": "uuid"})]
ShortText = Annotated[str, Field(max_length=2_000)]
#: An offset in a partition: a long in Avro (64 bits), because Avro's int has 32.
Offset = Annotated[StrictInt, Field(ge=0), "long"]
Phone = Annotated[str, AfterValidator(_check_phone)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_check_email)]


class Model(BaseModel):
    """A frozen value that refuses unknown fields: a misspelt risk fact must not count as absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")
