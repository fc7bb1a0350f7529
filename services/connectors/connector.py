"""A connector: takes an agency's reports, sends them, and records every step before and after it is made.

    a report comes      → queued, its request and its limit kept    → effect: attempt, which waits for its slot
    ... before its key  → queued                                    → effect: compose the request
    composed            → the request kept                          → effect: attempt
    has its slot        → sent: the attempt recorded with its request, and made
    answered            → received and acknowledged, or failed, or  → timer: the next attempt
    timer due           →                                           → effect: attempt
    limit due           → failed, whatever its effect is doing      → 999: tried on; others: an attempt under way ends
    401, 403            → waits behind the breaker; 999: failed     → timer: the next attempt
    seen behind its limit → tried for half a minute, then failed
    staff stop it       → settled; an attempt under way may still be answered
    staff send it again → queued, as the next sending, with a limit of its own

Each row is one committed turn, so an attempt is on record before it is made. After a crash the state says what is
owed; an attempt whose outcome nobody knows is made again, under the same idempotency key, as the next attempt.

The limit is a timer of its own, counted from `reported_at`, or from when the report was sent again. After it a report
is failed and stays so through further attempts, until the agency acknowledges it (architecture: *Hand-over*).
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import assert_never

import structlog
from pydantic import ValidationError

from schemas.codec import decode
from schemas.errors import Invalid
from schemas.records import Report, ReportSection, ReportStopped
from schemas.vocabulary import Agency, DeliveryState
from services.connectors import deliveries
from services.connectors import report_progress as kept
from services.connectors.attempts import Attempts
from services.connectors.client import AgencyResponse
from services.connectors.composer import KEY_MISSING, CannotCompose, Composer
from services.connectors.deliveries import record_step
from services.connectors.effects import Answered, Attempt, Compose, Effect, Result
from services.connectors.limits import Limits
from services.connectors.report_progress import ReportProgress
from streams.domain.delivery import NOT_TAKEN, DeliveryEvent, Reading, RetryPolicy, advance, limit_reason, read_answer
from streams.runtime import Agent, Cause, PutAside, Record, Turn

#: The reason given for an attempt that a crash left without an outcome.
OUTCOME_UNKNOWN = "outcome_unknown"

_log = structlog.get_logger("confide.connectors")


class Connector(Agent[Report | ReportStopped, Effect, Result]):
    """One lane of one agency's connector; `partition` is where it hands over what it cannot read, None: by the person.

    Only there does DECIDE find the report.
    """

    unfinished = kept.PENDING

    def __init__(
        self,
        agency: Agency,
        composer: Composer,
        attempts: Attempts,
        policy: RetryPolicy,
        *,
        jitter: Callable[[], float],
        partition: int | None = None,
    ) -> None:
        self._agency = agency
        self._composer = composer
        self._attempts = attempts
        self._policy = policy
        self._jitter = jitter
        self._limits = Limits(agency, policy)
        self._partition = partition

    def decode(self, record: Record) -> Report | ReportStopped:
        """Return the report, or that one is stopped; raise `Invalid` for what is neither, or another agency's."""
        if record.value is None:
            raise Invalid.of("value", "is missing")
        name, fields = decode(record.value, "Report", "ReportStopped")
        try:
            report = (Report if name == "Report" else ReportStopped).model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None
        if report.agency is not self._agency:
            raise Invalid.of("agency", "is not the agency of this topic")
        return report

    def handle(self, batch: Sequence[tuple[Record, Report | ReportStopped]], turn: Turn) -> None:
        """Queue every report that was not seen before, and stop those that staff saw to.

        One that staff stopped further on in the batch, where it catches up, is neither tried nor handed over.
        """
        stops = {each.report_id: each.generation for _, each in batch if isinstance(each, ReportStopped)}
        for record, message in batch:
            if isinstance(message, ReportStopped):
                self._stop(turn, message)
            elif not kept.is_known(turn, message.report_id, message.generation):
                is_stopped = stops.get(message.report_id, 0) >= message.generation
                self._begin(turn, message, _in_this_turn(turn, Cause.of(record)), is_stopped=is_stopped)

    def _begin(self, turn: Turn, report: Report, cause: Cause, *, is_stopped: bool) -> None:
        before = kept.progress_of(turn, report.report_id)
        progress = ReportProgress.queued(cause, report.generation)
        if before is None:
            progress = progress.model_copy(update={"is_unsure": kept.was_unsure(turn, report.report_id)})
        else:
            progress = progress.following(before, turn.now)
            turn.unschedule(kept.retry_timer(report.report_id))
        kept.begin(turn, report, progress)
        record_step(turn, report, progress, cause)
        if is_stopped:
            # Its `ReportStopped` follows in this turn and settles it.
            return
        self._limits.watch(turn, report, progress)
        if before is not None and before.is_under_way:
            return
        request = kept.request_of(turn, report.report_id) or self._composer.compose_at_once(report)
        if isinstance(request, ReportSection):
            kept.keep_request(turn, report.report_id, request)
            self._attempt(turn, report, progress, request)
        else:
            turn.start(Compose(report), cause=cause)

    def _stop(self, turn: Turn, stopped: ReportStopped) -> None:
        """End the attempts of a report that staff saw to; one that is under way may still be answered."""
        progress = kept.progress_of(turn, stopped.report_id)
        if progress is None or progress.generation > stopped.generation:
            return
        turn.unschedule(kept.retry_timer(stopped.report_id))
        if progress.is_under_way:
            turn.unschedule(kept.limit_timer(stopped.report_id))
            kept.keep(turn, stopped.report_id, progress.model_copy(update={"is_stopped": True}))
        else:
            kept.settle(turn, kept.report_of(turn, stopped.report_id), DeliveryState.FAILED)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Hand a record that is no report of this agency, or on which the connector raised, to a human."""
        deliveries.hand_over_record(turn, record, invalid, self._agency)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        """Take up a report that is not settled."""
        report_id, progress = kept.pending(key, value)
        report, request = kept.report_of(turn, report_id), kept.request_of(turn, report_id)
        if progress.is_stopped:
            # Its attempt was cut off, and no other is made.
            kept.settle(turn, report, DeliveryState.FAILED)
            return
        is_late = self._limits.is_late(turn, report, progress)
        if is_late:
            self._limits.watch(turn, report, progress)
        if request is None:
            turn.start(Compose(report), cause=progress.cause)
        elif progress.retry_at is not None:
            # Its timer is there still, and is set to the same time, or the attempt waited for its slot. A clock that is
            # behind the one of the process before makes it wait for no longer than a wait is.
            longest = self._policy.wait(progress.attempt, 1.0, handed_over=progress.is_handed_over)
            at = turn.now if is_late else min(progress.retry_at, turn.now + longest)
            turn.schedule(kept.retry_timer(report_id), at, cause=progress.cause)
        elif not progress.is_under_way:
            self._attempt(turn, report, progress, request)
        elif self._limits.is_over(turn, report, progress):
            kept.settle(turn, report, progress.state)
        else:
            unknown = progress.model_copy(update={"reason": OUTCOME_UNKNOWN, "retry_at": turn.now, "is_unsure": True})
            kept.keep(turn, report_id, unknown)
            self._attempt(turn, report, unknown, request)

    def slot(self, effect: Effect) -> AbstractAsyncContextManager[None] | None:
        """Have an attempt wait for a slot of the endpoint."""
        return self._attempts.slot(effect) if isinstance(effect, Attempt) else None

    def starting(self, effect: Effect, turn: Turn, cause: Cause) -> bool:
        """Record an attempt that has its slot; leave it out where its report was handed over or stopped meanwhile."""
        progress = kept.progress_of(turn, effect.report_id)
        if not isinstance(effect, Attempt) or progress is None or progress.is_stopped:
            return False
        if effect.number != progress.attempt + 1:
            return False
        report = kept.report_of(turn, effect.report_id)
        # The slot was waited for behind the key, so one that is not at hand is absent.
        opened = self._composer.open_at_once(effect.request) or CannotCompose(KEY_MISSING)
        if isinstance(opened, CannotCompose):
            self._limits.give_up(turn, report, progress, opened.reason, cause)
            return False
        begun = progress.model_copy(
            update={
                "state": advance(progress.state, DeliveryEvent.ATTEMPTED),
                "attempt": effect.number,
                "retry_at": None,
            }
        )
        kept.keep(turn, effect.report_id, begun)
        record_step(turn, report, begun, begun.cause, request=effect.request)
        return True

    async def perform(self, effect: Effect) -> Result:
        """Compose or send; whatever the agency does is a result."""
        match effect:
            case Compose(report):
                return await self._composer.compose(report)
            case Attempt():
                return await self._attempts.make(effect)
            case _:
                assert_never(effect)

    def effect_done(self, effect: Effect, result: Result, turn: Turn, cause: Cause) -> None:
        """Record what came of it and what follows."""
        progress = kept.progress_of(turn, effect.report_id)
        if progress is None:
            # Its report was settled meanwhile: at its limit, or put aside.
            _log.warning("a result came for a settled report", agency=self._agency.value, report_id=effect.report_id)
            return
        report = kept.report_of(turn, effect.report_id)
        match result:
            case ReportSection():
                kept.keep_request(turn, report.report_id, result)
                self._attempt(turn, report, progress, result)
            case CannotCompose(reason):
                self._limits.give_up(turn, report, progress, reason, cause)
            case Answered(answer, span):
                self._read(turn, report, progress, answer, span)
            case _:
                assert_never(result)

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - the progress has it too
        """Make the next attempt of the report that the timer is named after, or hand it over at its limit."""
        report_id = kept.id_of(timer)
        progress = kept.progress_of(turn, report_id)
        if progress is None:
            return
        report = kept.report_of(turn, report_id)
        request = kept.request_of(turn, report_id)
        if kept.is_limit(timer):
            reason = KEY_MISSING if request is None else limit_reason(progress.reason)
            self._limits.passed(turn, report, progress, reason)
        elif progress.retry_at is not None:
            # Not so where a version that knew no timers had the lane since, and went on by itself.
            if request is None:
                raise LookupError(f"report {report_id} waits for a further attempt and has no request")
            self._attempt(turn, report, progress, request)

    def entry_of(self, work: bytes | Effect) -> bytes:
        """Return the key of the report as it came, of which a timer or an effect is a part."""
        return kept.entry_of(kept.id_of(work) if isinstance(work, bytes) else work.report_id)

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:
        """Hand the report of a timer, an effect or an entry on which the connector raised to a human."""
        name = work.entry if work.timer is None else work.timer
        report_id = work.effect.report_id if work.effect is not None else kept.id_of(name or b"")
        deliveries.hand_over_work(turn, work, report_id, self._agency, cause, self._partition)

    def _attempt(self, turn: Turn, report: Report, progress: ReportProgress, request: ReportSection) -> None:
        attempt = Attempt(
            report.report_id,
            progress.attempt + 1,
            request,
            progress.cause,
            self._limits.time_left(turn, report, progress),
            # Of this sending: the attempts of an earlier one called no human for it.
            is_first=progress.state is DeliveryState.QUEUED,
            is_possible_repeat=progress.is_unsure,
        )
        turn.start(attempt, cause=progress.cause)

    def _read(self, turn: Turn, report: Report, progress: ReportProgress, answer: AgencyResponse, cause: Cause) -> None:
        reading, reason = read_answer(answer.outcome)
        match reading:
            case Reading.ACKNOWLEDGED:
                received = _advanced(progress, DeliveryEvent.RECEIVED)
                record_step(turn, report, received, cause)
                acknowledged = _advanced(received, DeliveryEvent.ACKNOWLEDGED)
                record_step(turn, report, acknowledged, cause, reference=answer.reference)
                kept.settle(turn, report, acknowledged.state)
                self._limits.count(acknowledged.state)
            case _ if progress.is_stopped:
                kept.settle(turn, report, DeliveryState.FAILED)
                self._limits.count(DeliveryState.FAILED)
            case Reading.RETRY | Reading.DENIED if self._limits.is_over(turn, report, progress):
                kept.settle(turn, report, progress.state)
                self._limits.count(progress.state)
            case Reading.RETRY | Reading.DENIED:
                if reading is Reading.DENIED and self._policy.tries_on and not progress.is_handed_over:
                    # Nobody knows when the deployment is mended: a human is called at once.
                    progress = self._limits.hand_over(turn, report, progress, reason or OUTCOME_UNKNOWN, cause)
                    self._limits.watch(turn, report, progress)
                handed_over = progress.is_handed_over
                due = self._policy.next_attempt(turn.now, progress.attempt, self._jitter(), handed_over=handed_over)
                is_unsure = progress.is_unsure or reason not in NOT_TAKEN
                waiting = progress.model_copy(update={"retry_at": due, "reason": reason, "is_unsure": is_unsure})
                kept.keep(turn, report.report_id, waiting)
                self._limits.count(waiting.state)
                turn.schedule(kept.retry_timer(report.report_id), due, cause=progress.cause)
            case Reading.FAIL:
                is_unsure = progress.is_unsure or reason not in NOT_TAKEN
                known = progress.model_copy(update={"is_unsure": is_unsure})
                self._limits.give_up(turn, report, known, reason or OUTCOME_UNKNOWN, cause)
            case _:
                assert_never(reading)


def _advanced(progress: ReportProgress, event: DeliveryEvent) -> ReportProgress:
    return progress.model_copy(update={"state": advance(progress.state, event), "reason": None})


def _in_this_turn(turn: Turn, cause: Cause) -> Cause:
    # What follows in later turns belongs under the span of this one.
    context = cause.traceparent
    return cause if context is None else Cause(turn.contexts.get(context, context))
