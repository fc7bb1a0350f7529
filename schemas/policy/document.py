"""The model of a policy file, with all its checks. Each error names the position of the wrong value in the file."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from schemas.policy.clauses import IMMEDIATE_RISK, LONG_TERM, ClauseId
from schemas.policy.lines import TomlPath
from schemas.vocabulary import Agency, ConcernKind, EmergencyService, Role

#: The parameters of a policy file that does not set them.
CLOCK_TOLERANCE = timedelta(minutes=5)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

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


class ConfigProblems(ValueError):
    """The faults of a file as a whole: for each, its path in the file and the reason."""

    def __init__(self, found: Iterable[tuple[TomlPath, str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(reason for _, reason in self.found))


class Addressee(NamedTuple):
    """An agency; for 999 with the emergency service to ask for."""

    agency: Agency
    service: EmergencyService | None

    def __str__(self) -> str:
        """Return the addressee as a policy file has it, for example `999 police`."""
        return self.agency if self.service is None else f"{self.agency} {self.service}"


class Confirmation(StrEnum):
    """Whose word confirms a report (CASE-1)."""

    #: The service vouches for its staff: the roles that it writes into the assessment count.
    SERVICE = "service"
    #: Only the signed outcome of a review counts.
    SIGNED = "signed"


class ShareField(StrEnum):
    """Fields of a disclosure that an agency gets or does not get, by the contract's names."""

    ACCOUNT = "subject.account"
    PHONE = "subject.phone"
    EMAIL = "subject.email"
    DATE_OF_BIRTH = "subject.date_of_birth"
    AGE = "subject.age"
    LOCATION = "subject.location"
    PROFESSIONALS = "subject.professionals"
    REFERENCE = "channel.reference"
    SUMMARY = "summary"


#: A length of time, with its unit: "5 minutes", "24 hours", "30 days".
Length = Annotated[timedelta, BeforeValidator(_read_length)]
Text = Annotated[str, Field(min_length=1)]
Moment = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clause(_Part):
    """One clause: its published text, its words for a young person and for staff, and the kind of concern it judges."""

    id: ClauseId
    text: Text
    #: The clause in words for a young person (TELL-3).
    plain: Text
    #: Advice for staff who assess: what to look for, and common mistakes.
    staff: Text
    #: None: the clause judges the case, not a concern.
    concern: ConcernKind | Literal["any"] | None = None


class Route(_Part):
    """The addressees of a report when one of the clauses holds: all of them, or the first that can get it."""

    clauses: Annotated[tuple[ClauseId, ...], Field(min_length=1)]
    tell: Literal["all", "first"]
    agencies: Annotated[tuple[Annotated[Addressee, BeforeValidator(_read_addressee)], ...], Field(min_length=1)]


class Share(_Part):
    """The data that one agency gets: the least that it needs."""

    gets: Text
    concerns: Literal["all", "reported"]
    fields: tuple[ShareField, ...]

    @property
    def withheld(self) -> tuple[ShareField, ...]:
        """Fields that the agency does not get."""
        return tuple(field for field in ShareField if field not in self.fields)


class Deadlines(_Part):
    """Time that a person has to settle a review, counted from the decision."""

    emergency: Length
    other: Length

    @model_validator(mode="after")
    def _emergency_is_shorter(self) -> Self:
        if self.emergency >= self.other:
            raise ConfigProblems([(("emergency",), "must be shorter than `other`")])
        return self


class Policy(_Part):
    """One version of the policy: parameters, routes, shared fields, and the text of the clauses."""

    version: Text
    effective_from: Moment
    #: When the next version takes effect; None for the last.
    effective_until: Moment | None = None
    current_for: Length
    repeat_window: Length
    tell_within: Length
    #: How long after its arrival a time of a disclosure may be without a note.
    clock_tolerance: Length = CLOCK_TOLERANCE
    #: Before this time no service existed: an earlier time in a disclosure cannot be true.
    earliest: Moment = EARLIEST
    trained: Annotated[tuple[Role, ...], Field(min_length=1)]
    confirmation: Confirmation = Confirmation.SERVICE
    deadlines: Deadlines
    routes: tuple[Route, ...]
    shares: dict[Agency, Share]
    clauses: tuple[Clause, ...]

    _in_scope_from: datetime | None = PrivateAttr(None)

    def __hash__(self) -> int:
        # Policies are keys of caches on the hot path. Nearly always the version differs; equality compares the rest.
        return hash(self.version)

    @property
    def in_scope_from(self) -> datetime:
        """When the first version of the policy took effect; earlier disclosures are out of scope (SCOPE-1)."""
        return self.effective_from if self._in_scope_from is None else self._in_scope_from

    def within_scope_from(self, first: datetime) -> "Policy":
        """Return a copy of this policy for a set of versions of which the first took effect at `first`."""
        policy = self.model_copy()
        policy._in_scope_from = first  # noqa: SLF001 - an object of the same class
        return policy

    def words_of(self, clause: str) -> Clause:
        """Return a clause with its texts; raise `LookupError` for an id that this version does not have."""
        for each in self.clauses:
            if each.id == clause:
                return each
        raise LookupError(f"{clause} is no clause of version {self.version}")

    def route_of(self, clause: ClauseId) -> Route:
        """Return the route of a clause; raise `LookupError` for a clause that leads to no report."""
        for route in self.routes:
            if clause in route.clauses:
                return route
        raise LookupError(f"{clause} has no route")

    def judging(self, kind: ConcernKind) -> tuple[ClauseId, ...]:
        """Return the clauses that judge a kind of concern, including IR-0."""
        return tuple(clause.id for clause in self.clauses if clause.concern in (kind, "any"))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        found = [*_faults_of_dates(self), *_faults_of_clauses(self), *_faults_of_routes(self)]
        if missing := [agency for agency in Agency if agency not in self.shares]:
            found.append((("shares",), f"missing: {', '.join(missing)}"))
        if found:
            raise ConfigProblems(found)
        return self


_Faults = Iterable[tuple[TomlPath, str]]


def _faults_of_dates(policy: Policy) -> _Faults:
    if policy.effective_until is not None and policy.effective_until <= policy.effective_from:
        yield ("effective_until",), "must be after `effective_from`"
    if policy.earliest >= policy.effective_from:
        yield ("earliest",), "must be before `effective_from`"


def _faults_of_clauses(policy: Policy) -> _Faults:
    first: dict[ClauseId, int] = {}
    for index, clause in enumerate(policy.clauses):
        if first.setdefault(clause.id, index) != index:
            reason = f"{clause.id} is given more than once: it is clauses[{first[clause.id]}] too"
            yield ("clauses", index, "id"), reason
        elif clause.concern is None and clause.id in (*IMMEDIATE_RISK, *LONG_TERM):
            yield ("clauses", index), f"{clause.id} is without `concern`: the kind of concern that it judges"
    if missing := [clause for clause in ClauseId if clause not in first]:
        yield ("clauses",), f"missing: {', '.join(missing)}"
    judged = {clause.concern for clause in policy.clauses}
    if unjudged := [kind for kind in ConcernKind if kind not in judged]:
        yield ("clauses",), f"a kind of concern that no clause judges: {', '.join(unjudged)}"


def _faults_of_routes(policy: Policy) -> _Faults:
    first: dict[ClauseId, int] = {}
    for index, route in enumerate(policy.routes):
        for position, clause in enumerate(route.clauses):
            path = ("routes", index, "clauses", position)
            if clause not in (*IMMEDIATE_RISK, *LONG_TERM):
                yield path, f"{clause} leads to no report, so it has no route"
            elif clause in first:
                yield path, f"{clause} is routed more than once: routes[{first[clause]}] has it too"
            first.setdefault(clause, index)
        for position, addressee in enumerate(route.agencies):
            if addressee in route.agencies[:position]:
                yield ("routes", index, "agencies", position), f"{addressee} is listed more than once"
        emergency = {clause in IMMEDIATE_RISK for clause in route.clauses}
        to_999 = {to.agency is Agency.EMERGENCY_999 for to in route.agencies}
        if emergency != to_999:
            reason = (
                f"{', '.join(route.clauses)}: an immediate risk is told to 999 alone, a long-term impact never to 999 "
                "(WHO-1, WHO-2)"
            )
            yield ("routes", index, "agencies"), reason
    if missing := [clause for clause in (*IMMEDIATE_RISK, *LONG_TERM) if clause not in first]:
        yield ("routes",), f"without a route: {', '.join(missing)}"
