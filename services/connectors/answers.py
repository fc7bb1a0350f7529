"""Answers of the agency: what the outcome of one attempt makes of its report."""

from collections.abc import Callable
from typing import assert_never

from schemas.records import Report
from schemas.vocabulary import DeliveryState
from services.connectors import report_store
from services.connectors.client import AgencyResponse
from services.connectors.deliveries import record_step
from services.connectors.limits import Limits
from services.connectors.report_progress import ReportProgress
from streams.domain.delivery import NOT_TAKEN, DeliveryEvent, Reading, RetryPolicy, advance, read_answer
from streams.runtime import Cause, Turn

#: The reason of an attempt whose outcome is unknown after a crash; also if an answer has no reason.
OUTCOME_UNKNOWN = "outcome_unknown"


class Answers:
    """Handles the outcomes of one agency's attempts; `jitter` in [0, 1) spreads the waits."""

    def __init__(self, policy: RetryPolicy, limits: Limits, jitter: Callable[[], float]) -> None:
        self._policy = policy
        self._limits = limits
        self._jitter = jitter

    def record_outcome(
        self, turn: Turn, report: Report, progress: ReportProgress, response: AgencyResponse, cause: Cause
    ) -> None:
        """Record the outcome of an attempt and what follows from it: finished, handed over, or tried again."""
        reading, reason = read_answer(response.outcome)
        match reading:
            case Reading.ACKNOWLEDGED:
                received = _advanced(progress, DeliveryEvent.RECEIVED)
                record_step(turn, report, received, cause)
                acknowledged = _advanced(received, DeliveryEvent.ACKNOWLEDGED)
                record_step(turn, report, acknowledged, cause, reference=response.reference)
                report_store.finish(turn, report, acknowledged.state)
                self._limits.count(acknowledged.state)
            case _ if progress.is_stopped:
                report_store.finish(turn, report, DeliveryState.FAILED)
                self._limits.count(DeliveryState.FAILED)
            case Reading.RETRY | Reading.DENIED if self._limits.is_over(turn, report, progress):
                report_store.finish(turn, report, progress.state)
                self._limits.count(progress.state)
            case Reading.RETRY | Reading.DENIED:
                if reading is Reading.DENIED and self._policy.tries_on and not progress.is_handed_over:
                    # When the deployment will be mended is unknown, so a human is called at once.
                    progress = self._limits.hand_over(turn, report, progress, reason or OUTCOME_UNKNOWN, cause)
                    self._limits.watch(turn, report, progress)
                handed_over = progress.is_handed_over
                due = self._policy.next_attempt(turn.now, progress.attempt, self._jitter(), handed_over=handed_over)
                is_unsure = progress.is_unsure or reason not in NOT_TAKEN
                waiting = progress.model_copy(update={"retry_at": due, "reason": reason, "is_unsure": is_unsure})
                report_store.save_progress(turn, report.report_id, waiting)
                self._limits.count(waiting.state)
                turn.schedule(report_store.retry_timer(report.report_id), due, cause=progress.cause)
            case Reading.FAIL:
                is_unsure = progress.is_unsure or reason not in NOT_TAKEN
                known = progress.model_copy(update={"is_unsure": is_unsure})
                self._limits.give_up(turn, report, known, reason or OUTCOME_UNKNOWN, cause)
            case _:
                assert_never(reading)


def _advanced(progress: ReportProgress, event: DeliveryEvent) -> ReportProgress:
    return progress.model_copy(update={"state": advance(progress.state, event), "reason": None})
