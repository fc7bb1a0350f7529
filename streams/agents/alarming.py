"""The alarms of reviews, written in the transaction that opens, escalates or settles the review.

An urgent review is a cause of its own. Undelivered reports to an agency other than 999 are one cause an agency, since a
dead connector makes a review of each report: raised with the first open review, cleared with the last.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from schemas.alarms import AlarmChanged, AlarmFact, review_cause, undelivered_cause
from schemas.codec import encode
from schemas.reviews import OpenReview
from schemas.topics import Group, TopicName
from schemas.vocabulary import Agency, AlarmKind, AlarmState
from streams.runtime import Cause, Turn

#: Agency → how many of its undelivered reports wait in this lane.
_UNDELIVERED = b"a:"


class _Undelivered(BaseModel):
    """The open `undelivered` reviews of one agency in this lane, and the highest step to which one has escalated."""

    model_config = ConfigDict(frozen=True)

    open: int = 0
    step: int = 0


def raise_review(turn: Turn, request: Mapping[str, Any], cause: Cause) -> None:
    """Raise the alarm of an urgent review that was opened or has escalated: each escalation is a step.

    `request` are the fields of its `ReviewRequested`.
    """
    facts: dict[str, str | int] = {
        AlarmFact.REVIEW_ID: request["review_id"],
        AlarmFact.REASON: str(request["reason"]),
        AlarmFact.DEADLINE: request["deadline"].isoformat(),
    }
    if request.get("on_duty") is not None:
        facts[AlarmFact.ON_DUTY] = request["on_duty"]
    _send_review(turn, request["review_id"], AlarmState.RAISED, cause, request.get("escalation", 0), facts)


def clear_review(turn: Turn, review_id: str, cause: Cause) -> None:
    """Clear the alarm of a review that is settled; nothing comes of it where none was raised."""
    _send_review(turn, review_id, AlarmState.CLEARED, cause, 0, {})


def undelivered_opened(turn: Turn, agency: Agency, cause: Cause, partition: int | None) -> None:
    """Take note of an `undelivered` review that opens: the first one raises its agency's alarm."""
    known = _known(turn, agency)
    _say(turn, agency, known.model_copy(update={"open": known.open + 1}), cause, partition)


def undelivered_escalated(turn: Turn, agency: Agency, step: int, cause: Cause, partition: int | None) -> None:
    """Take note of an `undelivered` review that escalates: a step that none of its agency had is a new alarm."""
    known = _known(turn, agency)
    # One that opened before this was counted.
    news = {"open": max(known.open, 1), "step": max(known.step, step)}
    _say(turn, agency, known.model_copy(update=news), cause, partition)


def undelivered_ended(turn: Turn, agency: Agency, cause: Cause, partition: int | None) -> None:
    """Take note of an `undelivered` review that ends: the last one clears its agency's alarm."""
    known = _known(turn, agency)
    _say(turn, agency, known.model_copy(update={"open": known.open - 1}), cause, partition)


def undelivered_recounted(turn: Turn, left: Iterable[OpenReview], cause: Cause, partition: int | None) -> None:
    """Count again: a review was put aside, and perhaps cannot be read. `left` are all that are still open."""
    agencies = Counter(agency for review in left if (agency := shared_alarm(review)) is not None)
    for key, _ in list(turn.scan(_UNDELIVERED)):
        agency = Agency(key.removeprefix(_UNDELIVERED).decode())
        known = _known(turn, agency)
        if known.open != agencies[agency]:
            _say(turn, agency, known.model_copy(update={"open": agencies[agency]}), cause, partition)


def shared_alarm(review: OpenReview) -> Agency | None:
    """Return the agency whose alarm a review shares, None where it has none or one of its own."""
    about = review.request.undelivered
    return None if about is None or review.pressing else about.agency


def _known(turn: Turn, agency: Agency) -> _Undelivered:
    stored = turn.get(_UNDELIVERED + agency.value.encode())
    return _Undelivered() if stored is None else _Undelivered.model_validate_json(stored)


def _say(turn: Turn, agency: Agency, now: _Undelivered, cause: Cause, partition: int | None) -> None:
    key = _UNDELIVERED + agency.value.encode()
    facts: dict[str, str | int] = {}
    if now.open > 0:
        turn.put(key, now.model_dump_json().encode())
        facts = {AlarmFact.AGENCY: agency.value, AlarmFact.WAITING: now.open}
    elif turn.get(key) is not None:
        turn.drop(key)
    change = AlarmChanged(
        cause=undelivered_cause(agency),
        kind=AlarmKind.UNDELIVERED,
        source=Group.DECIDE.value if partition is None else f"{Group.DECIDE}-{partition}",
        state=AlarmState.RAISED if now.open > 0 else AlarmState.CLEARED,
        step=now.step if now.open > 0 else 0,
        changed_at=turn.now,
        facts=facts,
    )
    _send(turn, change, cause)


def _send_review(
    turn: Turn, review_id: str, state: AlarmState, cause: Cause, step: int, facts: dict[str, str | int]
) -> None:
    name = review_cause(review_id)
    change = AlarmChanged(cause=name, kind=AlarmKind.REVIEW, state=state, step=step, changed_at=turn.now, facts=facts)
    _send(turn, change, cause)


def _send(turn: Turn, change: AlarmChanged, cause: Cause) -> None:
    turn.send(TopicName.ALARMS, change.cause.encode(), encode("AlarmChanged", change.model_dump()), cause=cause)
