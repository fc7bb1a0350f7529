"""Reviews of rejected urgent records: a human deals with them, and no disclosure is decided."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.topics import TopicName
from schemas.vocabulary import Service
from streams.domain.ids import decision_id, lane_of, rejected_review_id
from streams.domain.reviews import signature
from tests.decide_reviews import MINUTE, answered, conflict_review, rejected_review, settled
from tests.disclosures import id_of
from tests.readable_ids import readable_id
from tests.review_outcomes import LEAD, STAFF_KEYS, SUPERVISOR, outcome
from tests.turns import NOW, PARTITION, Lane, on, why


def test_a_rejected_urgent_record_opens_a_review_with_the_emergency_deadline(lane: Lane) -> None:
    review = rejected_review(lane)
    assert review["review_id"] == rejected_review_id(lane_of(TopicName.ADMITTED_URGENT, PARTITION), NOW)
    assert (review["reason"], review["person"], review["deadline"]) == ("rejected", None, NOW + 5 * MINUTE)
    (place,) = review["rejected_records"]
    assert (place["topic"], place["partition"], place["offset"]) == (TopicName.ADMITTED_URGENT, PARTITION, 0)
    assert (place["field"], place["reason"]) == ("value", "value: is not a single-object encoded record")
    turn = lane.pass_time(NOW + 5 * MINUTE)
    (again,) = on(turn, TopicName.REVIEWS)
    assert (again["escalation"], again["on_duty"], again["rejected_records"]) == (1, SUPERVISOR, [place])
    assert turn.outputs[0].key == review["review_id"].encode()


def test_a_rejected_routine_record_or_outcome_opens_no_review(lane: Lane) -> None:
    assert lane.work(b"not a record", topic=TopicName.ADMITTED).outputs == []
    assert answered(lane, b"not a record").outputs == []
    assert lane.timers == {}


def outcome_as_written(review_id: str, entered_under: str, records: int | None = None) -> bytes:
    """Return an outcome with its id as given: another console than ours may write and sign it so."""
    fields = decode(outcome(review_id, "entered_again", entered_under=[entered_under]), "ReviewOutcome")[1]
    fields = {**fields, "entered_under": [entered_under], "records": records}
    return encode("ReviewOutcome", {**fields, "signature": signature(fields, STAFF_KEYS[LEAD])})


def test_a_conflict_is_one_review_that_names_both_and_has_five_minutes(lane: Lane) -> None:
    review = conflict_review(lane)
    assert (review["reason"], review["deadline"]) == ("conflicting_id", NOW + 5 * MINUTE)
    first = decision_id(Service.FORUM, id_of("d-1"))
    assert (review["disclosure_id"], review["decision_id"], review["person"]) == (id_of("d-1"), first, None)
    (record,) = review["rejected_records"]
    assert (record["offset"], record["conflict"]["offset"]) == (1, 0)
    assert record["reason"] == "disclosure_id: was used before with other content"


@pytest.mark.parametrize(
    "said",
    [
        {"decision": "entered_again", "entered_under": ["5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11"]},
        {"decision": "nothing_in_it", "refusal": "entered_in_error"},
    ],
    ids=readable_id,
)
@pytest.mark.parametrize(
    ("open_review", "records"), [(rejected_review, {"records": 1}), (conflict_review, {})], ids=readable_id
)
def test_a_rejected_record_is_settled_as_entered_again_or_as_nothing_in_it(
    lane: Lane, said: dict[str, Any], open_review: Callable[[Lane], dict[str, Any]], records: dict[str, int]
) -> None:
    review, said = open_review(lane), {**said, **records}
    turn = answered(lane, outcome(review["review_id"], by=SUPERVISOR, **said))
    (end,) = settled(turn)
    assert (end["decision_id"], end["person"]) == (None, None)
    assert {field: end[field] for field in said} == said
    assert [output.topic for output in turn.outputs] == [TopicName.REVIEWS, TopicName.ALARMS]
    assert lane.timers == {}


@pytest.mark.parametrize("id_", [id_of("d-1"), id_of("d-1").upper()], ids=readable_id)
def test_a_conflict_is_not_settled_by_the_very_id_that_is_in_conflict(lane: Lane, id_: str) -> None:
    review = conflict_review(lane)
    turn = answered(lane, outcome_as_written(review["review_id"], id_))
    (_, refused), *others = turn.rejects
    assert (refused.problems[0].field, others) == ("entered_under", [])
    assert refused.problems[0].reason == (
        "is the id in conflict, which the first disclosure keeps; allowed: the new id under which the other one"
        " was entered"
    )
    assert turn.outputs == []
    assert len(lane.timers) == 1
    assert len(settled(answered(lane, outcome_as_written(review["review_id"], id_of("d-2"))))) == 1


def test_a_rejected_record_is_entered_again_under_its_own_id(lane: Lane) -> None:
    """A record that cannot be read left no known id, so its corrected copy keeps its id."""
    review = rejected_review(lane)
    assert len(settled(answered(lane, outcome_as_written(review["review_id"], id_of("d-1"), 1)))) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"decision": "confirm", "agencies": [{"agency": "101"}]},
        {"decision": "new_facts", "facts": [{"path": "subject.age", "value": 16}]},
    ],
    ids=readable_id,
)
def test_the_review_of_a_rejected_record_takes_no_decision_about_a_disclosure(lane: Lane, said: dict[str, Any]) -> None:
    review = rejected_review(lane)
    turn = answered(lane, outcome(review["review_id"], **said))
    assert why(turn) == ["decision: does not settle such a review; allowed: entered_again, nothing_in_it"]
