"""The record of alarms, and the names of its causes and facts.

A writer may send `cleared` without knowing whether the cause was raised: the alarms' lane ignores a record that changes
nothing.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt

from schemas.fields import Identifier, Model, Offset, Time
from schemas.vocabulary import Agency, AlarmKind, AlarmState

#: A code or an id that Confide makes; never free text.
_Code = Annotated[str, Field(max_length=256)]


class BreakerReason(StrEnum):
    """Why an agency takes no reports: the fact `reason` of a breaker's alarm."""

    #: Several attempts in a row got no answer.
    NO_ANSWER = "no_answer"
    #: The agency answered 401 or 403: this deployment may not report to it.
    REFUSED_CREDENTIALS = "refused_credentials"
    #: Several attempts in a row failed, with any answers.
    TAKES_NO_REPORTS = "takes_no_reports"


class AlarmFact(StrEnum):
    """Names of an alarm's facts. No fact describes a person."""

    AGENCY = "agency"
    LANE = "lane"
    #: Class of the error because of which a lane refuses to work, or that a piece of work raised.
    ERROR = "error"
    #: Kind of the file that has a fault.
    FILE = "file"
    #: How many wait: offsets of a lane, or undelivered reports; and the age of the oldest in seconds.
    WAITING = "waiting"
    OLDEST_SECONDS = "oldest_seconds"
    #: The process on whose machine the clock was set; the difference, or how long records are hidden, in seconds.
    APPLICATION = "application"
    SECONDS = "seconds"
    #: `ahead` or `behind`: the machine's clock, compared with the process's.
    MACHINE_CLOCK = "machine_clock"
    #: `ahead`: the broker's timestamps, compared with the process's clock.
    BROKER_CLOCK = "broker_clock"
    #: The place of a record that was passed over, or the partition whose records an open transaction hides.
    TOPIC = "topic"
    PARTITION = "partition"
    OFFSET = "offset"
    REVIEW_ID = "review_id"
    REASON = "reason"
    DEADLINE = "deadline"
    #: Present if the review is part of an exercise.
    EXERCISE = "exercise"
    #: Id, on the duty rota, of the member of staff who is asked.
    ON_DUTY = "on_duty"


class AlarmChanged(Model):
    """The cause of an alarm appeared, grew or ended. No field identifies a person."""

    #: Kind and id, such as `review/ID` or `breaker/999`. It is the record's key too.
    cause: Identifier
    kind: AlarmKind
    #: The lane that sends this, if several lanes may raise the cause. The cause ends when each of them has cleared it.
    source: _Code = ""
    state: AlarmState
    #: How far the cause has grown, for example the escalation step of a review. A higher step is a new alarm.
    step: Annotated[StrictInt, Field(ge=0)] = 0
    changed_at: Time
    #: Id of the process that wrote this; empty for a lane, whose records are in order.
    writer: _Code = ""
    #: How long the change waited in its process before it was sent, in ms. With the broker's stamp it gives the time of
    #: the change by the broker's clock, which is one clock for all processes.
    waited_ms: Offset = 0
    #: Codes, ids and numbers by `AlarmFact`, for the person who is called.
    facts: dict[str, _Code | Offset] = {}  # noqa: RUF012 - pydantic copies the default for each instance


def review_cause(review_id: str) -> str:
    """Return the cause of the alarm for a pressing review."""
    return f"{AlarmKind.REVIEW}/{review_id}"


def lane_cause(application: str, lane: str) -> str:
    """Return the cause of the alarm for a lane that refuses to work."""
    return f"{AlarmKind.LANE}/{application}/{lane}"


def breaker_cause(agency: Agency) -> str:
    """Return the cause of the alarm for an agency that takes no reports."""
    return f"{AlarmKind.BREAKER}/{agency}"


def clock_cause(application: str, machine: str) -> str:
    """Return the cause of the alarm for a machine whose clock was set while a process of `application` ran on it."""
    return f"{AlarmKind.CLOCK}/{application}/{machine}"


def broker_clock_cause(application: str, machine: str) -> str:
    """Return the cause of the alarm for a broker whose timestamps are ahead of the clock of `application` there."""
    return f"{clock_cause(application, machine)}/broker"


def undelivered_cause(agency: Agency) -> str:
    """Return the cause of the alarm for reports to an agency that wait for a human."""
    return f"{AlarmKind.UNDELIVERED}/{agency}"


def failing_cause(application: str, lane: str) -> str:
    """Return the cause of the alarm for a lane that keeps putting work aside."""
    return f"{AlarmKind.FAILING}/{application}/{lane}"


def passed_over_cause(application: str, topic: str, partition: int) -> str:
    """Return the cause of the alarm for records of a partition that a follower cannot read."""
    return failing_cause(application, f"{topic}-{partition}")


def hidden_cause(application: str, topic: str, partition: int) -> str:
    """Return the cause of the alarm for a partition whose records an open transaction hides."""
    return f"{AlarmKind.HIDDEN}/{application}/{topic}-{partition}"
