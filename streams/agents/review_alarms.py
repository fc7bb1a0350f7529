"""The alarms of reviews, written in the transaction that opens, escalates or settles the review.

A pressing review is a cause of its own. The `undelivered` reviews of one agency other than 999 share one cause, because
a dead connector opens a review for each report: raised with the first open review, cleared with the last.
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
from streams.runtime import Origin, Turn

#: Agency → how many of its undelivered reports wait in this lane.
_UNDELIVERED = b"a:"


class _Undelivered(BaseModel):
    """The number of open `undelivered` reviews of one agency in this lane, and the highest escalation among them."""

    model_config = ConfigDict(frozen=True)

    open: int = 0
    step: int = 0


def raise_review(turn: Turn, request: Mapping[str, Any], origin: Origin) -> None:
    """Raise the alarm of a pressing review that opens or escalates: each escalation is a step.

    `request` are the fields of its `ReviewRequested`.
    """
    facts: dict[str, str | int] = {
        AlarmFact.REVIEW_ID: request["review_id"],
        AlarmFact.REASON: str(request["reason"]),
        AlarmFact.DEADLINE: request["deadline"].isoformat(),
    }
    if request.get("exercise"):
        facts[AlarmFact.EXERCISE] = "true"
    if request.get("on_duty") is not None:
        facts[AlarmFact.ON_DUTY] = request["on_duty"]
    _send_review(turn, request["review_id"], AlarmState.RAISED, origin, request.get("escalation", 0), facts)


def clear_review(turn: Turn, review_id: str, origin: Origin) -> None:
    """Clear the alarm of a settled review; without a raised alarm this has no effect."""
    _send_review(turn, review_id, AlarmState.CLEARED, origin, 0, {})


def undelivered_opened(turn: Turn, agency: Agency, origin: Origin, partition: int | None) -> None:
    """Count an `undelivered` review that opens: the first one raises its agency's alarm."""
    known = _known(turn, agency)
    _update(turn, agency, known.model_copy(update={"open": known.open + 1}), origin, partition)


def undelivered_escalated(turn: Turn, agency: Agency, step: int, origin: Origin, partition: int | None) -> None:
    """Record the escalation of an `undelivered` review: a step higher than all of its agency is a new alarm."""
    known = _known(turn, agency)
    # A review that opened before a release counted them is counted here.
    changes = {"open": max(known.open, 1), "step": max(known.step, step)}
    _update(turn, agency, known.model_copy(update=changes), origin, partition)


def undelivered_ended(turn: Turn, agency: Agency, origin: Origin, partition: int | None) -> None:
    """Count an `undelivered` review that ends: the last one clears its agency's alarm."""
    known = _known(turn, agency)
    _update(turn, agency, known.model_copy(update={"open": known.open - 1}), origin, partition)


def undelivered_recounted(turn: Turn, left: Iterable[OpenReview], origin: Origin, partition: int | None) -> None:
    """Count all `undelivered` reviews again, because one was put aside and perhaps cannot be read.

    `left` are all reviews that are still open.
    """
    agencies = Counter(agency for review in left if (agency := shared_alarm(review)) is not None)
    for key, _ in list(turn.scan(_UNDELIVERED)):
        agency = Agency(key.removeprefix(_UNDELIVERED).decode())
        known = _known(turn, agency)
        if known.open != agencies[agency]:
            _update(turn, agency, known.model_copy(update={"open": agencies[agency]}), origin, partition)


def shared_alarm(review: OpenReview) -> Agency | None:
    """Return the agency whose alarm a review shares; None if the review has no alarm, or one of its own."""
    about = review.request.undelivered
    return None if about is None or review.pressing else about.agency


def _known(turn: Turn, agency: Agency) -> _Undelivered:
    stored = turn.get(_UNDELIVERED + agency.value.encode())
    return _Undelivered() if stored is None else _Undelivered.model_validate_json(stored)


def _update(turn: Turn, agency: Agency, now: _Undelivered, origin: Origin, partition: int | None) -> None:
    """Keep the count of an agency, and write its alarm as raised or cleared."""
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
    _send(turn, change, origin)


def _send_review(
    turn: Turn, review_id: str, state: AlarmState, origin: Origin, step: int, facts: dict[str, str | int]
) -> None:
    name = review_cause(review_id)
    change = AlarmChanged(cause=name, kind=AlarmKind.REVIEW, state=state, step=step, changed_at=turn.now, facts=facts)
    _send(turn, change, origin)


def _send(turn: Turn, change: AlarmChanged, origin: Origin) -> None:
    turn.send(TopicName.ALARMS, change.cause.encode(), encode("AlarmChanged", change.model_dump()), origin=origin)
