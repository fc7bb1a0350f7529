"""Helpers for reviews of DECIDE: open one by a disclosure or a rejected record, answer it, read its records."""

from datetime import timedelta
from typing import Any

from schemas.policy import load_policies
from schemas.policy.duty import load_duty
from schemas.topics import TopicName
from streams.agents.decide import Decide
from streams.domain.staff import StaffDirectory
from streams.runtime import Turn
from tests.review_outcomes import STAFF_KEYS
from tests.turns import PARTITION, Lane, admit_lane, admitted, disclosed, on, why

VOLUNTEER = {"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"}
ADULT: dict[str, Any] = {"account": "forum:1", "age": 30, "adult_at_risk": {"care_or_support_needs": False}}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def decide() -> Decide:
    return decide_with(StaffDirectory(load_duty(), STAFF_KEYS))


def decide_with(staff: StaffDirectory) -> Decide:
    return Decide(load_policies(), lambda: staff, PARTITION)


def asked(lane: Lane, **changes: Any) -> dict[str, Any]:
    """Decide a disclosure that asks for one review, and return the review."""
    (review,) = on(lane.work(admitted(**changes)), TopicName.REVIEWS)
    return review


def answered(lane: Lane, *values: bytes) -> Turn:
    return lane.work(*values, topic=TopicName.REVIEW_OUTCOMES)


def unconfirmed(lane: Lane) -> dict[str, Any]:
    """Return the review of an emergency that a volunteer assessed (CASE-1)."""
    return asked(lane, assessment=VOLUNTEER)


def reviews(turn: Turn) -> list[dict[str, Any]]:
    return [each for each in on(turn, TopicName.REVIEWS) if "asks" in each]


def settled(turn: Turn) -> list[dict[str, Any]]:
    return [each for each in on(turn, TopicName.REVIEWS) if "settled_at" in each]


def concern(kind: str, **known: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, **known}]


def rejected_review(lane: Lane) -> dict[str, Any]:
    turn = lane.work(b"not a record", topic=TopicName.ADMITTED_URGENT)
    assert why(turn) == ["value: is not a single-object encoded record"]
    (review,) = on(turn, TopicName.REVIEWS)
    return review


def conflict_review(lane: Lane) -> dict[str, Any]:
    """Return the review of other content with one id, which ADMIT reports twice."""
    admit = admit_lane(lambda _: None)
    turn = admit.work(*(disclosed(summary=words) for words in ("First.", "Other.", "Other.")))
    rejected = [output.value for output in turn.outputs if output.topic == TopicName.ADMITTED_URGENT]
    assert len(rejected) == 2
    (review,) = on(lane.work(*rejected, topic=TopicName.ADMITTED_URGENT), TopicName.REVIEWS)
    return review
