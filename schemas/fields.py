"""The base of all models, and the types of their fields; their errors use the contract's words."""

import re
from datetime import UTC, date, datetime
from math import inf
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    WithJsonSchema,
)
from pydantic_core import PydanticKnownError

from schemas.errors import Invalid

#: What forms, files and terminals leave around a value: spaces, line breaks, byte order marks.
_PADDING = "\t\n\r \u00a0\ufeff"
_PAD = r"[\t\n\r \u00a0\ufeff]*"
_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = (
    rf"(?P<minute>{_DAY}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9]|60)(?P<fraction>[.,][0-9]+)?)?"
)
_ZONE = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
#: ISO 8601 as RFC 3339 has it; also without a zone, so that the error can say that the zone is missing.
_TIME = re.compile(f"{_CLOCK}(?P<zone>{_ZONE})?")
_DATE = re.compile(_DAY)
_NO_TIME = "is not a time in ISO 8601, such as 2026-02-03T21:04:11Z"
_NO_DATE = "is not a date in ISO 8601, such as 2009-02-28"
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
#: What people and software write between and around the digits of a phone number: spaces, line ends, dashes, dots,
#: brackets, slashes, other punctuation of Unicode, and characters that no reader sees.
_BETWEEN = r"[\t\n\r ()./\u00a0\u00ad\u2000-\u206f\u2212\u3000\ufeff-]"
#: A phone number in E.164 form, however it is spaced. One repetition at a time, so that the work stays linear.
_E164 = re.compile(rf"{_BETWEEN}*\+{_BETWEEN}*[1-9](?:{_BETWEEN}*[0-9]){{6,14}}{_BETWEEN}*")
_NO_DIGIT = re.compile(_BETWEEN)
#: What the empty date of birth of a form is read as, since a record has no text in its place: a placeholder.
EMPTY_BIRTH = date(9999, 12, 31)
_INT32 = 2**31
#: The largest number that a float holds exactly, with every whole number below it.
_LARGEST_EXACT = 2**53
#: Takes the place of a character that was damaged on the way, such as half an emoji.
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def _read_time(value: Any) -> datetime:
    # pydantic reads a number, and text of digits, as seconds or milliseconds since 1970, by its size: a guess about a
    # time of risk. So the text is matched here.
    if isinstance(value, datetime):
        return value
    found = _TIME.fullmatch(value.strip(_PADDING)) if isinstance(value, str) else None
    if found is None:
        raise Invalid.of("", _NO_TIME)
    second, zone = found["second"] or "00", (found["zone"] or "").upper()
    # A leap second has no number of its own in Python: 23:59:60 UTC is read as the second before.
    is_leap = second == "60"
    fraction = "" if is_leap else (found["fraction"] or "").replace(",", ".")[:7]
    try:
        read = datetime.fromisoformat(f"{found['minute'].upper()}:{'59' if is_leap else second}{fraction}{zone}")
        if is_leap and (read.tzinfo is None or read.astimezone(UTC).strftime("%H:%M") != "23:59"):
            raise Invalid.of("", _NO_TIME)
    except (ValueError, OverflowError):
        raise Invalid.of("", _NO_TIME) from None
    return read


def _read_date(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    day = value.strip(_PADDING) if isinstance(value, str) else ""
    if not _DATE.fullmatch(day):
        raise Invalid.of("", _NO_DATE)
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise Invalid.of("", _NO_DATE) from None


def _read_birth(value: Any) -> date:
    return EMPTY_BIRTH if isinstance(value, str) and not value.strip(_PADDING) else _read_date(value)


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise Invalid.of("", _NO_TIME) from None


def _whole_as_int(value: Any) -> Any:
    # Some writers have one type for all numbers, and JSON does not tell 15.0 from 15.
    if type(value) is float and value.is_integer() and abs(value) <= _LARGEST_EXACT:
        return int(value)
    return value


def _as_int32(value: Any) -> Any:
    # Avro's int cannot hold the number. The nearest one that it can hold is no possible age either.
    if type(value) is float and value.is_integer():
        value = int(value)
    return max(-_INT32, min(value, _INT32 - 1)) if type(value) is int else value


def _as_float(value: Any) -> Any:
    try:
        return float(value) if type(value) is int else value
    except OverflowError:
        return inf if value > 0 else -inf


def mended(value: Any) -> Any:
    """Return text without half characters, in lists and objects too, with their names; other values as they are."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            # Two halves that belong together become one character, a half alone becomes REPLACEMENT.
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if isinstance(value, dict):
        return {mended(name): mended(each) for name, each in value.items()}
    return [mended(each) for each in value] if isinstance(value, list | tuple) else value


def at_most(count: int) -> tuple[Any, ...]:
    """Return the limit of a list, with a check before its items: pydantic makes an error for each wrong item first."""

    def check(given: Any) -> Any:
        if isinstance(given, list | tuple) and len(given) > count:
            raise PydanticKnownError(
                "too_long", {"field_type": "List", "max_length": count, "actual_length": len(given)}
            )
        return given

    return Field(max_length=count), BeforeValidator(check)


def published(pattern: str) -> dict[str, str]:
    """Return what the published JSON Schema says of text that this whole pattern matches, in the syntax of ECMA 262."""
    return {"pattern": f"^{re.sub(r'[?]P<[a-z]+>', '', pattern)}$"}


def null_as(value: Any, kind: Any) -> BeforeValidator:
    """Return the validator that reads null as `value`: a part that may be absent. `kind` is the type of the part.

    A fact's null is another thing: unknown.
    """
    return BeforeValidator(lambda given: value if given is None else given, json_schema_input_type=kind | None)


def blank_as_none(kind: Any) -> BeforeValidator:
    """Return the validator that reads the empty word of a form as null. `kind` has the words of the contract."""
    blank = Literal["", None]  # noqa: PYI061 - published in fewer bytes than a union
    return BeforeValidator(lambda given: None if given == "" else given, json_schema_input_type=kind | blank)


def is_disclosure_id(value: str) -> bool:
    """Return whether the text is the id of a disclosure, a UUID."""
    return _UUID.fullmatch(value) is not None


def check_disclosure_id(value: str) -> str:
    """Return the id of a disclosure in lower case (RFC 9562); raise `Invalid` for text that is not a UUID.

    The id is the key of a record: free text could contain an identifier of a person. Only one form is used, so that an
    id in upper case is not taken for another id.
    """
    value = value.strip(_PADDING)
    if not is_disclosure_id(value):
        raise Invalid.of("", "is not the id of a disclosure, a UUID such as 5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11")
    return value.lower()


def _read_phone(value: str) -> str:
    """Return the number without the spaces and signs between its digits, which sink no disclosure."""
    # An empty one counts as absent (`Subject`).
    if value and not _E164.fullmatch(value):
        raise Invalid.of("", "is not a phone number in E.164 form: a plus sign, the country, the number")
    return _NO_DIGIT.sub("", value)


#: Yes, no or unknown. The policy decides with unknown as a value of its own.
TriState = StrictBool | None
#: The JSON Schema has its pattern and no `format`: the format's RFC 3339 allows less than this reads.
Time = Annotated[
    AwareDatetime,
    BeforeValidator(_read_time),
    AfterValidator(_to_utc),
    WithJsonSchema(
        {"type": "string", **published(_PAD + _CLOCK + _ZONE + _PAD), "description": "ISO 8601 with its zone"}
    ),
]
Date = Annotated[
    date, BeforeValidator(_read_date), WithJsonSchema({"type": "string", "format": "date", **published(_DAY)})
]
#: A date of birth; the empty one of a form is `EMPTY_BIRTH`.
Birth = Annotated[
    date,
    BeforeValidator(_read_birth),
    WithJsonSchema({"type": "string", **published(f"{_PAD}(?:{_DAY}{_PAD})?"), "description": "ISO 8601"}),
]
#: A stated age, also one that no person has: it sinks no disclosure. ADMIT notes it, and leaves it out.
StatedAge = Annotated[StrictInt, BeforeValidator(_as_int32)]
#: A latitude or longitude, also one that no place has: it sinks no disclosure. ADMIT notes it, and leaves it out.
Degrees = Annotated[float, Field(strict=True), BeforeValidator(_as_float)]
#: Reads 15.0 as 15; text is not a number. Stands after the limits of a whole number, or they are not published.
WHOLE = BeforeValidator(_whole_as_int)
#: Mends text at every door in the same way. Stands after the limits of the text, or they are not published.
MENDED = BeforeValidator(lambda given: mended(given) if isinstance(given, str) else given)
Text = Annotated[str, MENDED]
Identifier = Annotated[str, Field(min_length=1, max_length=256), MENDED]
#: The id that a service gives its disclosure: a UUID (RFC 9562) in lower case, unique within that service.
DisclosureId = Annotated[
    str, AfterValidator(check_disclosure_id), Field(json_schema_extra=published(_PAD + _UUID.pattern + _PAD))
]
ShortText = Annotated[str, Field(max_length=2_000), MENDED]
#: An offset in a partition: a long in Avro (64 bits), because Avro's int has 32.
Offset = Annotated[StrictInt, Field(ge=0), "long"]
Phone = Annotated[
    str, MENDED, AfterValidator(_read_phone), Field(json_schema_extra={**published(f"(?:{_E164.pattern})?")})
]
#: An email address as it was given. Text that is no address sinks no disclosure: it makes no token, and is noted.
Email = Text


class Model(BaseModel):
    """A frozen value that refuses unknown fields: a misspelt risk fact must not count as absent."""

    # pydantic's own errors quote the input, which a log must never have.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
