"""Reviews that are answered with new facts: decided again with them, and opened again if a question is left."""

from schemas.topics import TopicName
from tests.decide_reviews import HOUR, VOLUNTEER, answered, asked, concern, reviews, settled
from tests.review_outcomes import facts, outcome
from tests.turns import NOW, Lane, on


def test_new_facts_are_decided_again_as_confirmed_by_who_gave_them(lane: Lane) -> None:
    review = asked(lane, assessment=VOLUNTEER, concerns=concern("medication", more_than_prescribed=None))
    assert review["asks"] == ["concerns[0].more_than_prescribed"]
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(_0__more_than_prescribed=True)))
    (decision,) = on(turn, TopicName.DECISIONS)
    assert (decision["outcome"], decision["caused_by"]) == ("emergency", "review_outcome")
    assert len(on(turn, TopicName.REPORTS_999)) == len(on(turn, TopicName.NOTIFICATIONS)) == 1
    assert reviews(turn) == []
    (end,) = settled(turn)
    assert end["facts"] == [{"path": "concerns[0].more_than_prescribed", "value": True}]


def test_new_facts_may_make_a_disclosure_confidential(lane: Lane) -> None:
    review = asked(lane, concerns=concern("medication", more_than_prescribed=None))
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(_0__more_than_prescribed=False)))
    assert [each["outcome"] for each in on(turn, TopicName.DECISIONS)] == ["confidential"]


def test_facts_that_leave_a_clause_open_open_another_review(lane: Lane) -> None:
    review = asked(lane, subject={"account": "forum:1"}, concerns=concern("homelessness", state=None))
    assert set(review["asks"]) == {"subject.age", "concerns[0].state"}
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(subject__age=16)))
    (decision,) = on(turn, TopicName.DECISIONS)
    (second,) = reviews(turn)
    assert (second["asks"], second["decision_id"]) == (["concerns[0].state"], decision["decision_id"])
    assert second["review_id"] != review["review_id"]
    assert second["deadline"] == NOW + 24 * HOUR
    found = facts(_0__state="homeless", subject__professionals="social_worker")
    turn = answered(lane, outcome(second["review_id"], "new_facts", facts=found))
    (third,) = on(turn, TopicName.DECISIONS)
    assert (third["outcome"], third["supersedes"]) == ("refer", decision["decision_id"])
    assert len(on(turn, TopicName.REPORTS_SOCIAL_WORKER)) == 1


def test_a_new_age_replaces_the_sources_that_contradict_it(lane: Lane) -> None:
    disagreeing = {"account": "forum:1", "age": 16, "age_band": "adult"}
    review = asked(lane, subject=disagreeing, concerns=concern("homelessness", state="homeless"))
    turn = answered(lane, outcome(review["review_id"], "new_facts", facts=facts(subject__age=17)))
    assert [each["outcome"] for each in on(turn, TopicName.DECISIONS)] == ["refer"]
