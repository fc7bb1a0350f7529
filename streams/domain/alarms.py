"""Which alarms the receiver is to hear of: one for each cause and step, and one all-clear for each cause.

| the receiver knows | a change says | it is to hear |
|---|---|---|
| nothing | raised | the alarm |
| nothing | raised, then cleared before a call was made of it | nothing |
| step n | raised with step n or less | nothing: a repeat |
| step n | raised with a higher step | the alarm with that step |
| step n | cleared | the all-clear |
| step n | cleared, then raised with step n or less before a call was made of it | nothing: the cause is there again |

What a call contains counts as known from the moment the call is made: it is repeated, as it is, until it is delivered.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from pydantic import BaseModel, ConfigDict

from schemas.alarms import AlarmChanged
from schemas.fields import Time
from schemas.vocabulary import AlarmKind, AlarmState

#: Alarms and all-clears that one call lists. The others follow in the next calls.
MAX_LISTED = 100
#: The pause between a call that was delivered and the next call.
BETWEEN_CALLS = timedelta(seconds=5)
#: A lane that put nothing aside for so long is no longer failing: nobody writes `cleared` of it.
QUIET_AFTER = timedelta(hours=1)
_FIRST_RETRY = timedelta(seconds=1)
_LONGEST_RETRY = timedelta(minutes=1)

#: The most urgent first. A refusing lane, an open breaker or a failing lane is the reason of many late reviews.
_ORDER: Mapping[AlarmKind, int] = {
    kind: place for place, kind in enumerate((AlarmKind.LANE, AlarmKind.BREAKER, AlarmKind.FAILING, AlarmKind.REVIEW))
}
_ALL_CLEARS = len(_ORDER)
_MAX_STEP = 999_999
_MICROSECOND = timedelta(microseconds=1)


class CauseStatus(BaseModel):
    """A cause that is raised, or of which the receiver has yet to hear that it is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: str
    kind: AlarmKind
    is_raised: bool
    step: int
    since: Time
    facts: dict[str, str | int]
    #: The highest step that the receiver knows; None: it knows nothing of this cause.
    known_step: int | None = None

    @property
    def is_due(self) -> bool:
        """Whether the receiver is to hear of this cause."""
        return not self.is_raised or self.known_step is None or self.step > self.known_step


class Call(BaseModel):
    """A call of the receiver, as it is made until it is delivered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: JSON.
    body: str
    #: Idempotency key: the SHA-256 of the body.
    key: str
    #: It lists at least one alarm, and not all-clears alone.
    has_alarms: bool
    #: Attempts that failed.
    failures: int = 0
    #: When the next attempt is due; None while one is under way.
    retry_at: Time | None = None

    def failed(self, now: datetime) -> "Call":
        """Return the call after a failed attempt; the wait doubles from 1 s to 60 s."""
        wait = min(_LONGEST_RETRY, _FIRST_RETRY * 2 ** min(self.failures, 10))
        return self.model_copy(update={"failures": self.failures + 1, "retry_at": now + wait})


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """The place of a cause among those that the receiver is to hear of: the smallest comes first."""

    order: int
    steps_below: int
    since: int
    kind: AlarmKind

    @classmethod
    def of(cls, status: CauseStatus) -> "Place":
        """Return the place: alarms before all-clears, then by kind, then the highest step, then the oldest."""
        order = _ORDER[status.kind] if status.is_raised else _ALL_CLEARS
        since = (status.since - datetime.fromtimestamp(0, status.since.tzinfo)) // _MICROSECOND
        return cls(order, _MAX_STEP - min(status.step, _MAX_STEP), since, status.kind)

    def to_bytes(self) -> bytes:
        """Return it as the lane's state keeps it."""
        return f"{self.order} {self.steps_below} {self.since} {self.kind}".encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> "Place":
        """Return a kept place."""
        order, steps_below, since, kind = kept.decode().split(" ")
        return cls(int(order), int(steps_below), int(since), AlarmKind(kind))


def advance(status: CauseStatus | None, change: AlarmChanged) -> CauseStatus | None:
    """Return the status of a cause after a change; None where there is nothing to keep."""
    match change.state:
        case AlarmState.CLEARED:
            if status is None or status.known_step is None:
                return None
            return status.model_copy(update={"is_raised": False})
        case AlarmState.RAISED:
            if status is None:
                return CauseStatus(
                    cause=change.cause,
                    kind=change.kind,
                    is_raised=True,
                    step=change.step,
                    since=change.changed_at,
                    facts=dict(change.facts),
                )
            if status.is_raised and (change.step < status.step or (not status.is_due and change.step == status.step)):
                return status
            return status.model_copy(update={"is_raised": True, "step": change.step, "facts": dict(change.facts)})
        case _:
            assert_never(change.state)


def known(status: CauseStatus) -> CauseStatus | None:
    """Return the status of a cause once a call tells the receiver of it; None where there is nothing to keep."""
    return status.model_copy(update={"known_step": status.step}) if status.is_raised else None


def compose(listed: Sequence[CauseStatus], more: Mapping[AlarmKind, int], now: datetime) -> Call:
    """Return the call that lists these causes, in their order; `more` counts those that wait for the next calls."""
    alarms = [_alarm(status) for status in listed if status.is_raised]
    cleared = [_named(status) for status in listed if not status.is_raised]
    fields = {
        "at": now.isoformat(),
        "alarms": alarms,
        "cleared": cleared,
        "more": {kind.value: more[kind] for kind in _ORDER if more.get(kind)},
    }
    body = json.dumps(fields, separators=(",", ":"))
    return Call(body=body, key=hashlib.sha256(body.encode()).hexdigest(), has_alarms=bool(alarms))


def _alarm(status: CauseStatus) -> dict[str, Any]:
    return {**_named(status), "step": status.step, "facts": status.facts}


def _named(status: CauseStatus) -> dict[str, Any]:
    return {"cause": status.cause, "kind": status.kind.value, "since": status.since.isoformat()}
