"""The records of the topics after ADMIT: disclosures, persons, decisions and reviews."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from schemas.disclosure import ReadableDisclosure
from schemas.fields import DisclosureId, Identifier, Model, Offset, Time
from schemas.reports import Generation
from schemas.sealed import SealedSection
from schemas.vocabulary import (
    Agency,
    CausedBy,
    ClauseState,
    ContactChannel,
    EmergencyService,
    Outcome,
    ReviewReason,
    WithheldBecause,
)

#: The facts that decided a clause, by name: yes, no, unknown, or a value of a closed set.
Facts = dict[str, StrictBool | str | None]


class Admitted(Model):
    """A disclosure after ADMIT: readable facts, tokens, sealed section; `person` is null until IDENTITY assigns it."""

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
    """One clause that DECIDE evaluated: its state, and the facts that decided it."""

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
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: StrictBool = False


class IdUsedBefore(Model):
    """The first disclosure under an id of its service, which stays valid: its position and its decision."""

    disclosure_id: DisclosureId
    decision_id: Identifier
    topic: str
    partition: Annotated[StrictInt, Field(ge=0)]
    offset: Offset


class UrgentRejected(Model):
    """A rejected record that a person must look at: its position and the reason, without any of its values."""

    #: The review that asks about it. Of a sender and hour: the first generation, also if a later one asks.
    review_id: Identifier
    topic: str
    partition: Annotated[StrictInt, Field(ge=0)]
    offset: Offset
    field: str
    reason: str
    rejected_at: Time
    #: The first disclosure under the same id, if the id is the reason.
    conflict: IdUsedBefore | None = None
    #: The id in the record, if it can be read and ADMIT sees it accepted later.
    disclosure_id: DisclosureId | None = None
    #: When a disclosure with that id was accepted.
    accepted_at: Time | None = None
    exercise: StrictBool = False


class RejectedAccepted(Model):
    """A disclosure was accepted under the id of a rejected record; `review_id` is that of its `UrgentRejected`."""

    review_id: Identifier
    disclosure_id: DisclosureId
    accepted_at: Time


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
    #: The records in question, if the reason is a rejected record, in the order in which they came.
    rejected_records: tuple[UrgentRejected, ...] = ()
    #: The report in question, if the reason is an undelivered report.
    undelivered: Undelivered | None = None
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: StrictBool = False
