"""Hand-over to a human of a report that no agency acknowledged (decision 0022): limits, and the fields of records.

`streams/agents/open_reports.py` has the flow: the timers, the hand-over, and what ends it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from schemas.errors import Invalid
from schemas.reports import DeliveryChanged, OpenReport, Report
from schemas.review_table import REVIEW_TABLE
from schemas.vocabulary import Agency, DeliveryState, ReviewReason, StopReason
from streams.domain.delivery import LIMIT_PASSED, NOT_TAKEN, RETRY_POLICIES
from streams.domain.ids import undelivered_review_id
from streams.domain.moments import Arrival, as_entered, to_the_minute

Fields = dict[str, Any]

#: How far the clock of the console that settles a review may be ahead of the worker's. Less than `CLOCK_SKEW` of
#: `outcomes.py`: a call is entered to the minute, and a later one cannot have happened.
CLOCK_TOLERANCE = timedelta(minutes=1)
#: The failure of a report whose limit timer raised and was put aside.
PUT_ASIDE = "put_aside"
#: The failure of an exercise's report: a live connector does not send it.
EXERCISE = "exercise"
#: Instead of an attempt number: an attempt of an earlier sending. No attempt has this number or the next one, 0.
EARLIER_SENDING = -1
#: The states of a report that its agency has acknowledged.
ACKNOWLEDGED = frozenset({DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN})

#: The longest limit of all agencies.
LONGEST_LIMIT = max(policy.limit for policy in RETRY_POLICIES.values())


def limit_of(agency: Agency) -> timedelta:
    """Return how long a report may be without an acknowledgement before it is handed over to a human."""
    return RETRY_POLICIES[agency].limit


def time_left(report: OpenReport, agency: Agency, worked: float) -> timedelta:
    """Return the time left until a report is handed over; `worked`: how long its lane was at work in all (seconds)."""
    return limit_of(agency) - timedelta(seconds=worked - report.worked)


def first_unknown_attempt(before: int | None, changed: DeliveryChanged) -> int | None:
    """Return the number of the first attempt that may have reached the agency, after this step; None if none may have.

    `before` is the same before the step. A step that begins an attempt carries the reason why the previous attempt
    failed. A later sending may number its attempts from 1 again. So a doubt left by an earlier sending is kept as
    `EARLIER_SENDING`, and no response to an attempt of the later sending ends it.
    """
    begins = changed.state is DeliveryState.SENT or changed.request is not None
    not_taken = changed.reason in NOT_TAKEN
    if begins and before is not None and changed.attempt == 1:
        return EARLIER_SENDING
    if begins:
        only_last_in_doubt = before is None or (not_taken and before == changed.attempt - 1)
        return changed.attempt if only_last_in_doubt else before
    return None if not_taken and before == changed.attempt else before


def review_wait(agency: Agency) -> timedelta:
    """Return how long the review of a report to that agency waits before it escalates."""
    waits = REVIEW_TABLE[ReviewReason.UNDELIVERED].deadlines
    wait = waits.urgent if agency is Agency.EMERGENCY_999 else waits.other
    if wait is None:
        raise ValueError("the table of reviews gives an undelivered report no deadline")
    return wait


def check_told_at(told_at: datetime, reported_at: datetime | None, arrival: Arrival) -> None:
    """Raise `Invalid` unless `told_at`, when staff told the agency by phone, is after the report and not after now.

    Staff enter minutes, so any time in the minute of the report is accepted. A report with a later time than the
    arrival of the outcome, from a clock that was ahead, counts as made at that arrival.
    """
    latest = arrival.now + CLOCK_TOLERANCE
    if reported_at is None:
        if told_at > latest:
            raise Invalid.of("told_at", "must not be after now")
    elif not to_the_minute(arrival.bounded(reported_at)) <= told_at <= latest:
        earliest = as_entered(arrival.bounded(reported_at))
        raise Invalid.of("told_at", f"must not be before {earliest}, when it was reported, and not after now")


def undelivered_fields(report: Report, failure: str, now: datetime) -> Fields:
    """Return the fields of the `ReviewRequested` of a report that failed for this reason."""
    section = report.sections[0] if report.sections else None
    return _requested(
        report.agency,
        now,
        {
            "report_id": report.report_id,
            "agency": report.agency.value,
            "generation": report.generation,
            "failure": failure,
            "clauses": list(report.clauses),
            "reported_at": report.reported_at,
        },
        decision_id=report.decision_id,
        disclosure_id=None if section is None else section.disclosure_id,
        person=report.person,
        section=None if section is None else section.section.model_dump(),
        exercise=report.exercise,
    )


def unknown_fields(changed: DeliveryChanged, now: datetime) -> Fields:
    """Return the fields of the `ReviewRequested` of a report that DECIDE does not have, by its failed delivery."""
    failure = changed.reason or LIMIT_PASSED
    about = _unread(changed.report_id, changed.agency, changed.generation, failure)
    return _requested(changed.agency, now, about, person=changed.person or None, exercise=changed.exercise)


def unreadable_fields(report_id: str, generation: int, now: datetime) -> Fields:
    """Return the fields of the `ReviewRequested` of a report with a known id and nothing else.

    The report may be one to 999, so the review has the deadline of 999. `generation`: a sending without a review.
    """
    about = _unread(report_id, Agency.EMERGENCY_999, generation, PUT_ASIDE)
    return _requested(Agency.EMERGENCY_999, now, about, person=None)


def again(report: Report, now: datetime) -> Fields:
    """Return the fields of the report as its next sending: the same id and content, with a new limit."""
    return {**report.model_dump(), "generation": report.generation + 1, "again_at": now}


def stopped_fields(report: Report, why: StopReason, now: datetime) -> Fields:
    """Return the fields of the `ReportStopped` that ends the attempts of a report."""
    return {
        "report_id": report.report_id,
        "generation": report.generation,
        "agency": report.agency.value,
        "person": report.person,
        "why": why.value,
        "stopped_at": now,
    }


def _unread(report_id: str, agency: Agency, generation: int, failure: str) -> Fields:
    return {
        "report_id": report_id,
        "agency": agency.value,
        "generation": generation,
        "failure": failure,
        "clauses": [],
        "reported_at": None,
    }


def _requested(agency: Agency, now: datetime, about: Mapping[str, Any], **known: Any) -> Fields:
    return {
        "decision_id": None,
        "disclosure_id": None,
        "section": None,
        "exercise": False,
        **known,
        "review_id": undelivered_review_id(about["report_id"], about["generation"]),
        "requested_at": now,
        "reason": ReviewReason.UNDELIVERED.value,
        "deadline": now + review_wait(agency),
        "undelivered": dict(about),
    }
