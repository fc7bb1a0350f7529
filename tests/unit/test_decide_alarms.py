"""The alarms of reviews: an urgent one raises its alarm, each escalation is a step, and its end clears it."""

from typing import Any

from schemas.codec import encode
from schemas.topics import TopicName
from streams.runtime import Turn
from tests.decide_reviews import HOUR, MINUTE, answered, asked, concern, decide, rejected_review, reviews, unconfirmed
from tests.review_outcomes import LEAD, SUPERVISOR, outcome
from tests.turns import ADA, NOW, PARTITION, Lane, admitted, assert_names_nobody, on


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
    assert raised.partition is None  # of one partition, not of DECIDE's own
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


def test_a_review_with_a_day_raises_no_alarm_at_any_escalation(lane: Lane) -> None:
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
    seen = outcome(review["review_id"], "nothing_in_it", by=LEAD, refusal="entered_in_error", records=1)
    assert alarms(answered(lane, seen)) == [(cause, "cleared", 0)]


def test_the_alarm_of_a_review_that_is_put_aside_is_cleared_for_the_new_review(lane: Lane) -> None:
    review = unconfirmed(lane)
    turn = lane.put_aside(b"r:" + review["review_id"].encode(), NOW + 5 * MINUTE)
    (asked_about,) = on(turn, TopicName.REVIEWS)
    assert alarms(turn) == [
        (f"review/{review['review_id']}", "cleared", 0),
        (f"review/{asked_about['review_id']}", "raised", 0),
    ]


HOMELESS: dict[str, Any] = {
    "concerns": concern("homelessness", state="homeless"),
    "subject": {"account": "forum:1", "age": 15},
}
LIMIT = 2 * HOUR


def undelivered(lane: Lane, count: int) -> tuple[list[dict[str, Any]], Turn]:
    """Let this many reports to 101 pass their limit, as its connector is dead; return their reviews and the turn."""
    for number in range(count):
        lane.work(admitted(f"d-{number}", **HOMELESS))
    turn = lane.pass_time(min(lane.timers.values()))
    while not reviews(turn):
        turn = lane.pass_time(min(lane.timers.values()))
    return reviews(turn), turn


def of_agency(turn: Turn) -> list[tuple[str, int, int | None]]:
    """Return the alarm of the agency's one cause in a turn: its state, step, and how many reports wait."""
    changes = [change for change in on(turn, TopicName.ALARMS) if change["kind"] == "undelivered"]
    for change in changes:
        assert (change["cause"], change["source"]) == ("undelivered/101", f"decide-{PARTITION}")
        assert set(change["facts"]) <= {"agency", "waiting"}
        assert change["facts"].get("agency", "101") == "101"
    return [(change["state"], change["step"], change["facts"].get("waiting")) for change in changes]


def test_undelivered_reports_to_another_agency_than_999_are_one_cause_until_the_last_is_settled() -> None:
    lane = Lane(decide())
    (first, second, third), turn = undelivered(lane, 3)
    assert of_agency(turn) == [("raised", 0, 1), ("raised", 0, 2), ("raised", 0, 3)]
    assert_names_nobody(turn)
    # Each of its reviews escalates once an hour: each time is one step of the one cause.
    assert of_agency(lane.pass_time(first["deadline"])) == [("raised", 1, 3)] * 3
    at = first["deadline"] + MINUTE
    in_error = {"refusal": "entered_in_error", "decided_at": at}
    turn = lane.work(outcome(first["review_id"], "withdrawn", **in_error), topic=TopicName.REVIEW_OUTCOMES, now=at)
    assert of_agency(turn) == [("raised", 1, 2)]
    turn = lane.work(outcome(second["review_id"], "send_again", decided_at=at), topic=TopicName.REVIEW_OUTCOMES, now=at)
    assert of_agency(turn) == [("raised", 1, 1)]
    turn = lane.work(outcome(third["review_id"], "send_again", decided_at=at), topic=TopicName.REVIEW_OUTCOMES, now=at)
    assert of_agency(turn) == [("cleared", 0, None)]
    assert not [key for key in lane.state if key.startswith(b"u:")]


def test_a_late_acknowledgement_clears_the_alarm_of_its_agency() -> None:
    lane = Lane(decide())
    (review,), _ = undelivered(lane, 1)
    about = review["undelivered"]
    changed = {
        "report_id": about["report_id"],
        "agency": "101",
        "person": ADA,
        "state": "acknowledged",
        "attempt": 1,
        "changed_at": NOW,
        "generation": 1,
        "reference": "R-1",
    }
    turn = lane.work(encode("DeliveryChanged", changed), topic=TopicName.DELIVERIES, now=NOW + LIMIT + MINUTE)
    assert of_agency(turn) == [("cleared", 0, None)]


def test_an_undelivered_review_that_is_put_aside_counts_no_longer() -> None:
    lane = Lane(decide())
    (first, second), _ = undelivered(lane, 2)
    turn = lane.put_aside(b"r:" + first["review_id"].encode(), first["deadline"])
    assert of_agency(turn) == [("raised", 0, 1)]
    turn = lane.put_aside(b"r:" + second["review_id"].encode(), first["deadline"])
    assert of_agency(turn) == [("cleared", 0, None)]


def test_a_review_from_before_they_were_counted_raises_an_alarm_when_it_escalates() -> None:
    lane = Lane(decide())
    (review,), _ = undelivered(lane, 1)
    turn = lane.turn(NOW + LIMIT)
    turn.drop(b"u:101")
    lane.commit(turn)
    assert of_agency(lane.pass_time(review["deadline"])) == [("raised", 1, 1)]
