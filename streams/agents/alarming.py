"""The alarms of urgent reviews, written in the transaction that opens, escalates or settles the review."""

from collections.abc import Mapping
from typing import Any

from schemas.alarms import AlarmChanged, AlarmFact, review_cause
from schemas.codec import encode
from schemas.topics import TopicName
from schemas.vocabulary import AlarmKind, AlarmState
from streams.runtime import Cause, Turn


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
    _send(turn, request["review_id"], AlarmState.RAISED, cause, request.get("escalation", 0), facts)


def clear_review(turn: Turn, review_id: str, cause: Cause) -> None:
    """Clear the alarm of a review that is settled; nothing comes of it where none was raised."""
    _send(turn, review_id, AlarmState.CLEARED, cause, 0, {})


def _send(turn: Turn, review_id: str, state: AlarmState, cause: Cause, step: int, facts: dict[str, str | int]) -> None:
    name = review_cause(review_id)
    change = AlarmChanged(cause=name, kind=AlarmKind.REVIEW, state=state, step=step, changed_at=turn.now, facts=facts)
    turn.send(TopicName.ALARMS, name.encode(), encode("AlarmChanged", change.model_dump()), cause=cause)
