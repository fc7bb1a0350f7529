"""A report that no agency acknowledged goes to a human (architecture, *Hand-over*): what is asked, and what follows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from schemas.records import DeliveryChanged, OpenReport, Report
from schemas.review_table import REVIEW_TABLE
from schemas.vocabulary import Agency, DeliveryState, ReviewReason, StopReason
from streams.domain.delivery import LIMIT_PASSED, RETRY_POLICIES
from streams.domain.ids import undelivered_review_id

Fields = dict[str, Any]

#: The failure given for a report whose limit's timer raised.
PUT_ASIDE = "put_aside"
#: What a report is once its agency has it, whatever the agency does then.
ACKNOWLEDGED = frozenset({DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN})


def limit_of(agency: Agency) -> timedelta:
    """Return how long a report may go without an acknowledgement before a human has it."""
    return RETRY_POLICIES[agency].limit


def limit_at(report: OpenReport, outage: float) -> datetime:
    """Return when a report is handed over; `outage`: seconds that its lane has been away in all, until now."""
    return report.limit_at + timedelta(seconds=max(0.0, outage - report.outage))


def review_wait(agency: Agency) -> timedelta:
    """Return how long the review of a report to that agency waits before the next person on duty is asked."""
    waits = REVIEW_TABLE[ReviewReason.UNDELIVERED].deadlines
    wait = waits.urgent if agency is Agency.EMERGENCY_999 else waits.other
    if wait is None:
        raise ValueError("the table of reviews gives an undelivered report no deadline")
    return wait


def undelivered_fields(report: Report, failure: str, now: datetime) -> Fields:
    """Return the fields of the `ReviewRequested` of a report that failed for that reason."""
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
    )


def unknown_fields(changed: DeliveryChanged, now: datetime) -> Fields:
    """Return the fields of the `ReviewRequested` of a report of which no more is known than that it failed."""
    failure = changed.reason or LIMIT_PASSED
    about = _unread(changed.report_id, changed.agency, changed.generation, failure)
    return _requested(changed.agency, now, about, person=changed.person or None)


def unreadable_fields(report_id: str, now: datetime) -> Fields:
    """Return the fields of the `ReviewRequested` of a report of which only the id is known.

    It may be one to 999, so it has that one's deadline.
    """
    about = _unread(report_id, Agency.EMERGENCY_999, 1, PUT_ASIDE)
    return _requested(Agency.EMERGENCY_999, now, about, person=None)


def again(report: Report, now: datetime) -> Fields:
    """Return the fields of the report as it is sent again: the same id and content, with a new limit."""
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
        **known,
        "review_id": undelivered_review_id(about["report_id"], about["generation"]),
        "requested_at": now,
        "reason": ReviewReason.UNDELIVERED.value,
        "deadline": now + review_wait(agency),
        "undelivered": dict(about),
    }
