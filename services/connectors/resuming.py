"""Resumes an unfinished report after a restart: its stored state shows which work is open."""

from collections.abc import Callable

from schemas.reports import Report, ReportSection
from schemas.vocabulary import DeliveryState
from services.connectors import report_store
from services.connectors.deliveries import OUTCOME_UNKNOWN
from services.connectors.effects import Compose
from services.connectors.limits import Limits
from services.connectors.report_progress import ReportProgress
from streams.domain.delivery import RetryPolicy
from streams.runtime import Turn

#: Starts the next attempt of a report.
StartAttempt = Callable[[Turn, Report, ReportProgress, ReportSection], None]


def resume_report(
    key: bytes, value: bytes, turn: Turn, policy: RetryPolicy, limits: Limits, *, attempt: StartAttempt
) -> None:
    """Start the work that is open for a report; `key` and `value` are its pending entry in the lane's state."""
    report_id, progress = report_store.read_pending(key, value)
    report, request = report_store.report_of(turn, report_id), report_store.request_of(turn, report_id)
    if progress.is_stopped:
        # Its attempt was cut off, and no other is made.
        report_store.finish(turn, report, DeliveryState.FAILED)
        return
    is_late = limits.is_late(turn, progress)
    if is_late:
        limits.watch(turn, report, progress)
    if request is None:
        turn.start(Compose(report), origin=progress.origin)
    elif progress.retry_at is not None:
        # Its timer is still set to the same time, or the attempt was waiting for its slot. A clock behind that of
        # the previous process must not make it wait longer than the longest wait.
        longest = policy.wait(progress.attempt, 1.0, handed_over=progress.is_handed_over)
        at = turn.now if is_late else min(progress.retry_at, turn.now + longest)
        turn.schedule(report_store.retry_timer(report_id), at, origin=progress.origin)
    elif not progress.is_under_way:
        attempt(turn, report, progress, request)
    elif limits.is_over(turn, progress):
        report_store.finish(turn, report, progress.state)
    else:
        unknown = progress.model_copy(
            update={"reason": OUTCOME_UNKNOWN, "retry_at": turn.now, "has_unknown_attempt": True}
        )
        report_store.save_progress(turn, report_id, unknown)
        attempt(turn, report, unknown, request)
