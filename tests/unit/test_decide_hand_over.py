"""Every report is acknowledged or handed over to a human, even if a process is dead (decision 0022)."""

from collections.abc import Callable

import pytest

from schemas.codec import decode
from schemas.topics import CATALOGUE, TopicName
from tests.decide_reviews import HOUR, answered, decide, reviews, settled
from tests.disclosures import id_of
from tests.open_reports import ABUSE, LIMIT, PHONED, SECOND, asked_by, delivered, emergency, notices, undelivered, until
from tests.review_outcomes import outcome
from tests.turns import ADA, NOW, PARTITION, Lane, admitted, assert_names_nobody, on, why


def test_a_report_without_an_acknowledgement_is_handed_over_at_its_limit(lane: Lane) -> None:
    report = emergency(lane)
    for state in ("queued", "sent", "received"):
        assert delivered(lane, report, state).outputs == []
    assert asked_by(until(lane, NOW + LIMIT - SECOND)) == []
    turns = until(lane, NOW + LIMIT)
    (review,) = asked_by(turns)
    assert (review["reason"], review["person"], review["disclosure_id"]) == ("undelivered", ADA, id_of("d-1"))
    assert review["undelivered"] == {
        "report_id": report["report_id"],
        "agency": "999",
        "generation": 1,
        "failure": "limit_passed",
        "clauses": report["clauses"],
        "reported_at": NOW,
    }
    assert (review["requested_at"], review["deadline"]) == (NOW + LIMIT, NOW + 2 * LIMIT)
    assert review["section"] == report["sections"][0]["section"]
    assert review["on_duty"] is not None
    output, alarm = [each for turn in turns for each in turn.outputs]
    assert (output.partition, output.key) == (PARTITION, ADA.encode())
    assert alarm.topic == TopicName.ALARMS
    assert_names_nobody(turns[-1])


def test_the_next_on_duty_is_asked_every_minute_while_an_emergency_waits(lane: Lane) -> None:
    _, review = undelivered(lane)
    again = asked_by(until(lane, NOW + 3 * LIMIT))
    assert [(each["escalation"], each["deadline"]) for each in again] == [(n, NOW + (n + 1) * LIMIT) for n in (1, 2, 3)]
    assert {each["review_id"] for each in again} == {review["review_id"]}
    assert all(each["section"] == review["section"] for each in again)


def test_the_review_of_any_other_agency_waits_an_hour(lane: Lane) -> None:
    turn = lane.work(admitted(**ABUSE))
    (report,) = on(turn, TopicName.REPORTS_101)
    assert asked_by(until(lane, NOW + 2 * HOUR - SECOND)) == []
    (review,) = asked_by(until(lane, NOW + 2 * HOUR))
    assert (review["undelivered"]["agency"], review["deadline"]) == (report["agency"], NOW + 3 * HOUR)


def test_an_acknowledged_report_is_closed_and_its_notice_is_written_again(lane: Lane) -> None:
    report = emergency(lane)
    turn = delivered(lane, report, "acknowledged", NOW + LIMIT - SECOND, reference="CAD-1")
    assert notices(turn) == ["told"]
    assert len(turn.outputs) == 1
    assert asked_by(until(lane, NOW + 10 * LIMIT)) == []
    assert not [key for key in lane.state if key.startswith(b"p:")]
    # A later step of the report changes nothing.
    assert delivered(lane, report, "failed", NOW + LIMIT, reason="status_422").outputs == []


def test_a_failed_report_is_handed_over_at_once_and_once(lane: Lane) -> None:
    report = emergency(lane)
    (review,) = reviews(delivered(lane, report, "failed", NOW + SECOND, reason="status_422"))
    assert (review["undelivered"]["failure"], review["deadline"]) == ("status_422", NOW + SECOND + LIMIT)
    assert delivered(lane, report, "failed", NOW + 2 * SECOND, reason="timeout").outputs == []
    assert [each["escalation"] for each in asked_by(until(lane, NOW + LIMIT + SECOND))] == [1]


def test_a_late_acknowledgement_settles_the_review(lane: Lane) -> None:
    report, review = undelivered(lane)
    turn = delivered(lane, report, "acknowledged", NOW + 2 * LIMIT, reference="CAD-1")
    (end,) = settled(turn)
    assert (end["review_id"], end["decision"], end["by"], end["role"]) == (
        review["review_id"],
        "acknowledged",
        None,
        None,
    )
    assert (end["report_id"], end["reference"]) == (report["report_id"], "CAD-1")
    assert notices(turn) == ["told"]
    assert asked_by(until(lane, NOW + HOUR)) == []


def test_a_report_that_cannot_be_read_is_handed_over_with_its_known_fields(lane: Lane) -> None:
    unread = {"report_id": "5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11", "agency": "101", "person": ""}
    turn = delivered(lane, unread, "failed", reason="rejected")
    (review,) = reviews(turn)
    assert (review["person"], review["section"], review["undelivered"]["failure"]) == (None, None, "rejected")
    assert turn.outputs[0].key == review["review_id"].encode()
    assert why(answered(lane, outcome(review["review_id"], "send_again"))) == [
        "decision: the report itself cannot be read: it cannot be sent again"
    ]
    # Without a section there is no key to seal the name of who took the call.
    without_who = {**PHONED, "section": None}
    (end,) = settled(answered(lane, outcome(review["review_id"], "told_by_phone", **without_who)))
    assert end["report_id"] == unread["report_id"]
    assert delivered(lane, unread, "failed", reason="rejected").outputs == []


@pytest.mark.parametrize("cut", ["asked", "failed", "again"])
def test_a_restart_between_any_two_steps_loses_and_doubles_nothing(lane: Lane, cut: str) -> None:
    restart: Callable[[Lane], Lane] = lambda old: old.restarted(decide())  # noqa: E731
    report = emergency(lane)
    lane = restart(lane) if cut == "asked" else lane
    (review,) = reviews(delivered(lane, report, "failed", reason="timeout"))
    lane = restart(lane) if cut == "failed" else lane
    turn = answered(lane, outcome(review["review_id"], "send_again"))
    assert [each["generation"] for each in on(turn, TopicName.REPORTS_999)] == [2]
    lane = restart(lane) if cut == "again" else lane
    assert len(asked_by(until(lane, NOW + LIMIT))) == 1
    assert notices(delivered(lane, report, "acknowledged", NOW + LIMIT, generation=2)) == ["told"]
    assert asked_by(until(lane, NOW + HOUR)) == []


def test_a_report_whose_timer_is_put_aside_goes_to_a_human(lane: Lane) -> None:
    report = emergency(lane)
    turn = lane.put_aside(b"p:" + report["report_id"].encode(), NOW + SECOND)
    (review,) = reviews(turn)
    assert turn.outputs[0].key == ADA.encode()
    assert (review["undelivered"]["failure"], review["person"]) == ("put_aside", ADA)
    assert len(settled(answered(lane, outcome(review["review_id"], "told_by_phone", **PHONED)))) == 1


def test_the_open_reports_can_be_read_from_the_state_alone(lane: Lane) -> None:
    report = emergency(lane)
    kept = decode(lane.state[b"p:" + report["report_id"].encode()], "OpenReport")[1]
    assert decode(kept["report"], *CATALOGUE[TopicName.REPORTS_999].carries)[1] == report
