"""Reviews of urgent records that were rejected: a person sees to them, and there is nothing to decide."""

from typing import Any

import pytest

from schemas.codec import encode
from schemas.topics import TopicName
from streams.domain.ids import rejected_review_id
from tests.decide_reviews import MINUTE, answered, rejected_review, settled
from tests.review_outcomes import SUPERVISOR, outcome
from tests.turns import NOW, PARTITION, Lane, admitted, assert_names_nobody, on, why


def test_a_rejected_urgent_record_goes_to_a_person_at_the_emergency_deadline(lane: Lane) -> None:
    review = rejected_review(lane)
    assert review["review_id"] == rejected_review_id(TopicName.ADMITTED_URGENT, PARTITION, 0)
    assert (review["reason"], review["person"], review["deadline"]) == ("rejected", None, NOW + 5 * MINUTE)
    place = review["rejected"]
    assert (place["topic"], place["partition"], place["offset"]) == (TopicName.ADMITTED_URGENT, PARTITION, 0)
    assert (place["field"], place["reason"]) == ("value", "value: is not a single-object encoded record")
    turn = lane.pass_time(NOW + 5 * MINUTE)
    (again,) = on(turn, TopicName.REVIEWS)
    assert (again["escalation"], again["on_duty"], again["rejected"]) == (1, SUPERVISOR, place)
    assert turn.outputs[0].key == review["review_id"].encode()


def test_a_rejected_routine_record_or_outcome_asks_for_nothing(lane: Lane) -> None:
    assert lane.work(b"not a record", topic=TopicName.ADMITTED).outputs == []
    assert answered(lane, b"not a record").outputs == []
    assert lane.timers == {}


def test_an_urgent_id_that_was_used_with_other_content_goes_to_a_person(lane: Lane) -> None:
    lane.work(admitted(), topic=TopicName.ADMITTED_URGENT)
    turn = lane.work(admitted(summary="Other words."), topic=TopicName.ADMITTED_URGENT)
    (review,) = on(turn, TopicName.REVIEWS)
    assert review["rejected"]["reason"] == "disclosure_id: was used before with other content"
    assert_names_nobody(turn)


@pytest.mark.parametrize(
    "said",
    [
        {"decision": "entered_again", "entered_as": "5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11"},
        {"decision": "nothing_in_it", "refusal": "entered_in_error"},
    ],
)
def test_a_rejected_record_is_entered_again_or_there_is_nothing_in_it(lane: Lane, said: dict[str, Any]) -> None:
    review = rejected_review(lane)
    turn = answered(lane, outcome(review["review_id"], by=SUPERVISOR, **said))
    (end,) = settled(turn)
    assert (end["decision_id"], end["person"]) == (None, None)
    assert {field: end[field] for field in said} == said
    assert [output.topic for output in turn.outputs] == [TopicName.REVIEWS, TopicName.ALARMS]
    assert lane.timers == {}


@pytest.mark.parametrize(
    "said",
    [
        {"decision": "confirm", "agencies": [{"agency": "101"}]},
        {"decision": "new_facts", "facts": [{"path": "subject.age", "value": 16}]},
    ],
)
def test_nothing_can_be_decided_of_a_rejected_record(lane: Lane, said: dict[str, Any]) -> None:
    review = rejected_review(lane)
    turn = answered(lane, outcome(review["review_id"], **said))
    assert why(turn) == ["decision: does not settle such a review; allowed: entered_again, nothing_in_it"]


def test_what_is_told_of_a_rejected_record_twice_is_asked_once(lane: Lane) -> None:
    told = encode(
        "UrgentRejected",
        {
            "review_id": rejected_review_id(TopicName.FORUM_DISCLOSURES_URGENT, 1, 7),
            "topic": TopicName.FORUM_DISCLOSURES_URGENT,
            "partition": 1,
            "offset": 7,
            "field": "concerns",
            "reason": "concerns: needs at least one",
            "rejected_at": NOW,
        },
    )
    (review,) = on(lane.work(told, told), TopicName.REVIEWS)
    assert lane.work(told).outputs == []
    answered(lane, outcome(review["review_id"]))
    assert lane.work(told).outputs == []
