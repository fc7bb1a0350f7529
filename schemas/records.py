"""The records of the topics behind ADMIT, besides the disclosure itself."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from schemas.disclosure import Location, Professional, ReadableDisclosure
from schemas.fields import Date, DisclosureId, Identifier, Model, Offset, Time
from schemas.vocabulary import (
    Agency,
    CausedBy,
    ClauseState,
    ContactChannel,
    DeliveryState,
    EmergencyService,
    NoticeSays,
    NoticeStands,
    NoticeState,
    Outcome,
    ProfessionalRole,
    ReportKind,
    ReviewReason,
    Service,
    StopReason,
    WithheldBecause,
)

#: The facts that settled a clause, by name: yes, no, unknown, or a value of a closed set.
Facts = dict[str, StrictBool | str | None]

#: Most times that a report may be sent, the first time included. A higher number is a defect of the program.
MOST_SENDINGS = 1_000
#: Number of the sending of a report, from 1: staff may have a report sent again.
Generation = Annotated[StrictInt, Field(ge=1, le=MOST_SENDINGS)]


class SealedSection(Model):
    """The identifying fields, as AES-256-GCM ciphertext; `disclosure_id` and `key_id` are its associated data."""

    key_id: Identifier
    nonce: bytes
    ciphertext: bytes


class SealedDetails(Model):
    """The content of a sealed section: identifiers, places, names, the reference and the free text."""

    account: str | None = None
    phone: str | None = None
    email: str | None = None
    date_of_birth: Date | None = None
    location: Location = Location()
    professionals: tuple[Professional, ...] = ()
    reference: str | None = None
    summary: str | None = None


class SealedComment(Model):
    """The comment of staff on a review's outcome, and the person at the agency they spoke to: free text, sealed."""

    comment: Annotated[str, Field(max_length=4_000)] | None = None
    #: The person at the agency who took the report by phone.
    who: Annotated[str, Field(max_length=200)] | None = None


class Admitted(Model):
    """A disclosure behind ADMIT: readable facts, tokens, sealed section; `person` is null until IDENTITY assigns it."""

    person: str | None
    disclosure: ReadableDisclosure
    #: Keyed HMACs of the identifiers, hexadecimal, as `kind:version:digest`.
    tokens: tuple[str, ...]
    urgent: StrictBool
    section: SealedSection
    #: The wrapped data key of the section. Only records for IDENTITY have it: IDENTITY publishes it with the person.
    wrapped_key: bytes | None = None
    #: The check value of the master key that wrapped it; null without a wrapped key, and from an older writer.
    master_check: bytes | None = None
    admitted_at: Time


class KeyRecord(Model):
    """A data key, wrapped by the master key. A tombstone for its `key_id` erases the data that it sealed."""

    key_id: Identifier
    person: str
    wrapped_key: bytes
    #: The check value of the master key that wrapped it; null from an older writer.
    master_check: bytes | None = None


class TokenOwner(Model):
    """The person that a token belongs to."""

    token: str
    person: str


class Edge(Model):
    """A link between two tokens that one disclosure has both of."""

    tokens: tuple[str, str]
    state: Literal["link"]
    disclosure_id: Identifier


class Finding(Model):
    """One clause that DECIDE evaluated: its state, and the facts that settled it."""

    id: str
    state: ClauseState
    facts: Facts = {}  # noqa: RUF012 - pydantic copies the default for each instance


class AgencyToTell(Model):
    """An agency that gets a report (or is proposed to), and the clauses that the report rests on."""

    agency: Agency
    service: EmergencyService | None = None
    clauses: tuple[str, ...]


class ReviewAsked(Model):
    """A question to a trained person: the reason, the facts asked for, and the deadline."""

    reason: ReviewReason
    asks: tuple[str, ...] = ()
    deadline: Time


class Notify(Model):
    """Whether the person gets a notice, and on which channels (TELL-1)."""

    due: StrictBool
    by: tuple[ContactChannel, ...] = ()
    withheld_because: WithheldBecause | None = None


class Decision(Model):
    """The decision about a disclosure, with every clause that was evaluated."""

    decision_id: Identifier
    disclosure_id: Identifier
    person: str | None
    policy_version: str
    decided_at: Time
    caused_by: CausedBy = CausedBy.DISCLOSURE
    supersedes: str | None = None
    outcome: Outcome
    proposed: Outcome | None = None
    clauses: tuple[Finding, ...]
    agencies: tuple[AgencyToTell, ...] = ()
    review: ReviewAsked | None = None
    notify: Notify
    #: Inconsistencies in the disclosure, and how DECIDE read them.
    notes: tuple[str, ...] = ()


class IdUsedBefore(Model):
    """The first disclosure under an id of its service, which stays valid: its position and its decision."""

    disclosure_id: DisclosureId
    decision_id: Identifier
    topic: str
    partition: Annotated[StrictInt, Field(ge=0)]
    offset: Offset


class UrgentRejected(Model):
    """A rejected record that a person must look at: its position and the reason, without any of its values."""

    review_id: Identifier
    topic: str
    partition: Annotated[StrictInt, Field(ge=0)]
    offset: Offset
    field: str
    reason: str
    rejected_at: Time
    #: The first disclosure under the same id, if the id is the reason.
    conflict: IdUsedBefore | None = None


class Undelivered(Model):
    """A report that its agency did not acknowledge: its id, agency, sending and failure."""

    report_id: Identifier
    agency: Agency
    generation: Generation = 1
    #: Why it failed: one of Confide's codes, never the agency's text.
    failure: str
    clauses: tuple[str, ...] = ()
    #: Null if the report itself cannot be read.
    reported_at: Time | None = None


class ReviewRequested(Model):
    """A question for a trained person, with its deadline."""

    review_id: Identifier
    decision_id: str | None
    disclosure_id: str | None
    person: str | None
    requested_at: Time
    reason: ReviewReason
    asks: tuple[str, ...] = ()
    deadline: Time
    proposed: Outcome | None = None
    agencies: tuple[AgencyToTell, ...] = ()
    #: Step of the duty rota that is asked now; 0 is the first person on duty.
    escalation: Annotated[StrictInt, Field(ge=0)] = 0
    section: SealedSection | None = None
    #: The person who is asked now: an id of the duty rota.
    on_duty: str | None = None
    #: The record in question, if the reason is a rejected record.
    rejected: UrgentRejected | None = None
    #: The report in question, if the reason is an undelivered report.
    undelivered: Undelivered | None = None


class Withheld(Model):
    """A field that an agency does not get, and the reason."""

    field: str
    reason: str


class ReportSection(Model):
    """A sealed section that a report rests on, with the disclosure it belongs to."""

    disclosure_id: Identifier
    section: SealedSection


class Report(Model):
    """A report to an agency. It refers to sealed sections; the agency's connector sends its own projection of them."""

    report_id: Identifier
    decision_id: Identifier
    agency: Agency
    #: For 999: the emergency service to ask for first; `services` has all of them.
    service: EmergencyService | None = None
    services: tuple[EmergencyService, ...] = ()
    kind: ReportKind
    refers_to: str | None = None
    person: str
    disclosures: tuple[Identifier, ...]
    clauses: tuple[str, ...]
    #: Readable facts that the agency needs and that identify no person: kinds of concern, age in years, professionals.
    concerns: tuple[str, ...]
    age: StrictInt | None = None
    professionals: tuple[ProfessionalRole, ...] = ()
    #: The test of Right Care Right Person, recorded for the police; null for other agencies.
    real_and_immediate_risk: StrictBool | None = None
    person_told: StrictBool | None = None
    person_agrees: StrictBool | None = None
    sections: tuple[ReportSection, ...]
    withheld: tuple[Withheld, ...] = ()
    reported_at: Time
    #: Number of this sending: staff may have the report sent again, under the same id.
    generation: Generation = 1
    #: When it was sent again; null the first time.
    again_at: Time | None = None

    @property
    def limit_from(self) -> datetime:
        """Time from which the agency's limit is counted."""
        return self.reported_at if self.again_at is None else self.again_at


class ReportStopped(Model):
    """An order to make no further attempt of a report: staff told the agency by phone, or withdrew the report."""

    report_id: Identifier
    generation: Generation
    agency: Agency
    person: str
    why: StopReason
    stopped_at: Time


class OpenReport(Model):
    """A report that is not acknowledged yet, in the state of DECIDE's lane."""

    #: The `Report` of the last sending, encoded, and its `NotificationDue`.
    report: bytes
    notice: bytes | None = None
    generation: Generation = 1
    #: Seconds of work that the lane had done in total when the limit began.
    worked: float = 0.0
    is_withdrawn: StrictBool = False


class DeliveryChanged(Model):
    """One change of the delivery state of a report."""

    report_id: Identifier
    agency: Agency
    person: str
    state: DeliveryState
    #: Number of the attempt, from 1; 0 before the first attempt.
    attempt: Annotated[StrictInt, Field(ge=0)]
    changed_at: Time
    #: The agency's own reference, after the agency gave one.
    reference: str | None = None
    #: Why the report or this attempt failed: one of Confide's codes, never the agency's text.
    reason: str | None = None
    #: The sealed bytes of the request; only on the record of an attempt.
    request: ReportSection | None = None
    #: Number of the sending of the report.
    generation: Generation = 1


class ServiceDisclosure(Model):
    """A disclosure, by its service and the service's own id."""

    service: Service
    disclosure_id: Identifier


class NotificationDue(Model):
    """An order to notify a person that they were reported, to which agency and why (TELL-1, TELL-3)."""

    notification_id: Identifier
    report_id: Identifier
    person: str
    disclosures: tuple[ServiceDisclosure, ...]
    agency: Agency
    clauses: tuple[str, ...]
    channels: tuple[ContactChannel, ...] = ()
    withheld_because: WithheldBecause | None = None
    due_at: Time
    #: State of the report. DECIDE sends this record again, with all its fields, when it changes.
    stands: NoticeStands = NoticeStands.TELLING
    #: When the person is notified that Confide is telling the agency, if the agency has not acknowledged before.
    tell_by: Time | None = None


class NotificationSettled(Model):
    """The end of a notice to the person."""

    notification_id: Identifier
    report_id: Identifier
    person: str
    disclosures: tuple[ServiceDisclosure, ...]
    state: NoticeState
    channel: ContactChannel | None = None
    reason: str | None = None
    #: When a deferred notice is reviewed.
    review_at: Time | None = None
    settled_at: Time
    #: The statement of the notice that was sent; None if none was sent.
    says: NoticeSays | None = None
