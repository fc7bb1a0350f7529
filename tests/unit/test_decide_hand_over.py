"""Every report is acknowledged or handed over to a human, even if a process is dead (decision 0022)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.codec import decode, encode
from schemas.topics import CATALOGUE, TopicName
from streams.runtime import Turn
from tests.decide_reviews import HOUR, answered, concern, decide, reviews, settled
from tests.disclosures import id_of
from tests.readable_ids import readable_id
from tests.review_outcomes import SUPERVISOR, outcome
from tests.turns import ADA, NOW, PARTITION, Lane, admitted, assert_names_nobody, on, why

SECOND = timedelta(seconds=1)
LIMIT = 60 * SECOND
ABUSE: dict[str, Any] = {
    "concerns": concern("homelessness", state="homeless"),
    "subject": {"account": "forum:1", "age": 15},
}


@pytest.fixture
def lane() -> Lane:
    return Lane(decide())


def emergency(lane: Lane) -> dict[str, Any]:
    (report,) = on(lane.work(admitted(), topic=TopicName.ADMITTED_URGENT), TopicName.REPORTS_999)
    return report


def step(report: dict[str, Any], state: str, **said: Any) -> bytes:
    fields = {"report_id": report["report_id"], "agency": report["agency"], "person": report["person"]}
    return encode(
        "DeliveryChanged", {**fields, "state": state, "attempt": 1, "changed_at": NOW, "generation": 1, **said}
    )


def delivered(lane: Lane, report: dict[str, Any], state: str, now: datetime = NOW, **said: Any) -> Turn:
    return lane.work(step(report, state, **said), topic=TopicName.DELIVERIES, now=now)


def until(lane: Lane, end: datetime) -> list[Turn]:
    """Run the timers of a lane that is at work, one after the other, up to that time."""
    turns = []
    while lane.timers and (at := min(lane.timers.values())) <= end:
        turns.append(lane.pass_time(at))
    return turns


def asked_by(turns: list[Turn]) -> list[dict[str, Any]]:
    return [review for turn in turns for review in reviews(turn)]


def undelivered(lane: Lane) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let the report of an emergency fail; return the report and its review."""
    report = emergency(lane)
    (review,) = reviews(delivered(lane, report, "failed", reason="status_422"))
    return report, review


def notices(turn: Turn) -> list[str]:
    return [each["stands"] for each in on(turn, TopicName.NOTIFICATIONS)]


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


def test_time_in_which_the_lane_was_away_counts_for_no_limit(lane: Lane) -> None:
    emergency(lane)
    until(lane, NOW + 30 * SECOND)
    back = NOW + 300 * SECOND
    away = lane.restarted(decide(), back)
    assert asked_by([away.pass_time(back)]) == []
    # The absence counts as 5 s.
    assert asked_by(until(away, back + 24 * SECOND)) == []
    assert len(asked_by(until(away, back + 26 * SECOND))) == 1


def test_a_short_silence_counts(lane: Lane) -> None:
    emergency(lane)
    until(lane, NOW + 55 * SECOND)
    back = NOW + LIMIT + SECOND
    assert len(asked_by([lane.restarted(decide(), back).pass_time(back)])) == 1


@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "ahead"])
def test_a_clock_that_is_set_while_the_lane_is_down_moves_no_hand_over(lane: Lane, hours: int) -> None:
    emergency(lane)
    until(lane, NOW + 30 * SECOND)
    opened = NOW + 32 * SECOND + hours * HOUR
    again = lane.restarted(decide(), opened)
    again.pass_time(opened)
    assert asked_by(until(again, opened + 24 * SECOND)) == []
    (review,) = asked_by(until(again, opened + LIMIT))
    assert review["undelivered"]["failure"] == "limit_passed"


def test_a_lane_that_is_often_down_with_a_clock_that_was_set_back_still_hands_over(lane: Lane) -> None:
    emergency(lane)
    until(lane, NOW + 5 * SECOND)
    at = NOW - HOUR
    asked: list[dict[str, Any]] = []
    for _ in range(10):
        lane = lane.restarted(decide(), at)
        asked += asked_by([lane.pass_time(at)])
        asked += asked_by(until(lane, at := at + 8 * SECOND))
    assert len(asked) == 1


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


WHO = {"key_id": "key-1", "nonce": bytes(12), "ciphertext": b"who took the call"}
PHONED: dict[str, Any] = {"told_at": NOW + 30 * SECOND, "reference": "CAD-77", "section": WHO}


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


def test_after_a_beat_is_put_aside_every_report_is_still_handed_over(lane: Lane) -> None:
    emergency(lane)
    until(lane, NOW + 10 * SECOND)
    lane.put_aside(b"h", NOW + 15 * SECOND)
    (review,) = asked_by(until(lane, NOW + LIMIT))
    assert review["requested_at"] == NOW + LIMIT


def test_a_beat_that_is_lost_delays_a_hand_over_once(lane: Lane) -> None:
    emergency(lane)
    turn = lane.turn(NOW)
    turn.unschedule(b"h")
    lane.commit(turn)
    assert len(asked_by(until(lane, NOW + 2 * LIMIT))) == 1


def test_the_open_reports_can_be_read_from_the_state_alone(lane: Lane) -> None:
    report = emergency(lane)
    kept = decode(lane.state[b"p:" + report["report_id"].encode()], "OpenReport")[1]
    assert decode(kept["report"], *CATALOGUE[TopicName.REPORTS_999].carries)[1] == report
