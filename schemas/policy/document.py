"""What a policy file holds, and what is refused in one; a wrong value is named with its place in the file."""

import re
from datetime import UTC, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.policy.clauses import IMMEDIATE_RISK, LONG_TERM, ClauseId
from schemas.vocabulary import Agency, ConcernKind, EmergencyService, Role

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_LENGTH = re.compile(r"([1-9][0-9]{0,4}) (minute|hour|day)s?")


def _read_length(value: Any) -> timedelta:
    found = _LENGTH.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'{value!r} is not a length of time with its unit, such as "5 minutes", "24 hours", "30 days"')
    return int(found[1]) * _UNITS[found[2]]


def _read_addressee(value: Any) -> "Addressee":
    agency, _, service = value.partition(" ") if isinstance(value, str) else ("", "", "")
    if agency not in list(Agency):
        raise ValueError(f"{value!r} is not an agency: one of {', '.join(Agency)}")
    if (agency == Agency.EMERGENCY_999) != (service in list(EmergencyService)) or (service and agency != "999"):
        raise ValueError(f'{value!r}: 999 needs its service ("999 police", "999 ambulance"), other agencies have none')
    return Addressee(Agency(agency), EmergencyService(service) if service else None)


class Addressee(NamedTuple):
    """An agency, for 999 with the service that is asked for."""

    agency: Agency
    service: EmergencyService | None


class ShareField(StrEnum):
    """What of a disclosure may be shared with an agency or withheld, by the contract's names."""

    ACCOUNT = "subject.account"
    PHONE = "subject.phone"
    EMAIL = "subject.email"
    DATE_OF_BIRTH = "subject.date_of_birth"
    AGE = "subject.age"
    LOCATION = "subject.location"
    PROFESSIONALS = "subject.professionals"
    REFERENCE = "channel.reference"
    SUMMARY = "summary"


#: A length of time, written with its unit.
Length = Annotated[timedelta, BeforeValidator(_read_length)]
Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clause(_Part):
    """One clause: what it says, and the kind of concern it judges, if it judges one."""

    id: ClauseId
    text: Text
    concern: ConcernKind | Literal["any"] | None = None


class Route(_Part):
    """Who is told when one of these clauses holds: everybody listed, or the first who can be told."""

    clauses: Annotated[tuple[ClauseId, ...], Field(min_length=1)]
    tell: Literal["all", "first"]
    agencies: Annotated[tuple[Annotated[Addressee, BeforeValidator(_read_addressee)], ...], Field(min_length=1)]


class Share(_Part):
    """What one agency is given: the least it needs."""

    gets: Text
    concerns: Literal["all", "reported"]
    fields: tuple[ShareField, ...]

    @property
    def withheld(self) -> tuple[ShareField, ...]:
        """What it is not given."""
        return tuple(field for field in ShareField if field not in self.fields)


class Deadlines(_Part):
    """How long a person has to settle a review, counted from the decision."""

    emergency: Length
    other: Length

    @model_validator(mode="after")
    def _emergency_is_shorter(self) -> Self:
        if self.emergency >= self.other:
            raise ValueError("`emergency` must be shorter than `other`")
        return self


class Policy(_Part):
    """The whole policy: parameters, routes, what is shared, and the clauses' text."""

    version: Text
    effective_from: Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
    current_for: Length
    repeat_window: Length
    trained: Annotated[tuple[Role, ...], Field(min_length=1)]
    deadlines: Deadlines
    routes: tuple[Route, ...]
    shares: dict[Agency, Share]
    clauses: tuple[Clause, ...]

    def __hash__(self) -> int:
        # Policies are keys of the caches on the hot path: the version tells them apart nearly always, equality always.
        return hash(self.version)

    def route_of(self, clause: ClauseId) -> Route:
        """Return who is told when this clause holds; `LookupError` for a clause that tells nobody."""
        for route in self.routes:
            if clause in route.clauses:
                return route
        raise LookupError(f"{clause} has no route")

    def judging(self, kind: ConcernKind) -> tuple[ClauseId, ...]:
        """Return the clauses that judge a kind of concern, IR-0 among them."""
        return tuple(clause.id for clause in self.clauses if clause.concern in (kind, "any"))

    @model_validator(mode="after")
    def _every_clause_once(self) -> Self:
        given = [clause.id for clause in self.clauses]
        _refuse("clauses", "given more than once", [clause for clause in ClauseId if given.count(clause) > 1])
        _refuse("clauses", "missing", [clause for clause in ClauseId if clause not in given])
        judging = {clause.id for clause in self.clauses if clause.concern is not None}
        _refuse("clauses", "without `concern`", [c for c in (*IMMEDIATE_RISK, *LONG_TERM) if c not in judging])
        own = {clause.concern for clause in self.clauses}
        _refuse("clauses", "a kind of concern that no clause judges", [kind for kind in ConcernKind if kind not in own])
        return self

    @model_validator(mode="after")
    def _every_clause_routed_once(self) -> Self:
        routed = [clause for route in self.routes for clause in route.clauses]
        needed = (*IMMEDIATE_RISK, *LONG_TERM)
        _refuse("routes", "routed more than once", [clause for clause in ClauseId if routed.count(clause) > 1])
        _refuse("routes", "without a route", [clause for clause in needed if clause not in routed])
        _refuse("routes", "no clause that tells anybody", [clause for clause in routed if clause not in needed])
        for index, route in enumerate(self.routes):
            emergency = {clause in IMMEDIATE_RISK for clause in route.clauses}
            told = {to.agency is Agency.EMERGENCY_999 for to in route.agencies}
            if emergency != told:
                raise ValueError(
                    f"routes[{index}] ({', '.join(route.clauses)}): an immediate risk is told to 999 alone, a long-"
                    "term impact never to 999 (WHO-1, WHO-2)"
                )
        return self

    @model_validator(mode="after")
    def _every_agency_shared_with(self) -> Self:
        _refuse("shares", "missing", [agency for agency in Agency if agency not in self.shares])
        return self


def _refuse(where: str, what: str, wrong: list[Any]) -> None:
    if wrong:
        raise ValueError(f"{where}: {what}: {', '.join(wrong)}")
