"""The alarms of reviews: an urgent one raises its alarm, each escalation is a step, and its end clears it."""

from schemas.topics import TopicName
from streams.runtime import Turn
from tests.decide_reviews import HOUR, MINUTE, answered, asked, concern, rejected_review, unconfirmed
from tests.review_outcomes import LEAD, SUPERVISOR, outcome
from tests.turns import ADA, NOW, Lane, assert_names_nobody, on


def alarms(turn: Turn) -> list[tuple[str, str, int]]:
    """Return the alarms that a turn writes, each under its cause as key."""
    keys = [output.key for output in turn.outputs if output.topic == TopicName.ALARMS]
    changes = on(turn, TopicName.ALARMS)
    assert keys == [change["cause"].encode() for change in changes]
    assert all((change["kind"], change["changed_at"]) == ("review", turn.now) for change in changes)
    return [(change["cause"], change["state"], change["step"]) for change in changes]


def test_an_urgent_review_raises_escalates_and_is_cleared_once_settled(lane: Lane) -> None:
    review = unconfirmed(lane)
    (raised,) = [output for output in lane.outputs if output.topic == TopicName.ALARMS]
    cause = f"review/{review['review_id']}"
    assert raised.key == cause.encode()
    assert raised.partition is None  # of one partition, whatever DECIDE's own is
    turn = lane.pass_time(NOW + 5 * MINUTE)
    assert alarms(turn) == [(cause, "raised", 1)]
    (change,) = on(turn, TopicName.ALARMS)
    assert change["facts"] == {
        "review_id": review["review_id"],
        "reason": "confirmation",
        "deadline": (NOW + 10 * MINUTE).isoformat(),
        "on_duty": SUPERVISOR,
    }
    assert_names_nobody(turn)
    assert alarms(answered(lane, outcome(review["review_id"]))) == [(cause, "cleared", 0)]
    assert alarms(answered(lane, outcome(review["review_id"], by=SUPERVISOR))) == []


def test_an_alarm_names_no_person(lane: Lane) -> None:
    unconfirmed(lane)
    (raised,) = [output for output in lane.outputs if output.topic == TopicName.ALARMS]
    assert raised.value is not None
    assert ADA.encode() not in (raised.key or b"") + raised.value


def test_a_review_that_has_a_day_raises_no_alarm_however_often_it_escalates(lane: Lane) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None))
    assert [output for output in lane.outputs if output.topic == TopicName.ALARMS] == []
    assert alarms(lane.pass_time(NOW + 24 * HOUR)) == []
    turn = answered(lane, outcome(review["review_id"], "refuse", refusal="no_clause_holds"))
    assert len(on(turn, TopicName.DECISIONS)) == 1
    assert alarms(turn) == []


def test_a_rejected_urgent_record_raises_and_clears_its_alarm(lane: Lane) -> None:
    review = rejected_review(lane)
    cause = f"review/{review['review_id']}"
    assert alarms(lane.pass_time(NOW + 5 * MINUTE)) == [(cause, "raised", 1)]
    seen = outcome(review["review_id"], "nothing_in_it", by=LEAD, refusal="entered_in_error")
    assert alarms(answered(lane, seen)) == [(cause, "cleared", 0)]


def test_a_review_that_is_put_aside_gives_way_to_the_one_about_it(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = lane.put_aside(b"r:" + review["review_id"].encode(), NOW + 5 * MINUTE)
    (asked_about,) = on(turn, TopicName.REVIEWS)
    assert alarms(turn) == [
        (f"review/{review['review_id']}", "cleared", 0),
        (f"review/{asked_about['review_id']}", "raised", 0),
    ]
