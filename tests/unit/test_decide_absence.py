"""A limit counts time at work. An absence counts as 5 s, so repeated absences cannot delay a limit without end."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.topics import TopicName
from schemas.vocabulary import Agency
from streams.domain.delivery import RETRY_POLICIES
from tests.decide_reviews import HOUR, answered, decide, reviews
from tests.open_reports import ABUSE, LIMIT, SECOND, asked_by, delivered, emergency, until
from tests.review_outcomes import outcome
from tests.turns import NOW, Lane, admitted, on


def back_at(lane: Lane, at: datetime) -> Lane:
    """Return the lane, opened again at that time, after the timers that are due by then."""
    lane = lane.restarted(decide(), at)
    assert asked_by([lane.pass_time(at)]) == []
    return lane


def requested_at(lane: Lane, end: datetime) -> datetime:
    (review,) = asked_by(until(lane, end))
    at: datetime = review["requested_at"]
    return at


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


def test_a_lane_whose_turns_are_far_apart_hands_over_at_the_limit(lane: Lane) -> None:
    emergency(lane)
    asked: list[dict[str, Any]] = []
    at = NOW
    while not asked and at < NOW + HOUR:
        at += 11 * SECOND
        asked = asked_by([lane.pass_time(at)])
    # Each wait of 11 s counts as 10 s.
    assert at <= NOW + 7 * 11 * SECOND


def test_a_lane_that_opens_again_and_again_hands_over_at_last(lane: Lane) -> None:
    emergency(lane)
    asked: list[dict[str, Any]] = []
    at = NOW
    while not asked and at < NOW + HOUR:
        at += 11 * SECOND
        lane = lane.restarted(decide(), at)
        asked = asked_by([lane.pass_time(at)])
    assert at <= NOW + (LIMIT // (5 * SECOND) + 1) * 11 * SECOND


def test_a_long_absence_leaves_what_was_left_of_the_limit(lane: Lane) -> None:
    emergency(lane)
    until(lane, NOW + 30 * SECOND)
    back = NOW + 3 * HOUR
    assert requested_at(back_at(lane, back), back + LIMIT) == back + 25 * SECOND


def test_a_limit_of_hours_is_moved_too(lane: Lane) -> None:
    lane.work(admitted(**ABUSE))
    until(lane, NOW + HOUR)
    limit = RETRY_POLICIES[Agency.POLICE_101].limit
    back = NOW + 5 * HOUR
    assert requested_at(back_at(lane, back), back + limit - HOUR) == back + limit - HOUR - 5 * SECOND


def test_what_was_left_before_the_second_absence_is_left_after_it(lane: Lane) -> None:
    emergency(lane)
    until(lane, NOW + 20 * SECOND)
    first = back_at(lane, NOW + 50 * SECOND)
    until(first, NOW + 60 * SECOND)
    again = back_at(first, NOW + 80 * SECOND)
    # Of the 60 s, 20 passed, then 10 between the absences, and each absence counts as 5.
    assert requested_at(again, NOW + 110 * SECOND) == NOW + 100 * SECOND


def test_a_second_sending_is_moved_by_its_own_absences_alone(lane: Lane) -> None:
    report = emergency(lane)
    until(lane, NOW + 10 * SECOND)
    lane = back_at(lane, NOW + 40 * SECOND)
    (review,) = reviews(delivered(lane, report, "failed", NOW + 41 * SECOND, reason="status_422"))
    at = NOW + 300 * SECOND
    lane.work(outcome(review["review_id"], "send_again"), topic=TopicName.REVIEW_OUTCOMES, now=at)
    until(lane, at + 10 * SECOND)
    back = at + 200 * SECOND
    assert requested_at(back_at(lane, back), back + LIMIT) == back + 45 * SECOND


def test_an_absence_ends_once_however_many_reports_wait(lane: Lane) -> None:
    emergency(lane)
    lane.work(admitted("d-2"), topic=TopicName.ADMITTED_URGENT)
    until(lane, NOW + 30 * SECOND)
    back = NOW + 300 * SECOND
    lane = back_at(back_at(lane, back), back + SECOND)
    asked = asked_by(until(lane, back + 31 * SECOND))
    assert [each["requested_at"] for each in asked] == [back + 25 * SECOND] * 2


def test_a_report_that_was_withdrawn_still_ends_after_an_absence(lane: Lane) -> None:
    report = emergency(lane)
    (review,) = reviews(delivered(lane, report, "failed", reason="status_422"))
    answered(lane, outcome(review["review_id"], "withdrawn", refusal="entered_in_error"))
    back = NOW + 5 * HOUR
    lane = back_at(lane, back)
    assert asked_by(until(lane, back + HOUR)) == []
    lane.sweep(NOW + timedelta(days=3))
    assert not [key for key in lane.state if key.startswith(b"p:")]


def test_with_no_report_open_no_beat_is_written(lane: Lane) -> None:
    report = emergency(lane)
    (review,) = reviews(delivered(lane, report, "failed", reason="status_422"))
    answered(lane, outcome(review["review_id"], "withdrawn", refusal="entered_in_error"))
    until(lane, NOW + LIMIT)
    assert b"h" not in lane.timers
    assert on(lane.pass_time(NOW + HOUR), TopicName.REVIEWS) == []
