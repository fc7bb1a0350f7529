"""The records of a review after its request: the outcome, the settlement, and DECIDE's state of an open review."""

import re
from datetime import datetime
from typing import Annotated, get_args

from pydantic import AfterValidator, Field, StrictBool, StrictInt, TypeAdapter, ValidationError, model_validator

from schemas.errors import Invalid
from schemas.fields import DisclosureId, Identifier, Model, Time
from schemas.records import ReviewRequested
from schemas.reports import Generation
from schemas.review_table import OutcomeField, fields_of
from schemas.sealed import SealedSection
from schemas.vocabulary import (
    Agency,
    EmergencyService,
    HousingState,
    ImmediateDanger,
    Outcome,
    ProfessionalRole,
    Refusal,
    ReviewDecision,
    Role,
    Timeframe,
)

#: The paths of facts that a review may ask for. An answer may give more of these facts than were asked, and no others.
_PATH = re.compile(
    r"subject\.(age|professionals|adult_at_risk\.(care_or_support_needs|at_risk_of_harm|cannot_protect_self))"
    r"|safety\.(says_safe|contradicted|unclear)"
    r"|concerns\[(0|[1-9][0-9]{0,2})\]\.[a-z_]{1,40}"
    r"|disclosed_at|assessment\.assessed_at"
)
#: The paths whose value is a time: they are asked for if the time that the service gave cannot be true.
TIMES = frozenset(("disclosed_at", "assessment.assessed_at"))
_WORDS = frozenset(
    word.value for words in (Timeframe, HousingState, ImmediateDanger, ProfessionalRole) for word in words
)
_TIME = TypeAdapter[datetime](Time)
_STAFF = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_REFERENCE = re.compile(r"(?=.{1,64}$)[0-9A-Za-z]+(?:[-/. ]{1,2}[0-9A-Za-z]+)*")
_MAX_LETTERS = 12
#: A run of digits with the separators of a phone number; and a UK phone number without separators.
_DIGITS = re.compile(r"[0-9]+(?:[-. ]{1,2}[0-9]+)*")
_PHONE = re.compile(r"(?:0|(?:00)?44)[1-9][0-9]{9}")


def _check_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise Invalid.of("", "is not the path of a fact")
    return path


def read_time(value: bool | int | str) -> datetime | None:
    """Return the time of a fact or an option, in UTC; None for a value that is no time in ISO 8601 with its zone."""
    try:
        return _TIME.validate_python(value) if isinstance(value, str) else None
    except ValidationError:
        return None


def _check_value(value: bool | int | str) -> bool | int | str:
    if isinstance(value, str) and value not in _WORDS and read_time(value) is None:
        raise Invalid.of("", "is not one of the known values")
    return value


def check_staff(name: str) -> str:
    """Return the id of a member of staff; raise `Invalid` for other text: topics may have ids of staff, never names."""
    if not _STAFF.fullmatch(name):
        raise Invalid.of("", "takes up to 64 small letters, digits and dashes")
    return name


def check_reference(text: str) -> str:
    """Return an agency's reference; raise `Invalid` for other text: it is not sealed, so it must name no person.

    A police log number has few letters ("CAD 1234/03FEB26"); more letters are words. A UK phone number is refused.
    """
    letters = sum(each.isalpha() for each in text)
    has_digit = any(each.isdigit() for each in text)
    if not _REFERENCE.fullmatch(text) or not has_digit or letters > _MAX_LETTERS or _holds_phone(text):
        raise Invalid.of(
            "",
            f"is not a log number: it takes up to 64 digits, letters (at most {_MAX_LETTERS}), spaces and - / ., "
            "needs a digit, and is no phone number",
        )
    return text


def _holds_phone(text: str) -> bool:
    return any(_PHONE.fullmatch(re.sub("[^0-9]", "", run)) for run in _DIGITS.findall(text))


#: Id of a member of staff on the duty rota.
StaffId = Annotated[str, AfterValidator(check_staff)]
#: The reference that an agency gave by phone.
PhoneReference = Annotated[str, AfterValidator(check_reference)]


class ReviewFact(Model):
    """A fact that a member of staff found out: yes, no, an age in years, a time, or a word of a closed set."""

    path: Annotated[str, AfterValidator(_check_path)]
    value: Annotated[StrictBool | StrictInt | str, AfterValidator(_check_value)]


class AddedAgency(Model):
    """An agency that the person who confirms adds to the report's agencies; for 999 with its service."""

    agency: Agency
    service: EmergencyService | None = None

    @model_validator(mode="after")
    def _emergency_has_a_service(self) -> "AddedAgency":
        if (self.agency is Agency.EMERGENCY_999) != (self.service is not None):
            raise Invalid.of("service", "belongs to 999, and to no other agency")
        return self


class ReviewOutcome(Model):
    """A trained person's decision on a review, signed with their own key."""

    review_id: Identifier
    by: StaffId
    role: Role
    decided_at: Time
    decision: ReviewDecision
    refusal: Refusal | None = None
    facts: Annotated[tuple[ReviewFact, ...], Field(max_length=100)] = ()
    agencies: Annotated[tuple[AddedAgency, ...], Field(max_length=20)] = ()
    #: When the review is asked again, if the person was not reached.
    ask_again_at: Time | None = None
    #: The ids of the disclosures that replace the rejected records.
    entered_under: Annotated[tuple[DisclosureId, ...], Field(max_length=100)] = ()
    #: How many of the rejected records it covers, in the order in which they came: those that were shown.
    records: Annotated[StrictInt, Field(ge=1)] | None = None
    #: When staff told the agency by phone, and the reference that the agency gave.
    told_at: Time | None = None
    reference: PhoneReference | None = None
    #: A `SealedComment`, under the data key of the disclosure.
    section: SealedSection | None = None
    #: HMAC-SHA-256 of the other fields, with the key of the person `by`.
    signature: bytes

    @model_validator(mode="after")
    def _says_what_its_decision_needs(self) -> "ReviewOutcome":
        needed, allowed = fields_of(self.decision)
        for field in get_args(OutcomeField):
            is_given = getattr(self, field) not in (None, ())
            if is_given and field not in allowed:
                raise Invalid.of(field, f"belongs to another decision than {self.decision}")
            if not is_given and field in needed:
                raise Invalid.of(field, f"is required by {self.decision}")
        return self


class ReviewSettled(Model):
    """The end of a review: by whom and how it was settled, and the decision or the next sending that followed."""

    review_id: Identifier
    person: str | None
    decision_id: str | None
    #: Both null if the review ended without a person: the agency acknowledged the report, or every rejected record was
    #: accepted when it was sent again.
    by: StaffId | None
    role: Role | None
    decision: ReviewDecision
    refusal: Refusal | None = None
    facts: Annotated[tuple[ReviewFact, ...], Field(max_length=100)] = ()
    report_id: str | None = None
    generation: Generation | None = None
    ask_again_at: Time | None = None
    entered_under: tuple[str, ...] = ()
    records: int | None = None
    told_at: Time | None = None
    #: The agency's reference, given by phone or with its acknowledgement.
    reference: str | None = None
    section: SealedSection | None = None
    settled_at: Time


class ToldBefore(Model):
    """A report that an agency already has about a disclosure: its id, its clauses and services."""

    agency: Agency
    services: tuple[EmergencyService, ...] = ()
    clauses: tuple[str, ...]
    report_id: Identifier


class OpenReview(Model):
    """A review that waits for a person, in the state of DECIDE's lane."""

    #: The last request, without its sealed section: the disclosure has it.
    request: ReviewRequested
    #: The disclosure in question: the value of its `Admitted` record; null for a rejected record.
    admitted: bytes | None = None
    #: The policy version of the decision that asks, and the decision's outcome if an agency was told already.
    policy_version: str | None = None
    sent: Outcome | None = None
    told: tuple[ToldBefore, ...] = ()
    #: Whether it has the emergency deadline and the emergency steps of the rota, or is about a report that did not
    #: reach 999, which has times of its own.
    pressing: StrictBool
