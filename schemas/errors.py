"""The errors that every package shares.

    ValueError
    └── Invalid            a record with wrong fields; the error names each field and the reason, never the value
        └── Unreadable     bytes that are not a record of an expected schema
    Exception
    └── KafkaUnavailable   Kafka did not answer in time

An `Invalid` record is not retried: the whole record goes to its `.rejected` topic. After `KafkaUnavailable` the same
call may be made again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from pydantic import ValidationError

#: The reason for each of pydantic's error types. pydantic's own messages quote the value.
_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this record",
    "union_tag_invalid": "is not a known kind",
    "union_tag_not_found": "is required",
    "enum": "is not one of the known values",
    "literal_error": "is not one of the known values",
    "bool_type": "must be true, false or null",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "too_short": "needs at least one",
    "too_long": "has too many entries",
    "datetime_from_date_parsing": "is not a time in ISO 8601",
    "datetime_parsing": "is not a time in ISO 8601",
    "datetime_type": "is not a time in ISO 8601",
    "datetime_object_invalid": "is not a time in ISO 8601",
    "timezone_aware": "must say its time zone",
    "date_from_datetime_parsing": "is not a date in ISO 8601",
    "date_from_datetime_inexact": "is not a date in ISO 8601",
    "date_parsing": "is not a date in ISO 8601",
    "date_type": "is not a date in ISO 8601",
    "greater_than_equal": "is out of range",
    "less_than_equal": "is out of range",
    "finite_number": "must be a finite number",
    "json_invalid": "is not JSON",
    "json_type": "is not JSON",
    "string_unicode": "is not UTF-8 text",
}

#: Least similarity (0 to 1) of an unknown field name to a name of the contract, so that an error shows it: any other
#: name may be a person's word or number.
_LIKENESS = 0.7

#: The field at fault in errors about the tag of a union: pydantic's location does not name it.
_TAG_ERRORS = {"union_tag_invalid": "kind", "union_tag_not_found": "kind"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: the field's path in the contract's names (`concerns[0].kind`), and the reason without the value."""

    field: str
    reason: str

    def __str__(self) -> str:
        """Return `field: reason`."""
        return f"{self.field}: {self.reason}"


class KafkaUnavailable(Exception):
    """Kafka did not answer in time. It may have the record or not; the same record may be sent again."""


class Invalid(ValueError):
    """A record with wrong fields, and each of its problems."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    @classmethod
    def of(cls, field: str, reason: str) -> "Invalid":
        """Return an error with one problem."""
        return cls((Problem(field, reason),))

    @classmethod
    def from_validation(
        cls, error: ValidationError, tags: frozenset[str] = frozenset(), names: frozenset[str] = frozenset()
    ) -> "Invalid":
        """Return pydantic's errors with the contract's paths, without the values that pydantic quotes.

        `tags` are the discriminator values that pydantic puts into a location; a path of the contract has none.
        `names` are the field names of the contract: an unknown field is shown only if it is similar to one of them.
        """
        problems: list[Problem] = []
        for found in error.errors(include_url=False, include_context=True, include_input=False):
            kind = found["type"]
            location = [part for index, part in enumerate(found["loc"]) if not _is_tag(part, index, found["loc"], tags)]
            if kind in _TAG_ERRORS:
                location.append(_TAG_ERRORS[kind])
            if kind == "value_error" and isinstance(cause := found["ctx"]["error"], Invalid):
                prefix = _path(location)
                problems.extend(Problem(_join(prefix, inner.field), inner.reason) for inner in cause.problems)
                continue
            if kind == "extra_forbidden" and not get_close_matches(str(location[-1]), names, 1, _LIKENESS):
                location[-1] = "(a name that is not shown)"
            problems.append(Problem(_path(location) or "line", _REASONS.get(kind, "is not valid")))
        # pydantic also calls a list too short if its entries were refused; that is no separate fault.
        return cls(
            problem
            for problem in problems
            if problem.reason != _REASONS["too_short"]
            or not any(other.field.startswith(problem.field + "[") for other in problems)
        )


class Unreadable(Invalid):
    """Bytes that are not a record of an expected schema."""


def _is_tag(part: int | str, index: int, location: tuple[int | str, ...], tags: frozenset[str]) -> bool:
    return part in tags and index > 0 and isinstance(location[index - 1], int)


def _path(location: Iterable[int | str]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _join(prefix: str, field: str) -> str:
    if not field or not prefix:
        return prefix or field
    return prefix + field if field.startswith("[") else f"{prefix}.{field}"
