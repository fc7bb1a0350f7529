"""The alarms that are due to the receiver: one for each cause and step, and one all-clear for each cause.

| the receiver knows | change | due |
|---|---|---|
| nothing | raised | the alarm |
| nothing | raised, then cleared before a call listed it | nothing |
| step n | raised with step n or less | nothing: a repeat |
| step n | raised with a higher step | the alarm with that step |
| step n | cleared by each lane that raised it | the all-clear, once the cause was quiet for `QUIET_BEFORE_ALL_CLEAR` |
| step n | cleared, then raised with step n or less before a call listed it | nothing: the cause is raised again |

The content of a call counts as known from the moment that the call is made (`alarm_calls`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never

from pydantic import BaseModel, ConfigDict

from schemas.alarms import AlarmChanged, AlarmFact
from schemas.fields import Time
from schemas.vocabulary import AlarmKind, AlarmState

#: A cause of these kinds is raised again and again while it lasts, and is over once it was not raised for this long. It
#: needs no `cleared`: a lane does not know that it puts nothing aside any more, and a lost machine cannot write.
QUIET_AFTER = timedelta(hours=1)
QUIETENS = frozenset((AlarmKind.FAILING, AlarmKind.CLOCK, AlarmKind.HIDDEN))
#: How long a cause is quiet before its all-clear. Without it a breaker that opens and closes all the time would make a
#: call of each change. Zero for a review, which is settled only once, and for a failing lane or a clock: both
#: were quiet for an hour by then.
QUIET_BEFORE_ALL_CLEAR: Mapping[AlarmKind, timedelta] = {
    AlarmKind.LANE: timedelta(minutes=1),
    AlarmKind.BREAKER: timedelta(minutes=1),
    AlarmKind.UNDELIVERED: timedelta(minutes=1),
    AlarmKind.HIDDEN: timedelta(minutes=1),
    AlarmKind.FAILING: timedelta(0),
    AlarmKind.CLOCK: timedelta(0),
    AlarmKind.REVIEW: timedelta(0),
}
#: Kinds that processes write outside a transaction: a process that was cut off may write its change after the lane's
#: next owner wrote one. A change of these kinds counts only if no later change of its cause and source was read before
#: from another process.
WRITTEN_BY_PROCESSES = frozenset({AlarmKind.LANE, AlarmKind.BREAKER, AlarmKind.HIDDEN})
#: The longest time that a process may be cut off before it is ended. A clock that was set makes larger differences.
CUT_OFF_AT_MOST = timedelta(minutes=10)
#: How long the time of the last change is kept, for this comparison.
LAST_CHANGE_KEPT = timedelta(days=1)


class CauseStatus(BaseModel):
    """A cause that is raised, or whose all-clear the receiver does not have yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cause: str
    kind: AlarmKind
    is_raised: bool
    step: int
    since: Time
    facts: dict[str, str | int]
    #: The highest step that the receiver knows; None: it does not know this cause.
    known_step: int | None = None
    #: The lanes that raised it, each with the number of records that wait there.
    sources: dict[str, int] = {}
    #: It is cleared, and its all-clear waits until the cause was quiet for long enough.
    is_held_back: bool = False
    #: Since when it is due.
    due_since: Time | None = None
    #: The number of calls in a row that listed it and were given up.
    given_up: int = 0

    @property
    def is_due(self) -> bool:
        """Whether a call has to list this cause."""
        if self.is_held_back:
            return False
        return self.given_up > 0 or not self.is_raised or self.known_step is None or self.step > self.known_step

    @property
    def call_facts(self) -> dict[str, str | int]:
        """The facts in a call; for undelivered reports, `waiting` is the sum over all lanes."""
        if self.kind is AlarmKind.UNDELIVERED:
            return {**self.facts, AlarmFact.WAITING: sum(self.sources.values())}
        return self.facts


def advance(status: CauseStatus | None, change: AlarmChanged, now: datetime) -> CauseStatus | None:
    """Return the status of a cause after a change; None if there is nothing to keep."""
    match change.state:
        case AlarmState.CLEARED:
            return None if status is None else _cleared(status, change, now)
        case AlarmState.RAISED:
            return _raised(status, change, now)
        case _:
            assert_never(change.state)


def quiet(status: CauseStatus, now: datetime) -> CauseStatus:
    """Return the status of a cleared cause that was quiet for long enough: its all-clear is due now."""
    return status.model_copy(update={"is_held_back": False, "due_since": now})


def known(status: CauseStatus) -> CauseStatus | None:
    """Return the status of a cause once a call lists it; None if there is nothing to keep."""
    if not status.is_raised:
        return None
    return status.model_copy(update={"known_step": status.step, "given_up": 0, "due_since": None})


def due_again(listed: CauseStatus, status: CauseStatus | None, now: datetime) -> CauseStatus | None:
    """Return the status of a cause whose call was given up: it is due again, as the receiver may not have it.

    `listed` is the cause as the call listed it, `status` the cause as it is now.
    """
    again = {"given_up": listed.given_up + 1, "due_since": listed.due_since or now}
    if not listed.is_raised:
        return status or listed.model_copy(update=again)
    return None if status is None else status.model_copy(update=again)


def _cleared(status: CauseStatus, change: AlarmChanged, now: datetime) -> CauseStatus | None:
    if not status.is_raised:
        return status
    others = {source: waiting for source, waiting in status.sources.items() if source != change.source}
    if others:
        return status.model_copy(update={"sources": others})
    if status.known_step is None:
        return None
    waits = QUIET_BEFORE_ALL_CLEAR[status.kind] > timedelta(0)
    return status.model_copy(update={"is_raised": False, "sources": {}, "is_held_back": waits, "due_since": now})


def _raised(status: CauseStatus | None, change: AlarmChanged, now: datetime) -> CauseStatus:
    waiting = change.facts.get(AlarmFact.WAITING, 0)
    source = {change.source: waiting if isinstance(waiting, int) else 0}
    if status is None:
        return CauseStatus(
            cause=change.cause,
            kind=change.kind,
            is_raised=True,
            step=change.step,
            since=change.changed_at,
            facts=dict(change.facts),
            sources=source,
            due_since=now,
        )
    sources = {**status.sources, **source}
    if status.is_raised and (change.step < status.step or (not status.is_due and change.step == status.step)):
        return status.model_copy(update={"sources": sources})
    news = {
        "is_raised": True,
        "step": change.step,
        "facts": dict(change.facts),
        "sources": sources,
        "is_held_back": False,
    }
    raised = status.model_copy(update=news)
    due_since = (status.due_since or now if status.is_due else now) if raised.is_due else None
    return raised.model_copy(update={"due_since": due_since})
