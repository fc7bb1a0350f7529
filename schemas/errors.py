"""The errors that every package shares.

    ValueError
    └── Invalid            a record with wrong fields; the error names each field and the reason, never the value
        └── Unreadable     bytes that are not a record of an expected schema
    Exception
    └── KafkaUnavailable   Kafka did not answer in time

An `Invalid` record is not retried: the whole record goes to its `.rejected` topic. After `KafkaUnavailable` the same
call may be made again.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

#: The most problems of one record that an error names. An answer with each of 20,000 wrong fields helps no sender.
MAX_PROBLEMS = 20
#: Instead of a name that may be a person's word or number.
HIDDEN_NAME = "(a name that is not shown)"
#: The longest unknown name that is compared with the contract's names: the comparison takes quadratic time.
_LONGEST_COMPARED = 64

#: The reason for each of pydantic's error types. pydantic's own messages quote the value.
_REASONS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this record",
    "invalid_key": "is not a field of this record: names must be text",
    "union_tag_invalid": "must be one of",
    "union_tag_not_found": "is required",
    "enum": "must be one of",
    "literal_error": "must be one of",
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

#: What is allowed, by the key of pydantic's context that has the schema's own words for it.
_ALLOWED = {
    "expected": "{}",
    "expected_tags": "{}",
    "ge": "at least {}",
    "le": "at most {}",
    "max_length": "at most {}",
}
_QUOTED = re.compile(r"'([^']*)'")

#: Least similarity (0 to 1) of an unknown field name to one that is allowed there, so that an error shows the latter.
_LIKENESS = 0.7

#: Errors about a name itself: pydantic's location ends with the name that was given.
_NAME_ERRORS = frozenset(("extra_forbidden", "invalid_key"))

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
        cls, error: ValidationError, tags: frozenset[str] = frozenset(), model: type[BaseModel] | None = None
    ) -> "Invalid":
        """Return pydantic's errors with the contract's paths, without the values that pydantic quotes.

        `tags` are the discriminator values that pydantic puts into a location; a path of the contract has none.
        `model` is the one of the whole record: for an unknown field the names that are allowed there are shown.
        """
        problems: list[Problem] = []
        every = error.errors(include_url=False, include_context=True, include_input=False)
        for found in islice(every, MAX_PROBLEMS):
            kind = found["type"]
            given = found["loc"]
            # The last part of an error about a name is that name, though it may be that of a tag.
            end = len(given) - 1 if kind in _NAME_ERRORS else len(given)
            location = [
                part for index, part in enumerate(given) if index >= end or not _is_tag(part, index, given, tags)
            ]
            if kind in _TAG_ERRORS:
                location.append(_TAG_ERRORS[kind])
            if kind == "value_error" and isinstance(cause := found["ctx"]["error"], Invalid):
                prefix = path_of(location)
                problems.extend(Problem(_join(prefix, inner.field), inner.reason) for inner in cause.problems)
                continue
            reason = _reason(kind, found.get("ctx", {}))
            if kind in _NAME_ERRORS:
                # The name that was given may be a person's words; the names that are allowed there are the contract's.
                reason += _instead(str(given[-1]), _names_at(model, given[:-1]))
                location[-1] = HIDDEN_NAME
            problems.append(Problem(path_of(location) or "line", reason))
        if len(every) > MAX_PROBLEMS:
            problems.append(Problem("line", f"has {len(every) - MAX_PROBLEMS} more faults"))
        # pydantic also calls a list too short if its entries were refused; that is no separate fault.
        return cls(
            problem
            for problem in problems
            if problem.reason != _REASONS["too_short"]
            or not any(other.field.startswith(problem.field + "[") for other in problems)
        )


class Unreadable(Invalid):
    """Bytes that are not a record of an expected schema."""


def _reason(kind: str, context: Mapping[str, Any]) -> str:
    """Return the reason for an error of pydantic, with what is allowed if the schema says it."""
    reason = _REASONS.get(kind, "is not valid")
    for key, words in _ALLOWED.items():
        if key in context:
            value = context[key]
            return f"{reason}: {words.format(', '.join(_QUOTED.findall(value)) if isinstance(value, str) else value)}"
    return reason


def _instead(name: str, allowed: Collection[str]) -> str:
    """Return which names are allowed instead of this one, and which of them it resembles; nothing if none is known."""
    found = get_close_matches(name.lower(), allowed, 1, _LIKENESS) if len(name) <= _LONGEST_COMPARED else []
    like = f", but {found[0]} is" if found else ""
    return f"{like}; allowed: {', '.join(allowed)}" if allowed else ""


def _names_at(model: type[BaseModel] | None, location: Iterable[int | str]) -> Collection[str]:
    """Return the field names that are allowed at pydantic's location; none if it is not one model's."""
    models = [] if model is None else [model]
    for part in location:
        if isinstance(part, int):
            continue
        if any(part in each.model_fields for each in models):
            models = [
                inner
                for each in models
                if part in each.model_fields
                for inner in _models_in(each.model_fields[part].annotation)
            ]
        else:
            # The tag of a union: the model whose `kind` it is.
            models = [each for each in models if part in get_args(each.model_fields["kind"].annotation)]
    return models[0].model_fields.keys() if len(models) == 1 else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for each in get_args(annotation):
            yield from _models_in(each)


def _is_tag(part: int | str, index: int, location: tuple[int | str, ...], tags: frozenset[str]) -> bool:
    return part in tags and index > 0 and isinstance(location[index - 1], int)


def path_of(location: Iterable[int | str]) -> str:
    """Return the path of names and indices in the contract's form: `concerns[0].kind`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _join(prefix: str, field: str) -> str:
    if not field or not prefix:
        return prefix or field
    return prefix + field if field.startswith("[") else f"{prefix}.{field}"
