"""A report that staff withdrew: the notice to its person, and the entries that are kept of it."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.reports import DeliveryChanged
from schemas.vocabulary import Agency, DeliveryState
from streams.domain.hand_over import EARLIER_SENDING, first_unknown_attempt
from streams.runtime import Turn
from tests.decide_reviews import HOUR, answered, decide, reviews
from tests.open_reports import LIMIT, SECOND, asked_by, delivered, emergency, notices, undelivered, until
from tests.readable_ids import readable_id
from tests.reports import section
from tests.review_outcomes import outcome
from tests.turns import NOW, Lane

DAY = timedelta(days=1)
#: A step that begins an attempt contains its request.
BEGINS: dict[str, Any] = {"request": section().model_dump()}


def withdrawn(lane: Lane, review: dict[str, Any], refusal: str = "entered_in_error") -> Turn:
    return answered(lane, outcome(review["review_id"], "withdrawn", refusal=refusal))


def asked_at_the_limit(lane: Lane) -> dict[str, Any]:
    (review,) = asked_by(until(lane, NOW + LIMIT))
    return review


def test_after_an_attempt_with_an_unknown_outcome_we_may_have_told(lane: Lane) -> None:
    report = emergency(lane)
    delivered(lane, report, "sent", attempt=1, **BEGINS)
    (review,) = reviews(delivered(lane, report, "failed", NOW + LIMIT, attempt=1, reason="limit_passed"))
    assert notices(withdrawn(lane.restarted(decide()), review)) == ["maybe_told"]


def test_without_an_attempt_or_with_refused_attempts_we_have_not_told(lane: Lane) -> None:
    report = emergency(lane)
    delivered(lane, report, "sent", attempt=1, **BEGINS)
    delivered(lane, report, "sent", attempt=2, reason="no_connection", **BEGINS)
    (review,) = reviews(delivered(lane, report, "failed", attempt=2, reason="status_422"))
    assert notices(withdrawn(lane, review)) == ["not_told"]
    never = Lane(decide())
    emergency(never)
    assert notices(withdrawn(never, asked_at_the_limit(never))) == ["not_told"]


def test_an_attempt_of_an_earlier_sending_may_have_told_too(lane: Lane) -> None:
    report = emergency(lane)
    delivered(lane, report, "sent", attempt=1, **BEGINS)
    (review,) = reviews(delivered(lane, report, "failed", attempt=1, reason="limit_passed"))
    answered(lane, outcome(review["review_id"], "send_again"))
    assert notices(withdrawn(lane, asked_at_the_limit(lane))) == ["maybe_told"]


def test_a_later_sending_that_was_refused_leaves_the_doubt_of_the_earlier_one(lane: Lane) -> None:
    report = emergency(lane)
    delivered(lane, report, "sent", attempt=1, **BEGINS)
    (review,) = reviews(delivered(lane, report, "failed", attempt=1, reason="limit_passed"))
    answered(lane, outcome(review["review_id"], "send_again"))
    delivered(lane, report, "sent", attempt=1, generation=2, **BEGINS)
    delivered(lane, report, "sent", attempt=2, generation=2, reason="no_connection", **BEGINS)
    (review,) = reviews(delivered(lane, report, "failed", attempt=2, generation=2, reason="status_422"))
    assert notices(withdrawn(lane, review)) == ["maybe_told"]


def test_an_attempt_that_is_read_after_the_withdrawal_corrects_the_notice_once(lane: Lane) -> None:
    report = emergency(lane)
    assert notices(withdrawn(lane, asked_at_the_limit(lane))) == ["not_told"]
    assert notices(delivered(lane, report, "failed", attempt=1, **BEGINS)) == ["maybe_told"]
    assert notices(delivered(lane, report, "failed", attempt=1, reason="timeout")) == []
    assert notices(delivered(lane, report, "acknowledged", attempt=1)) == ["told"]
    assert not [key for key in lane.state if key.startswith((b"t:", b"p:"))]


def test_withdrawn_because_the_agency_was_told_already_says_so(lane: Lane) -> None:
    report = emergency(lane)
    delivered(lane, report, "sent", attempt=1, **BEGINS)
    assert notices(withdrawn(lane, asked_at_the_limit(lane), "already_reported")) == ["already_told"]


def test_the_entries_of_a_withdrawn_report_end_although_an_attempt_was_under_way(lane: Lane) -> None:
    report = emergency(lane)
    delivered(lane, report, "sent", attempt=1, **BEGINS)
    withdrawn(lane, asked_at_the_limit(lane))
    lane.sweep(NOW + 2 * DAY - SECOND)
    assert {key[:2] for key in lane.state} >= {b"p:", b"t:"}
    # If the lane's stamps are ahead, the end is later by the same time.
    lane.sweep(NOW + 2 * DAY + LIMIT)
    assert not [key for key in lane.state if key.startswith((b"t:", b"p:"))]


def test_a_withdrawn_report_is_not_open_and_leaves_the_lane_idle(lane: Lane) -> None:
    _, review = undelivered(lane)
    withdrawn(lane, review)
    assert asked_by(until(lane, NOW + HOUR)) == []
    assert lane.timers == {}


_R = DeliveryState.RECEIVED
_S, _F = DeliveryState.SENT, DeliveryState.FAILED


@pytest.mark.parametrize(
    ("before", "state", "attempt", "reason", "begins", "after"),
    [
        (None, DeliveryState.QUEUED, 0, None, False, None),
        (1, _S, 1, None, True, EARLIER_SENDING),
        (3, _S, 1, None, True, EARLIER_SENDING),
        (1, _S, 2, None, True, 1),
        (EARLIER_SENDING, _S, 1, None, True, EARLIER_SENDING),
        (EARLIER_SENDING, _F, 0, "no_connection", False, EARLIER_SENDING),
        (EARLIER_SENDING, _F, 1, "status_422", False, EARLIER_SENDING),
        (None, _S, 1, None, True, 1),
        (None, _S, 2, "no_connection", True, 2),
        (1, _S, 2, "no_connection", True, 2),
        (1, _S, 2, "timeout", True, 1),
        (1, _S, 3, "no_connection", True, 1),
        (2, _F, 3, "status_401", True, 3),
        (3, _F, 3, "status_422", False, None),
        (1, _F, 3, "status_422", False, 1),
        (3, _F, 3, "status_409", False, 3),
        (3, _F, 3, "limit_passed_after_no_connection", False, 3),
        (3, _F, 3, "unknown_status_299", False, 3),
        (2, _R, 2, None, False, 2),
    ],
    ids=readable_id,
)
def test_the_first_attempt_by_which_the_agency_may_have_the_report(
    before: int | None, state: DeliveryState, attempt: int, reason: str | None, begins: bool, after: int | None
) -> None:
    changed = DeliveryChanged(
        report_id="report-1",
        agency=Agency.EMERGENCY_999,
        person="person-1",
        state=state,
        attempt=attempt,
        changed_at=NOW,
        reason=reason,
        request=section() if begins else None,
    )
    assert first_unknown_attempt(before, changed) == after
