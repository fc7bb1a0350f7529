"""The records behind ADMIT: what each topic of the contract carries, besides the disclosure itself."""

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

#: Facts of a clause as they settled it: yes, no, unknown, or a value of a closed set.
Facts = dict[str, StrictBool | str | None]


#: How often a report may be sent, the first time included: more would be a defect of whoever counts.
MOST_SENDINGS = 1_000
#: Which sending of a report something is about, from 1.
Generation = Annotated[StrictInt, Field(ge=1, le=MOST_SENDINGS)]


class SealedSection(Model):
    """What identifies a person, as AES-256-GCM ciphertext; `disclosure_id` and `key_id` are its associated data."""

    key_id: Identifier
    nonce: bytes
    ciphertext: bytes


class SealedDetails(Model):
    """What a sealed section holds when opened: identifiers, places, names, the reference and the free text."""

    account: str | None = None
    phone: str | None = None
    email: str | None = None
    date_of_birth: Date | None = None
    location: Location = Location()
    professionals: tuple[Professional, ...] = ()
    reference: str | None = None
    summary: str | None = None


class SealedComment(Model):
    """What staff say beside a review's outcome, and whom they spoke to: free text, sealed."""

    comment: Annotated[str, Field(max_length=4_000)] | None = None
    #: Who at the agency was told by phone.
    who: Annotated[str, Field(max_length=200)] | None = None


class Admitted(Model):
    """A disclosure behind ADMIT: readable facts, tokens and a sealed section; `person` is null until IDENTITY says."""

    person: str | None
    disclosure: ReadableDisclosure
    #: Keyed HMACs of the identifiers, hexadecimal, as `kind:version:digest`.
    tokens: tuple[str, ...]
    urgent: StrictBool
    section: SealedSection
    #: The data key of the section, wrapped; only on its way to IDENTITY, which publishes it once the person is known.
    wrapped_key: bytes | None = None
    #: The check value of the master key that wrapped it; null where nothing is wrapped or an older writer left it out.
    master_check: bytes | None = None
    admitted_at: Time


class KeyRecord(Model):
    """A data key wrapped by the master key; a tombstone under its `key_id` erases what it sealed."""

    key_id: Identifier
    person: str
    wrapped_key: bytes
    #: The check value of the master key that wrapped it; null where an older writer left it out.
    master_check: bytes | None = None


class TokenOwner(Model):
    """Which person a token belongs to."""

    token: str
    person: str


class Edge(Model):
    """Two tokens that one disclosure brought together."""

    tokens: tuple[str, str]
    state: Literal["link"]
    disclosure_id: Identifier


class Finding(Model):
    """One clause that was looked at, what was found, and the facts that settled it."""

    id: str
    state: ClauseState
    facts: Facts = {}  # noqa: RUF012 - pydantic gives each its own


class AgencyToTell(Model):
    """Who is told, or would be, and the clauses it rests on."""

    agency: Agency
    service: EmergencyService | None = None
    clauses: tuple[str, ...]


class ReviewAsked(Model):
    """What a person is asked to settle, and by when."""

    reason: ReviewReason
    asks: tuple[str, ...] = ()
    deadline: Time


class Notify(Model):
    """Whether and how the person is told (TELL-1)."""

    due: StrictBool
    by: tuple[ContactChannel, ...] = ()
    withheld_because: WithheldBecause | None = None


class Decision(Model):
    """What was decided of a disclosure, and why."""

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
    #: What was inconsistent in the disclosure and how it was read.
    notes: tuple[str, ...] = ()


class IdUsedBefore(Model):
    """The disclosure that first came under an id of its service, and stands: where it lies and what was decided."""

    disclosure_id: DisclosureId
    decision_id: Identifier
    topic: str
    partition: Annotated[StrictInt, Field(ge=0)]
    offset: Offset


class UrgentRejected(Model):
    """A rejected record that a person has to look at: where it lies, and why, without any of its values."""

    review_id: Identifier
    topic: str
    partition: Annotated[StrictInt, Field(ge=0)]
    offset: Offset
    field: str
    reason: str
    rejected_at: Time
    #: The first disclosure under the same id, where that is why.
    conflict: IdUsedBefore | None = None


class Undelivered(Model):
    """A report that no agency acknowledged: which, to whom, and how far it came."""

    report_id: Identifier
    agency: Agency
    generation: Generation = 1
    #: Why it failed: a code of ours, never the agency's text.
    failure: str
    clauses: tuple[str, ...] = ()
    #: Null where the report itself cannot be read.
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
    #: Step of the duty rota that is asked now; 0 is the first on duty.
    escalation: Annotated[StrictInt, Field(ge=0)] = 0
    section: SealedSection | None = None
    #: Who is asked now: an id of the duty rota.
    on_duty: str | None = None
    #: The record that is asked about, where one was rejected.
    rejected: UrgentRejected | None = None
    #: The report that is asked about, where none was acknowledged.
    undelivered: Undelivered | None = None


class Withheld(Model):
    """A field that an agency is not given, and why."""

    field: str
    reason: str


class ReportSection(Model):
    """A sealed section that a report rests on, with the disclosure it belongs to."""

    disclosure_id: Identifier
    section: SealedSection


class Report(Model):
    """What an agency is told: by reference to sealed sections, of which its connector takes its own projection."""

    report_id: Identifier
    decision_id: Identifier
    agency: Agency
    #: For 999: the service asked for first; `services` has all of them.
    service: EmergencyService | None = None
    services: tuple[EmergencyService, ...] = ()
    kind: ReportKind
    refers_to: str | None = None
    person: str
    disclosures: tuple[Identifier, ...]
    clauses: tuple[str, ...]
    #: Readable facts an agency needs and that identify nobody: kinds of concern, age in years, who is involved.
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
    #: Which sending of this report it is: staff may have it sent again, under the same id.
    generation: Generation = 1
    #: When it was sent again; null the first time.
    again_at: Time | None = None

    @property
    def limit_from(self) -> datetime:
        """From when its agency's limit is counted."""
        return self.reported_at if self.again_at is None else self.again_at


class ReportStopped(Model):
    """No further attempt of a report is to be made: staff told the agency themselves, or took the report back."""

    report_id: Identifier
    generation: Generation
    agency: Agency
    person: str
    why: StopReason
    stopped_at: Time


class OpenReport(Model):
    """A report that is not acknowledged yet, as DECIDE's lane keeps it."""

    #: The `Report` as it was sent last, and the `NotificationDue` of it.
    report: bytes
    notice: bytes | None = None
    generation: Generation = 1
    #: Seconds that the lane had been at work in all when the limit began.
    worked: float = 0.0
    is_withdrawn: StrictBool = False


class DeliveryChanged(Model):
    """One step in the life of a report at its agency."""

    report_id: Identifier
    agency: Agency
    person: str
    state: DeliveryState
    #: Which attempt this is about; 0 before the first.
    attempt: Annotated[StrictInt, Field(ge=0)]
    changed_at: Time
    #: The agency's own reference, once it gave one.
    reference: str | None = None
    #: Why it failed, or failed this time: a code of ours, never the agency's text.
    reason: str | None = None
    #: The request as it is sent, sealed; on the record of an attempt.
    request: ReportSection | None = None
    #: Which sending of the report this is about.
    generation: Generation = 1


class ServiceDisclosure(Model):
    """A disclosure by the id that its own service knows it by."""

    service: Service
    disclosure_id: Identifier


class NotificationDue(Model):
    """Somebody is to be told that they were reported, to whom and why (TELL-1, TELL-3)."""

    notification_id: Identifier
    report_id: Identifier
    person: str
    disclosures: tuple[ServiceDisclosure, ...]
    agency: Agency
    clauses: tuple[str, ...]
    channels: tuple[ContactChannel, ...] = ()
    withheld_because: WithheldBecause | None = None
    due_at: Time
    #: Where the report stands. DECIDE sends the notice again, with all its fields, when this changes.
    stands: NoticeStands = NoticeStands.TELLING
    #: When the person is told that we are telling, if the agency has not acknowledged by then.
    tell_by: Time | None = None


class NotificationSettled(Model):
    """How telling the person ended."""

    notification_id: Identifier
    report_id: Identifier
    person: str
    disclosures: tuple[ServiceDisclosure, ...]
    state: NoticeState
    channel: ContactChannel | None = None
    reason: str | None = None
    #: When a deferred notice is looked at again.
    review_at: Time | None = None
    settled_at: Time
    #: What was said; None where nothing was said.
    says: NoticeSays | None = None
