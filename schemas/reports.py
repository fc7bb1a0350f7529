"""The records of a report: the report itself, the order to stop it, and each step of its delivery."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from schemas.fields import Identifier, Model, Time
from schemas.sealed import SealedSection
from schemas.vocabulary import (
    Agency,
    DeliveryState,
    EmergencyService,
    ProfessionalRole,
    ReportKind,
    StopReason,
)

#: Most times that a report may be sent, the first time included. A higher number is a defect of the program.
MOST_SENDINGS = 1_000
#: Number of the sending of a report, from 1: staff may have a report sent again.
Generation = Annotated[StrictInt, Field(ge=1, le=MOST_SENDINGS)]


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
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: StrictBool = False

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
    #: A drill, carried as such to the end: no live agency and no real person gets it.
    exercise: StrictBool = False
