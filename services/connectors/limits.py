"""A report's limit at its connector: a timer, what follows when it has passed, and how a report is handed over."""

from datetime import datetime, timedelta

import structlog
from opentelemetry import metrics

from schemas.records import Report
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import Agency, DeliveryState
from services.connectors import report_store
from services.connectors.deliveries import record_step
from services.connectors.report_progress import ReportProgress
from streams.domain.delivery import DeliveryEvent, RetryPolicy, advance
from streams.runtime import Cause, Turn

#: For how long a report is tried that its connector sees, or sees again, only behind its limit: long enough for one
#: attempt, with its key and its slot. Without it an outage would fail a report that can be delivered at once. DECIDE
#: counts for itself, so this delays no human.
FIRST_SIGHT = timedelta(seconds=30)

_log = structlog.get_logger("confide.connectors")
_attempts = metrics.get_meter("confide.connectors").create_counter(Metric.ATTEMPTS, unit="{attempt}")


class Limits:
    """The limits of one agency's reports."""

    def __init__(self, agency: Agency, policy: RetryPolicy) -> None:
        self._agency = agency
        self._policy = policy

    def watch(self, turn: Turn, report: Report, progress: ReportProgress, latest: datetime | None = None) -> None:
        """Set the timer of a report's limit; of one that is handed over, of when it is tried on no more.

        `latest`: it is due then at the latest.
        """
        if progress.is_handed_over:
            at = self._policy.ends_at(_counted_from(turn, report))
        else:
            at = turn.now + self.time_left(turn, report, progress)
        at = at if latest is None else min(at, latest)
        turn.schedule(report_store.limit_timer(report.report_id), at, cause=progress.cause)

    def time_left(self, turn: Turn, report: Report, progress: ReportProgress) -> timedelta:
        """Return how long it is to the limit of a report; negative where a human has it."""
        left = self._policy.limit_at(_counted_from(turn, report)) - turn.now
        return left if progress.is_handed_over or left > timedelta(0) else FIRST_SIGHT

    def is_late(self, turn: Turn, report: Report, progress: ReportProgress) -> bool:
        """Return whether the limit of a report has passed before it was handed over: its connector was away."""
        return not progress.is_handed_over and turn.now >= self._policy.limit_at(_counted_from(turn, report))

    def is_over(self, turn: Turn, report: Report, progress: ReportProgress) -> bool:
        """Return whether a report is handed over, and is not tried on either."""
        return progress.is_handed_over and turn.now >= self._policy.ends_at(_counted_from(turn, report))

    def passed(self, turn: Turn, report: Report, progress: ReportProgress, reason: str) -> None:
        """Hand a report over whose limit has passed, or end the time in which it was tried on after that.

        The timer has said that the time has passed. The clock is not asked: it may be behind the one of the process
        before.
        """
        if not progress.is_handed_over:
            progress = self.hand_over(turn, report, progress, reason, progress.cause)
            report_store.save_progress(turn, report.report_id, progress)
            if not self.is_over(turn, report, progress):
                self.watch(turn, report, progress, latest=turn.now + self._policy.tries_on)
                return
        if progress.is_under_way:
            # Its answer settles it: the agency may have taken it.
            report_store.save_progress(turn, report.report_id, progress.model_copy(update={"is_stopped": True}))
            return
        turn.unschedule(report_store.retry_timer(report.report_id))
        report_store.finish(turn, report, progress.state)

    def give_up(self, turn: Turn, report: Report, progress: ReportProgress, reason: str, cause: Cause) -> None:
        """Hand a report over for which no attempt can help, and settle it: no attempt of it is under way any more."""
        failed = self.hand_over(turn, report, progress, reason, cause)
        report_store.finish(turn, report, failed.state, is_unsure=progress.is_unsure)

    def hand_over(
        self, turn: Turn, report: Report, progress: ReportProgress, reason: str, cause: Cause
    ) -> ReportProgress:
        """Record that a human has the report now; return its progress, with the reason of its last attempt."""
        failed = progress.model_copy(update={"state": advance(progress.state, DeliveryEvent.GIVEN_UP)})
        record_step(turn, report, failed.model_copy(update={"reason": reason}), cause)
        self.count(failed.state)
        _log.error(
            "report failed, a human must act",
            agency=self._agency.value,
            report_id=report.report_id,
            attempt=progress.attempt,
            reason=reason,
        )
        return failed

    def count(self, state: DeliveryState) -> None:
        """Count an attempt by the state that it led to: sent is one that is made again, failed one that a human has."""
        _attempts.add(1, {Attribute.AGENCY: self._agency.value, Attribute.DELIVERY_STATE: state.value})


def _counted_from(turn: Turn, report: Report) -> datetime:
    """Return when a report's limit began; never later than now, whatever the clock of its writer said."""
    return min(report.limit_from, turn.now)
