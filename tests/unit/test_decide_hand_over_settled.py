"""Staff settle the review of a report that was handed over: told by phone, sent again or withdrawn."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.topics import TopicName
from tests.decide_reviews import HOUR, answered, settled
from tests.open_reports import LIMIT, PHONED, SECOND, asked_by, delivered, notices, undelivered, until
from tests.readable_ids import readable_id
from tests.review_outcomes import SUPERVISOR, outcome
from tests.turns import NOW, Lane, on, why


def test_told_by_phone_ends_the_attempts_and_counts_as_told(lane: Lane) -> None:
    report, review = undelivered(lane)
    turn = answered(lane, outcome(review["review_id"], "told_by_phone", by=SUPERVISOR, **PHONED))
    assert why(turn) == []
    (end,) = settled(turn)
    assert {name: end[name] for name in ("by", "decision", "report_id", "generation", *PHONED)} == {
        "by": SUPERVISOR,
        "decision": "told_by_phone",
        "report_id": report["report_id"],
        "generation": None,
        **PHONED,
    }
    (stop,) = on(turn, TopicName.REPORTS_999)
    assert (stop["report_id"], stop["generation"], stop["why"]) == (report["report_id"], 1, "told_by_phone")
    assert notices(turn) == ["told"]
    assert asked_by(until(lane, NOW + HOUR)) == []
    # An attempt that was under way may end with any result.
    for state in ("failed", "acknowledged"):
        assert delivered(lane, report, state, NOW + LIMIT).outputs == []


def test_sent_again_it_is_the_same_report_with_a_new_limit_and_a_review_of_its_own(lane: Lane) -> None:
    report, review = undelivered(lane)
    at = NOW + 40 * SECOND
    until(lane, at)
    turn = lane.work(outcome(review["review_id"], "send_again"), topic=TopicName.REVIEW_OUTCOMES, now=at)
    (again,) = on(turn, TopicName.REPORTS_999)
    assert again == {**report, "generation": 2, "again_at": at}
    (end,) = settled(turn)
    assert (end["report_id"], end["generation"]) == (report["report_id"], 2)
    assert notices(turn) == []
    # A late step of the first sending does not affect this one.
    assert delivered(lane, report, "failed", at, reason="limit_passed").outputs == []
    assert asked_by(until(lane, at + LIMIT - SECOND)) == []
    (second,) = asked_by(until(lane, at + LIMIT))
    assert (second["undelivered"]["generation"], second["review_id"] != review["review_id"]) == (2, True)
    (end,) = settled(delivered(lane, report, "acknowledged", at + 2 * LIMIT, generation=2))
    assert end["review_id"] == second["review_id"]


def test_withdrawn_ends_the_attempts_and_the_notice_says_that_the_agency_was_not_told(lane: Lane) -> None:
    report, review = undelivered(lane)
    turn = answered(lane, outcome(review["review_id"], "withdrawn", refusal="entered_in_error"))
    (stop,) = on(turn, TopicName.REPORTS_999)
    assert stop["why"] == "withdrawn"
    assert notices(turn) == ["not_told"]
    assert delivered(lane, report, "failed", NOW + LIMIT, reason="timeout").outputs == []
    assert asked_by(until(lane, NOW + HOUR)) == []
    # An attempt that was under way reached the agency after all.
    assert notices(delivered(lane, report, "acknowledged", NOW + LIMIT)) == ["told"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"decision": "confirm"}, "decision: does not settle such a review; allowed: told_by_phone, send_again"),
        ({"decision": "withdrawn", "refusal": "safe_after_conversation"}, "refusal: allowed here: no_clause_holds"),
    ],
    ids=readable_id,
)
def test_an_outcome_that_the_table_does_not_allow_settles_nothing(lane: Lane, said: Any, reason: str) -> None:
    _, review = undelivered(lane)
    turn = answered(lane, outcome(review["review_id"], **said))
    (found,) = why(turn)
    assert found.startswith(reason)
    assert turn.outputs == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"decision": "told_by_phone", "told_at": NOW}, "reference: is required by told_by_phone"),
        ({"decision": "withdrawn"}, "refusal: is required by withdrawn"),
        ({"decision": "send_again", "reference": "CAD-1"}, "reference: belongs to another decision than send_again"),
        ({"decision": "not_reached"}, "ask_again_at: is required by not_reached"),
    ],
    ids=readable_id,
)
def test_an_outcome_has_the_fields_of_its_decision_and_no_others(said: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        outcome("5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11", **said)
