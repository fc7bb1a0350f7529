"""ADMIT's split of a disclosure: the facts of the policy stay readable, everything that identifies is sealed.

Both halves are made from the decoded fields, not from models: ADMIT would build the models only to take them apart.

A sender's clock may be wrong, so no time of a disclosure counts as later than its arrival. Otherwise a mark of a safe
channel from the year 2035 would outweigh every later one, and ages and scope would be judged at a time in the future.
A time that is later by more than `clock_tolerance` of the policy is noted.

An age, latitude or longitude that cannot be true sinks no disclosure: it is left out here, and noted.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from schemas.disclosure import Disclosure, ReadableDisclosure
from schemas.fields import EMPTY_BIRTH
from schemas.policy import CLOCK_TOLERANCE
from streams.domain.identifier_forms import notes_of
from streams.domain.locations import fault_of, known_location
from streams.domain.placeholders import is_no_age
from streams.domain.policy.age import OLDEST

_READABLE = ("disclosure_id", "service", "concerns", "safety", "contact", "involvement", "exercise")
_READABLE_OF_SUBJECT = ("date_of_birth", "age_band", "adult_at_risk")
_SEALED_OF_SUBJECT = ("account", "phone", "email", "professionals")


def readable(
    disclosure: Disclosure, arrived_at: datetime, clock_tolerance: timedelta = CLOCK_TOLERANCE
) -> ReadableDisclosure:
    """Return the half without identifiers, places, names, reference and free text; no time is after the arrival."""
    return ReadableDisclosure.model_validate(readable_fields(disclosure.model_dump(), arrived_at, clock_tolerance))


def readable_fields(
    fields: Mapping[str, Any], arrived_at: datetime, clock_tolerance: timedelta = CLOCK_TOLERANCE
) -> dict[str, Any]:
    """Return the fields of the `ReadableDisclosure`, given those of the `Disclosure`; no time is after the arrival."""
    subject, channel, assessment = fields["subject"], fields["channel"], fields["assessment"]
    return {
        **{name: fields[name] for name in _READABLE},
        "disclosed_at": min(fields["disclosed_at"], arrived_at),
        "assessment": {**assessment, "assessed_at": min(assessment["assessed_at"], arrived_at)},
        "channel": None if channel is None else channel["kind"],
        "notes": (
            *notes_of(subject["account"], subject["phone"], subject["email"]),
            *_notes_of_age(subject["age"]),
            *_notes_of_location(subject["location"]),
            *_notes_of_times(fields["disclosed_at"], assessment["assessed_at"], arrived_at + clock_tolerance),
        ),
        "subject": {
            **{name: subject[name] for name in _READABLE_OF_SUBJECT},
            "age": None if _fault_of_age(subject["age"]) else subject["age"],
            "professionals": [professional["role"] for professional in subject["professionals"]],
        },
    }


def _fault_of_age(age: int | None) -> str | None:
    if age is None:
        return None
    if not 0 <= age <= OLDEST:
        return "is no age that a person can have"
    return "is one that software writes for an unknown age" if is_no_age(age) else None


def _notes_of_age(age: int | None) -> Iterator[str]:
    if (fault := _fault_of_age(age)) is not None:
        yield f"subject.age: {fault}: counted as unknown"


def _notes_of_location(location: Mapping[str, Any]) -> Iterator[str]:
    if (fault := fault_of(location)) is not None:
        yield f"subject.location: {fault}: both are left out"


def _notes_of_times(disclosed_at: datetime, assessed_at: datetime, latest: datetime) -> Iterator[str]:
    if disclosed_at > latest:
        yield "disclosed_at: is after it arrived: counted as disclosed when it arrived"
    if assessed_at > latest:
        yield "assessment.assessed_at: is after it arrived: counted as assessed when it arrived"


def details_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the `SealedDetails`, the half that identifies, given those of the `Disclosure`."""
    subject, channel = fields["subject"], fields["channel"]
    return {
        **{name: subject[name] for name in _SEALED_OF_SUBJECT},
        "date_of_birth": None if subject["date_of_birth"] == EMPTY_BIRTH else subject["date_of_birth"],
        "location": known_location(subject["location"]),
        "reference": None if channel is None else channel["reference"],
        "summary": fields["summary"],
    }
