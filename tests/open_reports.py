"""Reports that DECIDE keeps open: their delivery steps, their hand-over to a human, and the notices about them."""

from datetime import datetime, timedelta
from typing import Any

from schemas.codec import encode
from schemas.topics import TopicName
from streams.runtime import Turn
from tests.decide_reviews import concern, reviews
from tests.turns import NOW, Lane, admitted, on

SECOND = timedelta(seconds=1)
LIMIT = 60 * SECOND
ABUSE: dict[str, Any] = {
    "concerns": concern("homelessness", state="homeless"),
    "subject": {"account": "forum:1", "age": 15},
}
WHO = {"key_id": "key-1", "nonce": bytes(12), "ciphertext": b"who took the call"}
PHONED: dict[str, Any] = {"told_at": NOW + 30 * SECOND, "reference": "CAD-77", "section": WHO}


def emergency(lane: Lane) -> dict[str, Any]:
    """Decide an emergency, and return its report."""
    (report,) = on(lane.work(admitted(), topic=TopicName.ADMITTED_URGENT), TopicName.REPORTS_999)
    return report


def step(report: dict[str, Any], state: str, **said: Any) -> bytes:
    fields = {"report_id": report["report_id"], "agency": report["agency"], "person": report["person"]}
    return encode(
        "DeliveryChanged", {**fields, "state": state, "attempt": 1, "changed_at": NOW, "generation": 1, **said}
    )


def delivered(lane: Lane, report: dict[str, Any], state: str, now: datetime = NOW, **said: Any) -> Turn:
    """Have DECIDE read a delivery step of the report."""
    return lane.work(step(report, state, **said), topic=TopicName.DELIVERIES, now=now)


def until(lane: Lane, end: datetime) -> list[Turn]:
    """Run the timers of a lane that is at work, one after the other, up to that time."""
    turns = []
    while lane.timers and (at := min(lane.timers.values())) <= end:
        turns.append(lane.pass_time(at))
    return turns


def asked_by(turns: list[Turn]) -> list[dict[str, Any]]:
    return [review for turn in turns for review in reviews(turn)]


def undelivered(lane: Lane) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let the report of an emergency fail; return the report and its review."""
    report = emergency(lane)
    (review,) = reviews(delivered(lane, report, "failed", reason="status_422"))
    return report, review


def notices(turn: Turn) -> list[str]:
    """Return how the report stands in each notice of the turn."""
    return [each["stands"] for each in on(turn, TopicName.NOTIFICATIONS)]
