"""The fields of an outcome for a report told by phone, or for a record that was entered again."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from schemas.topics import TopicName
from tests.decide_reviews import HOUR, answered, reviews, settled
from tests.open_reports import LIMIT, PHONED, SECOND, asked_by, delivered, undelivered
from tests.readable_ids import readable_id
from tests.review_outcomes import outcome
from tests.turns import NOW, Lane, admitted, on, why


@pytest.mark.parametrize("told_at", [NOW, NOW + 10 * LIMIT], ids=["the minute of the report", "a clock ahead"])
def test_told_by_phone_is_between_the_report_and_now(lane: Lane, told_at: datetime) -> None:
    made = lane.work(admitted(), topic=TopicName.ADMITTED_URGENT, now=NOW + 40 * SECOND)
    (report,) = on(made, TopicName.REPORTS_999)
    (review,) = reviews(delivered(lane, report, "failed", reason="status_422"))
    said = outcome(review["review_id"], "told_by_phone", **{**PHONED, "told_at": told_at})
    turn = lane.work(said, topic=TopicName.REVIEW_OUTCOMES, now=NOW + 9 * LIMIT)
    assert (why(turn), len(settled(turn))) == ([], 1)


@pytest.mark.parametrize(
    "told_at", [NOW - SECOND, NOW - 9000 * HOUR, NOW + 10 * LIMIT + SECOND, NOW + 24 * HOUR], ids=readable_id
)
def test_told_by_phone_before_the_report_or_after_now_leaves_the_review_open(lane: Lane, told_at: datetime) -> None:
    _, review = undelivered(lane)
    at = NOW + 9 * LIMIT
    state = dict(lane.state)
    said = outcome(review["review_id"], "told_by_phone", **{**PHONED, "told_at": told_at})
    turn = lane.work(said, topic=TopicName.REVIEW_OUTCOMES, now=at)
    assert why(turn) == ["told_at: must not be before 2026-02-03T21:10+00:00, when it was reported, and not after now"]
    assert turn.outputs == []
    assert lane.state.keys() == state.keys()
    assert asked_by([lane.pass_time(at)]) != []
    right = outcome(review["review_id"], "told_by_phone", **{**PHONED, "told_at": NOW})
    assert len(settled(lane.work(right, topic=TopicName.REVIEW_OUTCOMES, now=at))) == 1


def test_told_by_phone_for_a_report_that_cannot_be_read_is_not_after_now(lane: Lane) -> None:
    unread = {"report_id": "5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11", "agency": "101", "person": ""}
    (review,) = reviews(delivered(lane, unread, "failed", reason="rejected"))
    late = outcome(review["review_id"], "told_by_phone", told_at=NOW + HOUR, reference="CAD-1")
    assert why(answered(lane, late)) == ["told_at: must not be after now"]


@pytest.mark.parametrize(
    "text", ["CAD-1", "CAD 1234/03FEB26", "1234", "CRI/06RR/0012345/26", "Log 0123 of 03 Feb 2026"]
)
def test_a_log_number_is_a_reference(text: str) -> None:
    outcome("review-1", "told_by_phone", told_at=NOW, reference=text)


@pytest.mark.parametrize(
    "text",
    ["", "CAD", "1" * 65, "Spoke to Ada Jones 12", "CAD 1\n", "CAD_1", "07700900123", "07700 900123", "020-7946-0018",
     "44 7700 900123", "call 0044 7700.900.123", "+447700900123", " 12"],
ids=readable_id)  # fmt: skip
def test_another_text_is_no_reference_because_a_reference_is_not_sealed(text: str) -> None:
    with pytest.raises(ValidationError, match="is not a log number"):
        outcome("review-1", "told_by_phone", told_at=NOW, reference=text)


@pytest.mark.parametrize(
    "text", ["", "d-1", "Ada Jones", "5f0d2f0e6b0f4c8e9d0a2f6d1c1f7a11", "x" * 36], ids=readable_id
)
def test_entered_again_needs_a_uuid(text: str) -> None:
    with pytest.raises(ValidationError, match="is not the id of a disclosure, a UUID such as 5f0d2f0e-"):
        outcome("review-1", "entered_again", entered_under=[text], records=1)
