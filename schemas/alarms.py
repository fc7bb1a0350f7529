"""The record of alarms: what its writers say, and how they name causes and facts.

A writer says `cleared` without knowing whether the cause was raised; the alarms' lane ignores what changes nothing.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt

from schemas.fields import Identifier, Model, Offset, Time
from schemas.vocabulary import Agency, AlarmKind, AlarmState

#: A code or an id of ours; never free text.
_Code = Annotated[str, Field(max_length=256)]


class BreakerReason(StrEnum):
    """Why an agency takes no reports: the fact `reason` of the alarm of its breaker."""

    #: Attempts in a row had no answer.
    NO_ANSWER = "no_answer"
    #: The agency answered 401 or 403: this deployment may not report to it.
    REFUSED_CREDENTIALS = "refused_credentials"
    #: Attempts in a row failed, whatever the agency answered.
    TAKES_NO_REPORTS = "takes_no_reports"


class AlarmFact(StrEnum):
    """Names of the facts of an alarm; none of them says anything of a person."""

    AGENCY = "agency"
    LANE = "lane"
    #: Class of the error that a lane refuses with, or that work raised.
    ERROR = "error"
    #: Kind of a file that is wrong.
    FILE = "file"
    #: How many records wait, and for how many seconds the oldest of them has.
    WAITING = "waiting"
    OLDEST_SECONDS = "oldest_seconds"
    #: The process whose machine's clock was set, and by how many seconds the machine's clock differs.
    APPLICATION = "application"
    SECONDS = "seconds"
    #: `ahead` or `behind`: where the machine's clock is, seen from the process's.
    MACHINE_CLOCK = "machine_clock"
    #: `ahead`: where the broker's stamps are, seen from the process's clock.
    BROKER_CLOCK = "broker_clock"
    REVIEW_ID = "review_id"
    REASON = "reason"
    DEADLINE = "deadline"
    #: Id on the duty rota of whoever is asked.
    ON_DUTY = "on_duty"


class AlarmChanged(Model):
    """The cause of an alarm came, grew or went. Nothing in it identifies a person."""

    #: Kind and place or id, as `review/ID`; the record's key too.
    cause: Identifier
    kind: AlarmKind
    #: The lane that says so, where several may. The cause is over once each lane that raised it cleared it.
    source: _Code = ""
    state: AlarmState
    #: How far the cause has grown, such as the escalation of a review; a higher step is a new alarm.
    step: Annotated[StrictInt, Field(ge=0)] = 0
    changed_at: Time
    #: Codes, ids and numbers by `AlarmFact`, for whoever is called.
    facts: dict[str, _Code | Offset] = {}  # noqa: RUF012 - pydantic gives each its own


def review_cause(review_id: str) -> str:
    """Return the cause of an urgent review."""
    return f"{AlarmKind.REVIEW}/{review_id}"


def lane_cause(application: str, lane: str) -> str:
    """Return the cause of a lane that refuses."""
    return f"{AlarmKind.LANE}/{application}/{lane}"


def breaker_cause(agency: Agency) -> str:
    """Return the cause of an agency that takes no reports."""
    return f"{AlarmKind.BREAKER}/{agency}"


def clock_cause(application: str, machine: str) -> str:
    """Return the cause of a machine's clock that was set while a process of `application` ran there."""
    return f"{AlarmKind.CLOCK}/{application}/{machine}"


def broker_clock_cause(application: str, machine: str) -> str:
    """Return the cause of a broker's stamps that are ahead of the clock of a process of `application` on a machine."""
    return f"{clock_cause(application, machine)}/broker"


def undelivered_cause(agency: Agency) -> str:
    """Return the cause of the reports to an agency that wait for a human."""
    return f"{AlarmKind.UNDELIVERED}/{agency}"


def failing_cause(application: str, lane: str) -> str:
    """Return the cause of a lane that puts work aside."""
    return f"{AlarmKind.FAILING}/{application}/{lane}"
