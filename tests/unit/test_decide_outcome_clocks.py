"""The time of an outcome is the later of the worker's clock and the broker's stamp, because either may be wrong."""

from datetime import timedelta

import pytest

from schemas.topics import TopicName
from streams.domain.outcomes import CLOCK_SKEW
from streams.runtime import Turn
from tests.decide_reviews import HOUR, MINUTE, asked, concern, reviews, settled, unconfirmed
from tests.open_reports import LIMIT, PHONED, SECOND, delivered
from tests.review_outcomes import outcome
from tests.turns import NOW, Lane, admitted, on, why
from tests.unit.test_review_table import UNCLEAR

#: The errors of the worker's clock.
OFF = 5 * HOUR


def answered(lane: Lane, value: bytes, *, clock_off: timedelta) -> Turn:
    """Work on an outcome that arrives an hour after `NOW`, with a worker whose clock has this error."""
    arrives = NOW + HOUR
    return lane.work(value, topic=TopicName.REVIEW_OUTCOMES, now=arrives + clock_off, stamp=arrives)


@pytest.mark.parametrize("clock_off", [-OFF, timedelta(0), OFF], ids=["behind", "right", "ahead"])
def test_a_true_outcome_settles_its_review_whatever_the_workers_clock_says(lane: Lane, clock_off: timedelta) -> None:
    (review,) = reviews(
        lane.work(
            admitted(assessment={"assessed_at": "2026-02-03T21:09:40Z", "assessor": "volunteer"}), now=NOW + clock_off
        )
    )
    turn = answered(lane, outcome(review["review_id"], decided_at=NOW + HOUR), clock_off=clock_off)
    assert (why(turn), len(settled(turn))) == ([], 1)


@pytest.mark.parametrize("clock_off", [-OFF, timedelta(0)], ids=["behind", "right"])
def test_an_outcome_of_the_future_is_refused_by_the_brokers_stamp_too(lane: Lane, clock_off: timedelta) -> None:
    review = unconfirmed(lane)
    future = outcome(review["review_id"], decided_at=NOW + HOUR + CLOCK_SKEW + SECOND)
    assert why(answered(lane, future, clock_off=clock_off)) == ["decided_at: is in the future"]


@pytest.mark.parametrize("clock_off", [-OFF, timedelta(0), OFF], ids=["behind", "right", "ahead"])
def test_a_true_call_settles_its_review_whatever_the_workers_clock_says(lane: Lane, clock_off: timedelta) -> None:
    made = lane.work(admitted(), topic=TopicName.ADMITTED_URGENT, now=NOW + clock_off)
    (report,) = on(made, TopicName.REPORTS_999)
    (review,) = reviews(delivered(lane, report, "failed", NOW + clock_off, reason="status_422"))
    at = NOW + HOUR
    said = outcome(review["review_id"], "told_by_phone", **{**PHONED, "told_at": at}, decided_at=at)
    turn = answered(lane, said, clock_off=clock_off)
    assert (why(turn), len(settled(turn))) == ([], 1)


@pytest.mark.parametrize("clock_off", [-OFF, timedelta(0)], ids=["behind", "right"])
def test_a_call_of_the_future_is_refused_by_the_brokers_stamp_too(lane: Lane, clock_off: timedelta) -> None:
    made = lane.work(admitted(), topic=TopicName.ADMITTED_URGENT)
    (report,) = on(made, TopicName.REPORTS_999)
    (review,) = reviews(delivered(lane, report, "failed", reason="status_422"))
    late = NOW + HOUR + LIMIT + SECOND
    said = outcome(review["review_id"], "told_by_phone", **{**PHONED, "told_at": late}, decided_at=NOW + HOUR)
    assert why(answered(lane, said, clock_off=clock_off))[0].startswith("told_at: must not be before")


@pytest.mark.parametrize("clock_off", [-OFF, timedelta(0)], ids=["behind", "right"])
def test_a_person_who_was_not_reached_is_asked_about_after_the_given_wait(lane: Lane, clock_off: timedelta) -> None:
    review = asked(lane, concerns=concern("homelessness", state=None), safety=UNCLEAR)
    arrives, wait = NOW + HOUR, 24 * HOUR - MINUTE
    said = outcome(review["review_id"], "not_reached", decided_at=arrives, ask_again_at=arrives + wait)
    turn = answered(lane, said, clock_off=clock_off)
    assert why(turn) == []
    (asks,) = reviews(turn)
    assert asks["deadline"] == arrives + wait
    assert list(lane.timers.values()) == [arrives + clock_off + wait]
