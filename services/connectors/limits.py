"""Limit of a report at its connector: its timer, the end of the limit, and the hand-over to a human."""

from datetime import datetime, timedelta

import structlog
from opentelemetry import metrics

from schemas.reports import Report
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import Agency, DeliveryState
from services.connectors import report_store
from services.connectors.deliveries import record_step
from services.connectors.report_progress import ReportProgress
from streams.domain.delivery import DeliveryEvent, RetryPolicy, advance
from streams.runtime import Origin, Turn

#: How long a report is tried if its connector first sees it, or resumes it, after its limit: long enough for one
#: attempt with its key and its slot. Without this an outage would fail a report that can be delivered at once. DECIDE
#: counts the limit separately, so this delays no human.
FIRST_SIGHT = timedelta(seconds=30)

_log = structlog.get_logger("confide.connectors")
_attempts = metrics.get_meter("confide.connectors").create_counter(Metric.ATTEMPTS, unit="{attempt}")


class Limits:
    """The limits of one agency's reports."""

    def __init__(self, agency: Agency, policy: RetryPolicy) -> None:
        self._agency = agency
        self._policy = policy

    def watch(self, turn: Turn, report: Report, progress: ReportProgress, latest: datetime | None = None) -> None:
        """Set the timer of a report's limit; for a report that is handed over, of the end of its further attempts.

        `latest`: the timer is due at this time at the latest.
        """
        if progress.is_handed_over:
            at = self._policy.ends_at(_counted_from(turn, progress))
        else:
            at = turn.now + self.time_left(turn, progress)
        at = at if latest is None else min(at, latest)
        turn.schedule(report_store.limit_timer(report.report_id), at, origin=progress.origin)

    def time_left(self, turn: Turn, progress: ReportProgress) -> timedelta:
        """Return the time until the limit of a report; negative only if a human has the report."""
        left = self._policy.limit_at(_counted_from(turn, progress)) - turn.now
        return left if progress.is_handed_over or left > timedelta(0) else FIRST_SIGHT

    def is_late(self, turn: Turn, progress: ReportProgress) -> bool:
        """Return whether the limit has passed without a hand-over: the connector was not running."""
        return not progress.is_handed_over and turn.now >= self._policy.limit_at(_counted_from(turn, progress))

    def is_over(self, turn: Turn, progress: ReportProgress) -> bool:
        """Return whether a report is handed over and the time of its further attempts is over."""
        return progress.is_handed_over and turn.now >= self._policy.ends_at(_counted_from(turn, progress))

    def passed(self, turn: Turn, report: Report, progress: ReportProgress, reason: str) -> None:
        """Hand over a report whose limit has passed, or end the further attempts of one that is handed over.

        The timer alone decides that the time has passed. The clock does not: it may be behind the clock of the previous
        process.
        """
        if not progress.is_handed_over:
            progress = self.hand_over(turn, report, progress, reason, progress.origin)
            report_store.save_progress(turn, report.report_id, progress)
            if not self.is_over(turn, progress):
                self.watch(turn, report, progress, latest=turn.now + self._policy.tries_on)
                return
        if progress.is_under_way:
            # The answer will finish the report: the agency may have accepted it.
            report_store.save_progress(turn, report.report_id, progress.model_copy(update={"is_stopped": True}))
            return
        turn.unschedule(report_store.retry_timer(report.report_id))
        report_store.finish(turn, report, progress.state)

    def give_up(self, turn: Turn, report: Report, progress: ReportProgress, reason: str, origin: Origin) -> None:
        """Hand a report over to a human and finish it: no further attempt can help, and no attempt is under way."""
        failed = self.hand_over(turn, report, progress, reason, origin)
        report_store.finish(turn, report, failed.state, may_have_reached=progress.has_unknown_attempt)

    def hand_over(
        self, turn: Turn, report: Report, progress: ReportProgress, reason: str, origin: Origin
    ) -> ReportProgress:
        """Record that a human has the report, for `reason`; return its progress with the last attempt's reason."""
        failed = progress.model_copy(update={"state": advance(progress.state, DeliveryEvent.GIVEN_UP)})
        record_step(turn, report, failed.model_copy(update={"reason": reason}), origin)
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
        """Count an attempt by the resulting state: `sent` if it is made again, `failed` if a human has the report."""
        _attempts.add(1, {Attribute.AGENCY: self._agency.value, Attribute.DELIVERY_STATE: state.value})


def _counted_from(turn: Turn, progress: ReportProgress) -> datetime:
    """Return the start of a report's limit; never later than now, because the broker's clock may be ahead."""
    return min(progress.counted_from, turn.now)
