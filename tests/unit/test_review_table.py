"""The table of reviews: every reason in use has a row, and only the outcomes of its row are offered."""

from datetime import timedelta

import pytest

from schemas.errors import Invalid
from schemas.review_table import REVIEW_TABLE, fields_of
from schemas.topics import TopicName
from schemas.vocabulary import ReviewDecision, ReviewReason
from services.review.options import OPTIONS, option_words
from tests.decide_reviews import HOUR, MINUTE, answered, asked, concern, reviews, unconfirmed
from tests.review_outcomes import SUPERVISOR, outcome
from tests.turns import NOW, Lane, on, why

UNCLEAR = {"says_safe": False, "contradicted": False, "unclear": True}


def test_every_reason_that_something_opens_has_a_row() -> None:
    assert set(REVIEW_TABLE) == set(ReviewReason) - {ReviewReason.SUSPECTED_SHARED}


@pytest.mark.parametrize("reason", REVIEW_TABLE)
def test_each_outcome_has_an_option_with_its_fields(reason: ReviewReason) -> None:
    row = REVIEW_TABLE[reason]
    assert row.settlings
    for settling in row.settlings:
        assert option_words(settling).startswith(OPTIONS[settling.decision])
        assert bool(settling.refusals) is ("refusal" in settling.needs)
        needed, allowed = fields_of(settling.decision)
        assert needed <= set(settling.needs) <= allowed


def test_outcomes_that_no_row_allows_have_no_option() -> None:
    offered = {settling.decision for row in REVIEW_TABLE.values() for settling in row.settlings}
    assert set(ReviewDecision) - offered == {ReviewDecision.ACKNOWLEDGED, ReviewDecision.ACCEPTED}


@pytest.mark.parametrize("reason", REVIEW_TABLE)
def test_a_decision_that_its_row_lacks_is_refused_with_those_that_it_has(reason: ReviewReason) -> None:
    row = REVIEW_TABLE[reason]
    allowed = [settling.decision for settling in row.settlings]
    for decision in set(ReviewDecision) - set(allowed):
        with pytest.raises(Invalid, match=", ".join(allowed)):
            row.settling(decision)


def test_a_person_who_was_not_reached_is_asked_about_again_at_the_given_time(lane: Lane) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None), safety=UNCLEAR)
    at = NOW + 3 * HOUR
    turn = answered(lane, outcome(review["review_id"], "not_reached", ask_again_at=at, by=SUPERVISOR))
    (again,) = reviews(turn)
    assert (again["review_id"], again["deadline"], again["escalation"]) == (review["review_id"], at, 0)
    assert again["section"] == review["section"]
    assert reviews(lane.pass_time(at - timedelta(seconds=1))) == []
    assert [each["escalation"] for each in reviews(lane.pass_time(at))] == [1]


def test_an_older_outcome_does_not_override_a_later_one_and_the_same_again_changes_nothing(lane: Lane) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None), safety=UNCLEAR)
    name = review["review_id"]
    old = outcome(name, "not_reached", ask_again_at=NOW + 20 * HOUR, decided_at=NOW)
    new = outcome(name, "not_reached", by=SUPERVISOR, ask_again_at=NOW + HOUR, decided_at=NOW + MINUTE)
    assert [each["deadline"] for each in reviews(answered(lane, old))] == [NOW + 20 * HOUR]
    assert [each["deadline"] for each in reviews(answered(lane, new))] == [NOW + HOUR]
    turn = answered(lane, old)
    assert why(turn) == ["decided_at: is before the last outcome that put this review off"]
    assert turn.outputs == []
    # Its time passed and the next member of staff was asked: the same record does not move that deadline.
    lane.pass_time(NOW + HOUR)
    turn = lane.work(new, topic=TopicName.REVIEW_OUTCOMES, now=NOW + HOUR)
    assert (why(turn), turn.outputs) == ([], [])
    turn = answered(lane, outcome(name, "refuse", refusal="no_clause_holds", decided_at=NOW))
    assert (why(turn), len(on(turn, TopicName.DECISIONS))) == ([], 1)
    assert not [key for key in lane.state if key.startswith(b"n:")]


@pytest.mark.parametrize("after", [-MINUTE, 25 * HOUR])
def test_a_time_that_is_past_or_too_late_is_no_next_question(lane: Lane, after: timedelta) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None), safety=UNCLEAR)
    turn = answered(lane, outcome(review["review_id"], "not_reached", ask_again_at=NOW + after))
    (reason,) = why(turn)
    assert reason == "ask_again_at: must be after now and at the latest 2026-02-04T21:10+00:00"


def test_an_urgent_question_is_asked_again_within_its_own_deadline(lane: Lane) -> None:
    review = asked(lane, concerns=concern("suicide", thoughts=True, plan=True), safety=UNCLEAR)
    late = outcome(review["review_id"], "not_reached", ask_again_at=NOW + 6 * MINUTE)
    assert why(answered(lane, late))[0].startswith("ask_again_at")
    soon = outcome(review["review_id"], "not_reached", ask_again_at=NOW + 4 * MINUTE)
    assert [each["deadline"] for each in reviews(answered(lane, soon))] == [NOW + 4 * MINUTE]


def test_a_confirmation_cannot_be_put_off(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = answered(lane, outcome(review["review_id"], "not_reached", ask_again_at=NOW + MINUTE))
    assert why(turn) == ["decision: does not settle such a review; allowed: confirm, refuse, new_facts"]
