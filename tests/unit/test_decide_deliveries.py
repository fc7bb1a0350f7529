"""DECIDE and delivery steps that do not fit a report or lack fields, and entries that cannot be read."""

import time

import pytest

from schemas.topics import TopicName
from streams.runtime import Turn
from tests.decide_reviews import HOUR, answered, reviews, settled
from tests.open_reports import LIMIT, PHONED, SECOND, asked_by, delivered, emergency, notices, undelivered, until
from tests.review_outcomes import outcome
from tests.turns import ADA, NOW, Lane, admitted, on, why

UNKNOWN = "5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11"


def damage(lane: Lane, report_id: str, entry: bytes = b"an entry of another version") -> bytes:
    name = b"p:" + report_id.encode()
    turn = lane.turn(NOW)
    turn.put(name, entry)
    lane.commit(turn)
    return name


@pytest.mark.parametrize("state", ["acknowledged", "failed", "sent"])
def test_a_step_of_another_agency_is_rejected_and_changes_nothing(lane: Lane, state: str) -> None:
    report = emergency(lane)
    before = dict(lane.state)
    turn = delivered(lane, {**report, "agency": "care_team"}, state, reason="status_422")
    assert why(turn) == ["agency: is not the agency of this report"]
    assert (turn.outputs, lane.state) == ([], before)
    assert len(asked_by(until(lane, NOW + LIMIT))) == 1


def test_a_step_of_another_agency_closes_no_review_and_no_report(lane: Lane) -> None:
    report, review = undelivered(lane)
    assert settled(delivered(lane, {**report, "agency": "101"}, "acknowledged")) == []
    assert why(answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED))) == []
    done = delivered(lane, {**report, "agency": "101"}, "acknowledged")
    assert why(done) == ["agency: is not the agency of this report"]


def test_an_unknown_report_is_acknowledged_only_by_the_agency_of_its_review(lane: Lane) -> None:
    unread = {"report_id": UNKNOWN, "agency": "101", "person": ""}
    delivered(lane, unread, "failed", reason="rejected")
    assert settled(delivered(lane, {**unread, "agency": "999"}, "acknowledged")) == []
    assert len(settled(delivered(lane, unread, "acknowledged"))) == 1


def test_a_step_of_an_unknown_sending_is_rejected(lane: Lane) -> None:
    report = emergency(lane)
    turn = delivered(lane, report, "acknowledged", generation=2)
    assert why(turn) == ["generation: is of no sending of this report"]
    assert turn.outputs == []


@pytest.mark.parametrize("generation", [1_001, 2_000_000_000])
def test_a_generation_beyond_all_bounds_is_rejected_at_once(lane: Lane, generation: int) -> None:
    began = time.monotonic()
    turn = delivered(lane, {**emergency(lane), "report_id": UNKNOWN}, "acknowledged", generation=generation)
    assert time.monotonic() - began < 1
    assert why(turn) == ["generation: is out of range: at most 1000"]


def test_a_report_that_was_sent_too_often_is_not_sent_again(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.agents.open_reports.MOST_SENDINGS", 1)
    _, review = undelivered(lane)
    assert why(answered(lane, outcome(review["review_id"], "send_again"))) == [
        "decision: the report was sent 1 times: it cannot be sent again"
    ]


def test_an_acknowledgement_closes_every_review_of_the_report(lane: Lane) -> None:
    report, review = undelivered(lane)
    answered(lane, outcome(review["review_id"], "send_again"))
    name = damage(lane, report["report_id"])
    (second,) = reviews(lane.put_aside(name, NOW + LIMIT))
    # The agency acknowledges the first sending late.
    (end,) = settled(delivered(lane, report, "acknowledged", NOW + LIMIT, generation=1))
    assert (end["review_id"], end["decision"]) == (second["review_id"], "acknowledged")
    assert not [key for key in lane.state if key.startswith((b"u:", b"r:"))]


def second_sending(lane: Lane) -> tuple[str, str]:
    """Send a report again; return its id and that of its first review."""
    report, review = undelivered(lane)
    lane.work(outcome(review["review_id"], "send_again"), topic=TopicName.REVIEW_OUTCOMES, now=NOW + 40 * SECOND)
    return report["report_id"], review["review_id"]


def test_a_second_sending_whose_entry_cannot_be_read_goes_to_a_human(lane: Lane) -> None:
    report_id, first = second_sending(lane)
    turn = lane.put_aside(damage(lane, report_id), NOW + 100 * SECOND)
    (review,) = reviews(turn)
    assert review["review_id"] != first
    assert (review["undelivered"]["failure"], review["undelivered"]["generation"]) == ("put_aside", 2)
    assert len(settled(answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED)))) == 1
    assert [key for key in lane.timers if key != b"h"] == []
    assert asked_by(until(lane, NOW + HOUR)) == []
    assert lane.timers == {}, "the report counts as open no more"


def test_a_review_of_a_report_whose_entry_cannot_be_read_escalates_and_is_settled(lane: Lane) -> None:
    report, review = undelivered(lane)
    damage(lane, report["report_id"])
    (again,) = asked_by(until(lane, NOW + LIMIT))
    assert (again["review_id"], again["section"]) == (review["review_id"], None)
    turn = answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED))
    assert (why(turn), len(settled(turn))) == ([], 1)
    assert not [key for key in lane.state if key.startswith(b"p:")]
    assert asked_by(until(lane, NOW + HOUR)) == []
    assert lane.timers == {}


def test_a_beat_that_is_put_aside_survives_an_entry_that_cannot_be_read(lane: Lane) -> None:
    report = emergency(lane)
    (other,) = on(lane.work(admitted("d-2"), topic=TopicName.ADMITTED_URGENT), TopicName.REPORTS_999)
    name = damage(lane, other["report_id"])
    turn: Turn = lane.put_aside(b"h", NOW + 15 * SECOND)
    assert turn.outputs == []
    assert b"h" in lane.timers
    assert len(reviews(lane.put_aside(name, NOW + LIMIT))) == 1
    (review,) = [each for each in asked_by(until(lane, NOW + LIMIT)) if each["escalation"] == 0]
    assert review["undelivered"]["report_id"] == report["report_id"]


def test_a_failure_without_a_person_opens_one_review_with_the_key_of_the_person(lane: Lane) -> None:
    report = emergency(lane)
    turn = delivered(lane, {**report, "person": ""}, "failed", reason="put_aside")
    (review,) = reviews(turn)
    assert (review["person"], turn.outputs[0].key) == (ADA, ADA.encode())
    assert asked_by(until(lane, NOW + LIMIT - SECOND)) == []
    turn = answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED))
    assert (len(settled(turn)), notices(turn)) == (1, ["told"])
    assert asked_by(until(lane, NOW + HOUR)) == []


def test_a_beat_that_cannot_be_read_rejects_no_record_and_delays_no_hand_over(lane: Lane) -> None:
    emergency(lane)
    turn = lane.turn(NOW)
    turn.put(b"h", b"a beat of another version")
    lane.commit(turn)
    (other,) = on(lane.work(admitted("d-2"), topic=TopicName.ADMITTED_URGENT), TopicName.REPORTS_999)
    assert other
    asked = asked_by(until(lane.restarted(lane.agent), NOW + LIMIT))
    assert [each["escalation"] for each in asked] == [0, 0]
