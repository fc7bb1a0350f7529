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


class AlarmFact(StrEnum):
    """Names of the facts of an alarm; none of them says anything of a person."""

    AGENCY = "agency"
    LANE = "lane"
    #: Class of the error that a lane refuses with, or that work raised.
    ERROR = "error"
    #: How many records wait, and for how many seconds the oldest of them has.
    WAITING = "waiting"
    OLDEST_SECONDS = "oldest_seconds"
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
    """Return the cause of an agency's breaker that is open."""
    return f"{AlarmKind.BREAKER}/{agency}"


def failing_cause(application: str, lane: str) -> str:
    """Return the cause of a lane that puts work aside."""
    return f"{AlarmKind.FAILING}/{application}/{lane}"
