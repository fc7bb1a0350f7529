"""The records of a review's life behind its request: what a trained person made of it, and what DECIDE keeps of it."""

import re
from typing import Annotated, get_args

from pydantic import AfterValidator, Field, StrictBool, StrictInt, model_validator

from schemas.errors import Invalid
from schemas.fields import DisclosureId, Identifier, Model, Time
from schemas.records import Generation, ReviewRequested, SealedSection
from schemas.review_table import OutcomeField, fields_of
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

#: The paths that a policy's `asks` may name; whoever answers may say more than was asked, and nothing else.
_PATH = re.compile(
    r"subject\.(age|professionals|adult_at_risk\.(care_or_support_needs|at_risk_of_harm|cannot_protect_self))"
    r"|safety\.(says_safe|contradicted|unclear)"
    r"|concerns\[(0|[1-9][0-9]{0,2})\]\.[a-z_]{1,40}"
)
_WORDS = frozenset(
    word.value for words in (Timeframe, HousingState, ImmediateDanger, ProfessionalRole) for word in words
)
_STAFF = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
_REFERENCE = re.compile(r"(?=.{1,64}$)[0-9A-Za-z]+(?:[-/. ]{1,2}[0-9A-Za-z]+)*")
_MAX_LETTERS = 12
#: Digits as a phone number groups them, and a UK one without its separators.
_DIGITS = re.compile(r"[0-9]+(?:[-. ]{1,2}[0-9]+)*")
_PHONE = re.compile(r"(?:0|(?:00)?44)[1-9][0-9]{9}")


def _check_path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise Invalid.of("", "is not the path of a fact")
    return path


def _check_value(value: bool | int | str) -> bool | int | str:
    if isinstance(value, str) and value not in _WORDS:
        raise Invalid.of("", "is not one of the known values")
    return value


def check_staff(name: str) -> str:
    """Return the id of a member of staff; raise `Invalid` for what is none: ids stand in topics, names must not."""
    if not _STAFF.fullmatch(name):
        raise Invalid.of("", "takes up to 64 small letters, digits and dashes")
    return name


def check_reference(text: str) -> str:
    """Return the reference that an agency gave; raise `Invalid` for another text: it is not sealed and names nobody.

    A police log number has few letters ("CAD 1234/03FEB26"): more of them are words. A UK phone number is refused.
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


#: A member of staff, by an id that the duty rota knows.
StaffId = Annotated[str, AfterValidator(check_staff)]
#: The reference that an agency gave on the phone.
PhoneReference = Annotated[str, AfterValidator(check_reference)]


class ReviewFact(Model):
    """A fact that somebody found out: yes, no, an age in years, or a word of a closed set."""

    path: Annotated[str, AfterValidator(_check_path)]
    value: Annotated[StrictBool | StrictInt | str, AfterValidator(_check_value)]


class AddedAgency(Model):
    """An agency that whoever confirms wants told as well; 999 with its service."""

    agency: Agency
    service: EmergencyService | None = None

    @model_validator(mode="after")
    def _emergency_has_a_service(self) -> "AddedAgency":
        if (self.agency is Agency.EMERGENCY_999) != (self.service is not None):
            raise Invalid.of("service", "belongs to 999, and to no other agency")
        return self


class ReviewOutcome(Model):
    """What a trained person made of a review, signed with their own key."""

    review_id: Identifier
    by: StaffId
    role: Role
    decided_at: Time
    decision: ReviewDecision
    refusal: Refusal | None = None
    facts: Annotated[tuple[ReviewFact, ...], Field(max_length=100)] = ()
    agencies: Annotated[tuple[AddedAgency, ...], Field(max_length=20)] = ()
    #: When somebody is asked again, where the person was not reached.
    ask_again_at: Time | None = None
    #: The id under which what was rejected was entered again.
    entered_as: DisclosureId | None = None
    #: When the agency was told by phone, and the reference that it gave.
    told_at: Time | None = None
    reference: PhoneReference | None = None
    #: A `SealedComment`, under the data key of the disclosure.
    section: SealedSection | None = None
    #: HMAC-SHA-256 of the other fields under the key of whom `by` names.
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
    """The end of a review: who settled it and how, and what followed: a decision, or the next sending of a report."""

    review_id: Identifier
    person: str | None
    decision_id: str | None
    #: Both null where the agency acknowledged the report that the review was about.
    by: StaffId | None
    role: Role | None
    decision: ReviewDecision
    refusal: Refusal | None = None
    facts: Annotated[tuple[ReviewFact, ...], Field(max_length=100)] = ()
    report_id: str | None = None
    generation: Generation | None = None
    ask_again_at: Time | None = None
    entered_as: str | None = None
    told_at: Time | None = None
    #: The agency's, given on the phone or with its acknowledgement.
    reference: str | None = None
    section: SealedSection | None = None
    settled_at: Time


class ToldBefore(Model):
    """What an agency was told of a disclosure, and by which report."""

    agency: Agency
    services: tuple[EmergencyService, ...] = ()
    clauses: tuple[str, ...]
    report_id: Identifier


class OpenReview(Model):
    """A review that waits for somebody, as DECIDE's lane keeps it."""

    #: As it was last asked, without its section, which the disclosure has.
    request: ReviewRequested
    #: The disclosure it is about as its topic carried it, an `Admitted`; null for a rejected record.
    admitted: bytes | None = None
    #: Of the decision that asks: its policy version, and its outcome where somebody was told already.
    policy_version: str | None = None
    sent: Outcome | None = None
    told: tuple[ToldBefore, ...] = ()
    #: It has the emergency deadline, and escalates as such.
    pressing: StrictBool
