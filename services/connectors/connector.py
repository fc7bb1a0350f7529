"""The connector of one agency: sends its reports and records every step before and after it is taken.

    a report arrives     → queued; report and limit stored           → effect: attempt, which waits for its slot
    ... of an exercise   → failed: a live agency never gets it
    ... without its key  → queued                                    → effect: compose the request
    request composed     → request stored                            → effect: attempt
    slot granted         → sent; the attempt recorded with its request, then made
    agency answered      → received and acknowledged, or failed, or  → timer: the next attempt
    retry timer due      →                                           → effect: attempt
    limit due            → failed                                    → 999: tried on; others: no new attempt, but the
                                                                       answer of the present one still counts
    401, 403             → waits behind the breaker; 999: failed     → timer: the next attempt
    first seen after its limit → tried for half a minute, then failed
    staff stop it        → finished; an attempt under way may still be answered
    staff send it again  → queued as the next sending, with its own limit

The runtime calls `slot`, `starting`, `perform` and `effect_done` in this order; `starting` and `effect_done` in a turn.
Each row is one committed turn, so an attempt is on record before it is made. After a crash the stored state gives the
work that is open. An attempt with an unknown outcome is made again as the next attempt, under the same idempotency key.

The limit is a separate timer, counted from `reported_at` or from the time at which the report was sent again. After it
the report is failed and stays failed through further attempts, until the agency acknowledges it (decision 0022).

The trip of one report, top-down: `handle` → `_begin` → the effect (`slot`, `starting`, `perform`, `effect_done`) →
`_record_outcome`; a wait ends with `due`. Then come `resume` after a restore and the hand-over to a human. The attempt
itself is in `attempts.py`; `limits.py` has the limits, `deliveries.py` the records, `resuming.py` the restart.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import assert_never

import structlog
from pydantic import ValidationError

from schemas.codec import decode_own
from schemas.errors import Invalid
from schemas.reports import Report, ReportSection, ReportStopped
from schemas.vocabulary import Agency, DeliveryState, PeerKind
from services.connectors import deliveries, report_store
from services.connectors.attempts import Attempts
from services.connectors.client import AgencyResponse
from services.connectors.composer import KEY_MISSING, CannotCompose, Composer
from services.connectors.deliveries import OUTCOME_UNKNOWN, record_step
from services.connectors.effects import Attempt, AttemptEnded, Compose, Effect, Result
from services.connectors.limits import Limits
from services.connectors.report_progress import ReportProgress
from services.connectors.resuming import resume_report
from streams.domain.delivery import NOT_TAKEN, DeliveryEvent, Meaning, RetryPolicy, advance, limit_reason, read_answer
from streams.domain.hand_over import EXERCISE
from streams.runtime import Agent, Origin, PutAside, Record, Turn

_log = structlog.get_logger("confide.connectors")


class Connector(Agent[Report | ReportStopped, Effect, Result]):
    """One lane of one agency's connector.

    `jitter` in [0, 1) spreads the waits. `partition` is that of the deliveries topic for reports that cannot be read:
    DECIDE finds the report only there. None: the partition follows from the person.
    """

    unfinished = report_store.PENDING

    def __init__(
        self,
        agency: Agency,
        composer: Composer,
        attempts: Attempts,
        policy: RetryPolicy,
        *,
        jitter: Callable[[], float],
        partition: int | None = None,
        kind: PeerKind = PeerKind.LIVE,
    ) -> None:
        self._kind = kind
        self._agency = agency
        self._composer = composer
        self._attempts = attempts
        self._policy = policy
        self._limits = Limits(agency, policy)
        self._jitter = jitter
        self._partition = partition

    def decode(self, record: Record) -> Report | ReportStopped:
        """Return the report or the stop of one; raise `Invalid` for other records and for those of another agency."""
        if record.value is None:
            raise Invalid.of("value", "is missing")
        name, fields = decode_own(record.value, "Report", "ReportStopped")
        try:
            message = (Report if name == "Report" else ReportStopped).model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None
        if message.agency is not self._agency:
            raise Invalid.of("agency", "is not the agency of this topic")
        return message

    def handle(self, batch: Sequence[tuple[Record, Report | ReportStopped]], turn: Turn) -> None:
        """Queue every report that was not seen before, and end the attempts of those that staff stopped.

        A report that staff stop later in the same batch, after an outage for example, is neither tried nor handed over.
        """
        stops = {message.report_id: message.generation for _, message in batch if isinstance(message, ReportStopped)}
        for record, message in batch:
            if isinstance(message, ReportStopped):
                self._stop(turn, message)
            elif not report_store.is_known(turn, message.report_id, message.generation):
                is_stopped = stops.get(message.report_id, 0) >= message.generation
                self._begin(turn, record, message, is_stopped=is_stopped)

    def _begin(self, turn: Turn, record: Record, report: Report, *, is_stopped: bool) -> None:
        origin = _in_this_turn(turn, Origin.of(record))
        before = report_store.progress_of(turn, report.report_id)
        progress = ReportProgress.queued(origin, record.arrived_at(report.limit_from), report.generation)
        if before is None:
            may_have_reached = report_store.may_have_reached(turn, report.report_id)
            progress = progress.model_copy(update={"has_unknown_attempt": may_have_reached})
        else:
            progress = progress.following(before, turn.now)
            turn.unschedule(report_store.retry_timer(report.report_id))
        report_store.add(turn, report, progress)
        record_step(turn, report, progress, origin)
        if self._keeps_back(report):
            self._keep_back(turn, report, progress, origin)
            return
        if is_stopped:
            # Its `ReportStopped` follows in this turn and finishes it.
            return
        self._limits.watch(turn, report, progress)
        if before is not None and before.is_under_way:
            return
        request = report_store.request_of(turn, report.report_id) or self._composer.compose_at_once(report)
        if isinstance(request, ReportSection):
            report_store.save_request(turn, report.report_id, request)
            self._attempt(turn, report, progress, request)
        else:
            turn.start(Compose(report), origin=origin)

    def _keeps_back(self, report: Report) -> bool:
        return report.exercise and self._kind is PeerKind.LIVE

    def _keep_back(self, turn: Turn, report: Report, progress: ReportProgress, origin: Origin) -> None:
        """Finish the report of an exercise as failed: a live agency never gets it."""
        if not progress.is_handed_over:
            failed = _advanced(progress, DeliveryEvent.GIVEN_UP).model_copy(update={"reason": EXERCISE})
            record_step(turn, report, failed, origin)
        turn.unschedule(report_store.retry_timer(report.report_id))
        report_store.finish(turn, report, DeliveryState.FAILED, may_have_reached=progress.has_unknown_attempt)

    def _attempt(self, turn: Turn, report: Report, progress: ReportProgress, request: ReportSection) -> None:
        attempt = Attempt(
            report.report_id,
            progress.attempt + 1,
            request,
            progress.origin,
            self._limits.time_left(turn, progress),
            # First of this sending: the attempts of an earlier sending called no human for it.
            is_first=progress.state is DeliveryState.QUEUED,
            is_possible_repeat=progress.has_unknown_attempt,
        )
        turn.start(attempt, origin=progress.origin)

    def slot(self, effect: Effect) -> AbstractAsyncContextManager[None] | None:
        """Return the slot of the endpoint that an attempt waits for; None for other effects."""
        return self._attempts.slot(effect) if isinstance(effect, Attempt) else None

    def starting(self, effect: Effect, turn: Turn, origin: Origin) -> bool:
        """Record an attempt that has its slot; return False if its report was handed over or stopped meanwhile."""
        progress = report_store.progress_of(turn, effect.report_id)
        if not isinstance(effect, Attempt) or progress is None or progress.is_stopped:
            return False
        if effect.number != progress.attempt + 1:
            return False
        report = report_store.report_of(turn, effect.report_id)
        if self._keeps_back(report):
            # The connector was simulated when it took the report.
            self._keep_back(turn, report, progress, origin)
            return False
        # The attempt waited for the key before its slot, so a key that is not at hand now is missing.
        opened = self._composer.open_at_once(effect.request) or CannotCompose(KEY_MISSING)
        if isinstance(opened, CannotCompose):
            self._limits.give_up(turn, report, progress, opened.reason, origin)
            return False
        begun = progress.model_copy(
            update={
                "state": advance(progress.state, DeliveryEvent.ATTEMPTED),
                "attempt": effect.number,
                "retry_at": None,
            }
        )
        report_store.save_progress(turn, effect.report_id, begun)
        record_step(turn, report, begun, begun.origin, request=effect.request)
        return True

    async def perform(self, effect: Effect) -> Result:
        """Compose the request or send it; every behaviour of the agency is a result, never an exception."""
        match effect:
            case Compose(report):
                return await self._composer.compose(report)
            case Attempt():
                return await self._attempts.make(effect)
            case _:
                assert_never(effect)

    def effect_done(self, effect: Effect, result: Result, turn: Turn, origin: Origin) -> None:
        """Record the result of an effect and start what follows."""
        progress = report_store.progress_of(turn, effect.report_id)
        if progress is None:
            # Its report finished meanwhile: at its limit, or its work was put aside.
            _log.warning("a result came for a finished report", agency=self._agency.value, report_id=effect.report_id)
            return
        report = report_store.report_of(turn, effect.report_id)
        match result:
            case ReportSection():
                report_store.save_request(turn, report.report_id, result)
                self._attempt(turn, report, progress, result)
            case CannotCompose(reason):
                self._limits.give_up(turn, report, progress, reason, origin)
            case AttemptEnded(response, span):
                self._record_outcome(turn, report, progress, response, span)
            case _:
                assert_never(result)

    def _record_outcome(
        self, turn: Turn, report: Report, progress: ReportProgress, response: AgencyResponse, origin: Origin
    ) -> None:
        """Record the outcome of an attempt; then finish the report, hand it over, or try it again."""
        meaning, reason = read_answer(response.outcome)
        match meaning:
            case Meaning.ACKNOWLEDGED:
                received = _advanced(progress, DeliveryEvent.RECEIVED)
                record_step(turn, report, received, origin)
                acknowledged = _advanced(received, DeliveryEvent.ACKNOWLEDGED)
                record_step(turn, report, acknowledged, origin, reference=response.reference)
                report_store.finish(turn, report, acknowledged.state)
                self._limits.count(acknowledged.state)
            case _ if progress.is_stopped:
                report_store.finish(turn, report, DeliveryState.FAILED)
                self._limits.count(DeliveryState.FAILED)
            case Meaning.RETRY | Meaning.DENIED if self._limits.is_over(turn, progress):
                report_store.finish(turn, report, progress.state)
                self._limits.count(progress.state)
            case Meaning.RETRY | Meaning.DENIED:
                if meaning is Meaning.DENIED and self._policy.tries_on and not progress.is_handed_over:
                    # When the deployment will be mended is unknown, so a human is called at once.
                    progress = self._limits.hand_over(turn, report, progress, reason or OUTCOME_UNKNOWN, origin)
                    self._limits.watch(turn, report, progress)
                handed_over = progress.is_handed_over
                due = self._policy.next_attempt(turn.now, progress.attempt, self._jitter(), handed_over=handed_over)
                is_unknown = progress.has_unknown_attempt or reason not in NOT_TAKEN
                waiting = progress.model_copy(
                    update={"retry_at": due, "reason": reason, "has_unknown_attempt": is_unknown}
                )
                report_store.save_progress(turn, report.report_id, waiting)
                self._limits.count(waiting.state)
                turn.schedule(report_store.retry_timer(report.report_id), due, origin=progress.origin)
            case Meaning.FAIL:
                is_unknown = progress.has_unknown_attempt or reason not in NOT_TAKEN
                known = progress.model_copy(update={"has_unknown_attempt": is_unknown})
                self._limits.give_up(turn, report, known, reason or OUTCOME_UNKNOWN, origin)
            case _:
                assert_never(meaning)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - the progress has it too
        """Make the next attempt of the report that the timer belongs to, or hand it over at its limit."""
        report_id = report_store.id_of(timer)
        progress = report_store.progress_of(turn, report_id)
        if progress is None:
            return
        report = report_store.report_of(turn, report_id)
        request = report_store.request_of(turn, report_id)
        if report_store.is_limit(timer):
            reason = KEY_MISSING if request is None else limit_reason(progress.reason)
            self._limits.passed(turn, report, progress, reason)
        elif progress.retry_at is not None:
            # None if an earlier version without timers has run the lane since, and made the attempt itself.
            if request is None:
                raise LookupError(f"report {report_id} waits for a further attempt and has no request")
            self._attempt(turn, report, progress, request)

    def _stop(self, turn: Turn, stopped: ReportStopped) -> None:
        """End the attempts of a report that staff stopped; an attempt that is under way may still be answered."""
        progress = report_store.progress_of(turn, stopped.report_id)
        if progress is None or progress.generation > stopped.generation:
            return
        turn.unschedule(report_store.retry_timer(stopped.report_id))
        if progress.is_under_way:
            turn.unschedule(report_store.limit_timer(stopped.report_id))
            report_store.save_progress(turn, stopped.report_id, progress.model_copy(update={"is_stopped": True}))
        else:
            report_store.finish(turn, report_store.report_of(turn, stopped.report_id), DeliveryState.FAILED)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Hand over to a human a record that is no report of this agency, or on which the connector raised."""
        deliveries.hand_over_record(turn, record, invalid, self._agency)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        """Resume a report that is not finished, after the lane's state was restored."""
        resume_report(key, value, turn, self._policy, self._limits, attempt=self._attempt)

    def entry_of(self, work: bytes | Effect) -> bytes:
        """Return the key of the entry of the report to which a timer or an effect belongs."""
        return report_store.report_key(report_store.id_of(work) if isinstance(work, bytes) else work.report_id)

    def put_aside(self, work: PutAside, turn: Turn, origin: Origin) -> None:
        """Hand over to a human the report of a timer, an effect or an entry on which the connector raised."""
        name = work.entry if work.timer is None else work.timer
        report_id = work.effect.report_id if work.effect is not None else report_store.id_of(name or b"")
        deliveries.hand_over_work(turn, work, report_id, self._agency, origin, self._partition)


def _advanced(progress: ReportProgress, event: DeliveryEvent) -> ReportProgress:
    return progress.model_copy(update={"state": advance(progress.state, event), "reason": None})


def _in_this_turn(turn: Turn, origin: Origin) -> Origin:
    # Later turns of the report belong under the span of this turn.
    traceparent = origin.traceparent
    return origin if traceparent is None else Origin(turn.contexts.get(traceparent, traceparent))
