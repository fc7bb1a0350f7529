"""Reviews that are refused: no report is sent, and a report that was sent before is not taken back."""

from schemas.topics import TopicName
from tests.decide_reviews import VOLUNTEER, answered, asked, concern, reviews, unconfirmed
from tests.review_outcomes import facts, outcome
from tests.turns import Lane, admitted, on, why

REPORTS = tuple(topic for topic in TopicName if ".reports." in topic)


def test_a_refused_report_is_confidential_and_not_sent(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = answered(lane, outcome(review["review_id"], "refuse", refusal="no_clause_holds"))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["agencies"], decision["review"]) == ("confidential", [], None)
    assert decision["notify"]["due"] is False
    assert decision["notes"][-1] == "review: refused, no_clause_holds"
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS, TopicName.ALARMS}


def test_a_refused_question_beside_a_referral_takes_no_report_back(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    turn = lane.work(admitted(concerns=both, subject={"account": "forum:1", "age": 15}))
    (review,) = reviews(turn)
    assert len(on(turn, TopicName.REPORTS_101)) == 1
    refused = outcome(review["review_id"], "refuse", refusal="no_clause_holds")
    turn = answered(lane, refused)
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], [each["agency"] for each in decision["agencies"]]) == ("refer", ["101"])
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS}


def test_facts_against_a_sent_report_do_not_take_it_back(lane: Lane) -> None:
    both = [*concern("homelessness", state="at_risk"), *concern("pregnancy")]
    (review,) = reviews(lane.work(admitted(concerns=both, subject={"account": "forum:1", "age": 15})))
    grown = outcome(review["review_id"], "new_facts", facts=facts(subject__age=20))
    turn = answered(lane, grown)
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], [each["agency"] for each in decision["agencies"]]) == ("refer", ["101"])
    assert decision["notify"]["due"] is False
    assert {output.topic for output in turn.outputs} == {TopicName.DECISIONS, TopicName.REVIEWS}


def test_safe_4_abuse_is_acted_on_even_if_they_say_that_they_are_safe(lane: Lane) -> None:
    review = asked(lane, assessment=VOLUNTEER, concerns=concern("abuse", ongoing=True))
    turn = answered(lane, outcome(review["review_id"], "refuse", refusal="safe_after_conversation"))
    assert why(turn) == ["refusal: SAFE-4: abuse is acted on even if they say that they are safe"]
