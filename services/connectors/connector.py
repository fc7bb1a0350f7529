"""A connector: takes an agency's reports, tells the agency, and records every step before and after it is made.

    a report comes      → queued, attempt 1 recorded with the       → effect: attempt
                          request, kept in the lane's state
    ... before its key  → queued, kept in the lane's state          → effect: compose the request
    composed            → attempt 1 recorded, with the request      → effect: attempt
    answered            → received and acknowledged, or failed, or  → timer: the next attempt
    timer due           → the next attempt recorded                 → effect: attempt

Each arrow is one committed turn, so an attempt is on record before it is made. After a crash the state says what is
owed; an attempt whose outcome nobody knows is made again, under the same idempotency key, as the next attempt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from schemas import topics
from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.records import DeliveryChanged, Report, ReportSection
from schemas.telemetry import Attribute, Metric, Span
from schemas.vocabulary import Agency, DeliveryState
from services.connectors import standing as kept
from services.connectors.client import AgencyClient, Answer
from services.connectors.sealed import Composer, Unopenable
from services.connectors.standing import Standing
from streams.domain.delivery import (
    LIMIT_PASSED,
    DeliveryEvent,
    Failure,
    Reading,
    RetryPolicy,
    advance,
    read_answer,
)
from streams.runtime import Agent, Cause, Record, Turn
from streams.runtime.tracing import cause_of, context_of

#: The reason given for an attempt that a crash left without an outcome.
OUTCOME_UNKNOWN = "outcome_unknown"

_log = structlog.get_logger("confide.connectors")
_attempts = metrics.get_meter("confide.connectors").create_counter(Metric.ATTEMPTS, unit="{attempt}")


@dataclass(frozen=True, slots=True)
class Compose:
    """Make the request of a report."""

    report: Report


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send a request, for the `number`th time."""

    report_id: str
    number: int
    request: ReportSection
    cause: Cause


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of an attempt, and the span it was made in."""

    answer: Answer
    cause: Cause


Effect = Compose | Attempt
Result = ReportSection | Unopenable | Answered


class Connector(Agent[Report, Effect, Result]):
    """One lane of one agency's connector."""

    unfinished = kept.PENDING

    def __init__(
        self,
        agency: Agency,
        composer: Composer,
        client: AgencyClient,
        policy: RetryPolicy,
        *,
        jitter: Callable[[], float],
    ) -> None:
        self._agency = agency
        self._composer = composer
        self._client = client
        self._policy = policy
        self._jitter = jitter

    def decode(self, record: Record) -> Report:
        """Return the report; raise `Invalid` for what is none, or another agency's."""
        if record.value is None:
            raise Invalid.of("value", "is missing")
        _, fields = decode(record.value, "Report")
        try:
            report = Report.model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None
        if report.agency is not self._agency:
            raise Invalid.of("agency", "is not the agency of this topic")
        return report

    def handle(self, batch: Sequence[tuple[Record, Report]], turn: Turn) -> None:
        """Queue every report that was not seen before."""
        for record, report in batch:
            if kept.is_known(turn, report.report_id):
                continue
            cause = _in_this_turn(turn, Cause.of(record))
            standing = Standing.queued(turn.now, cause)
            kept.begin(turn, report, standing)
            _tell(turn, report, standing, cause)
            request = self._composer.compose_at_once(report)
            if isinstance(request, ReportSection):
                self._attempt_first(turn, report, standing, request)
            else:
                turn.start(Compose(report), cause=cause)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:
        """Take up a report that is not settled."""
        report_id, standing = kept.pending(key, value)
        request = kept.request_of(turn, report_id)
        if request is None:
            turn.start(Compose(kept.report_of(turn, report_id)), cause=standing.cause)
        elif standing.retry_at is None:
            unknown = standing.model_copy(update={"reason": OUTCOME_UNKNOWN})
            self._attempt(turn, kept.report_of(turn, report_id), unknown, request)

    async def perform(self, effect: Effect) -> Result:
        """Compose or send; whatever the agency does is a result."""
        match effect:
            case Compose(report):
                return await self._composer.compose(report)
            case Attempt():
                return await self._send(effect)
            case _:
                assert_never(effect)

    def settled(self, effect: Effect, result: Result, turn: Turn, cause: Cause) -> None:
        """Record what came of it and what follows."""
        report_id = effect.report.report_id if isinstance(effect, Compose) else effect.report_id
        report, standing = kept.report_of(turn, report_id), kept.standing_of(turn, report_id)
        match result:
            case ReportSection():
                self._attempt_first(turn, report, standing, result)
            case Unopenable(reason):
                self._give_up(turn, report, standing, reason, cause)
            case Answered(answer, span):
                self._read(turn, report, standing, answer, span)
            case _:
                assert_never(result)

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - the standing has it too
        """Make the next attempt of the report that the timer is named after."""
        report_id = timer.decode()
        standing = kept.waiting_of(turn, report_id)
        if standing is None:
            # A version that knew no timers had the lane since this one was set, and went on by itself.
            return
        request = kept.request_of(turn, report_id)
        if request is None:
            raise LookupError(f"report {report_id} waits for a further attempt and has no request")
        self._attempt(turn, kept.report_of(turn, report_id), standing, request)

    def _attempt_first(self, turn: Turn, report: Report, standing: Standing, request: ReportSection) -> None:
        kept.keep_request(turn, report.report_id, request)
        self._attempt(turn, report, standing, request)

    def _attempt(self, turn: Turn, report: Report, standing: Standing, request: ReportSection) -> None:
        after = standing.model_copy(
            update={
                "state": advance(standing.state, DeliveryEvent.ATTEMPTED),
                "attempt": standing.attempt + 1,
                "retry_at": None,
            }
        )
        kept.keep(turn, report.report_id, after)
        _tell(turn, report, after, after.cause, request=request)
        turn.start(Attempt(report.report_id, after.attempt, request, after.cause), cause=after.cause)

    async def _send(self, attempt: Attempt) -> Answered | Unopenable:
        body = await self._composer.open(attempt.request)
        if isinstance(body, Unopenable):
            return body
        with trace.get_tracer("confide.connectors").start_as_current_span(
            Span.AGENCY_ATTEMPT,
            context=context_of(attempt.cause),
            kind=SpanKind.CLIENT,
            attributes={
                Attribute.AGENCY: self._agency.value,
                Attribute.REPORT_ID: attempt.report_id,
                Attribute.ATTEMPT: attempt.number,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            within = cause_of(span, attempt.cause)
            answer = await self._client.post(
                body, report_id=attempt.report_id, attempt=attempt.number, traceparent=within.traceparent
            )
            outcome = answer.outcome
            name = Attribute.ERROR if isinstance(outcome, Failure) else Attribute.HTTP_STATUS
            span.set_attribute(name, outcome)
            reading, _ = read_answer(outcome)
            if reading is not Reading.ACKNOWLEDGED:
                span.set_status(StatusCode.ERROR)
            return Answered(answer, within)

    def _read(self, turn: Turn, report: Report, standing: Standing, answer: Answer, cause: Cause) -> None:
        reading, reason = read_answer(answer.outcome)
        match reading:
            case Reading.ACKNOWLEDGED:
                received = _advanced(standing, DeliveryEvent.RECEIVED)
                _tell(turn, report, received, cause)
                acknowledged = _advanced(received, DeliveryEvent.ACKNOWLEDGED)
                _tell(turn, report, acknowledged, cause, reference=answer.reference)
                kept.settle(turn, report, acknowledged.state)
                self._count(acknowledged.state)
            case Reading.RETRY:
                due = self._policy.next_attempt(standing.queued_at, turn.now, standing.attempt, self._jitter())
                if due is None:
                    self._give_up(turn, report, standing, f"{LIMIT_PASSED}_after_{reason}", cause)
                    return
                waiting = standing.model_copy(update={"retry_at": due, "reason": reason})
                kept.keep(turn, report.report_id, waiting)
                self._count(waiting.state)
                turn.schedule(report.report_id.encode(), due, cause=standing.cause)
            case Reading.FAIL:
                self._give_up(turn, report, standing, reason or OUTCOME_UNKNOWN, cause)
            case _:
                assert_never(reading)

    def _give_up(self, turn: Turn, report: Report, standing: Standing, reason: str, cause: Cause) -> None:
        failed = _advanced(standing, DeliveryEvent.GIVEN_UP).model_copy(update={"reason": reason})
        _tell(turn, report, failed, cause)
        kept.settle(turn, report, failed.state)
        self._count(failed.state)
        _log.error(
            "report handed to a human",
            agency=self._agency.value,
            report_id=report.report_id,
            attempt=standing.attempt,
            reason=reason,
        )

    def _count(self, state: DeliveryState) -> None:
        # By the state that an attempt led to: sent is one that is made again, failed one handed to a human.
        _attempts.add(1, {Attribute.AGENCY: self._agency.value, Attribute.DELIVERY_STATE: state.value})


def _advanced(standing: Standing, event: DeliveryEvent) -> Standing:
    return standing.model_copy(update={"state": advance(standing.state, event), "reason": None})


def _in_this_turn(turn: Turn, cause: Cause) -> Cause:
    # What follows in later turns belongs under the span of this one.
    context = cause.traceparent
    return cause if context is None else Cause(turn.contexts.get(context, context))


def _tell(
    turn: Turn,
    report: Report,
    standing: Standing,
    cause: Cause,
    *,
    reference: str | None = None,
    request: ReportSection | None = None,
) -> None:
    changed = DeliveryChanged(
        report_id=report.report_id,
        agency=report.agency,
        person=report.person,
        state=standing.state,
        attempt=standing.attempt,
        changed_at=turn.now,
        reference=reference,
        reason=standing.reason if standing.state in (DeliveryState.SENT, DeliveryState.FAILED) else None,
        request=request,
    )
    value = encode("DeliveryChanged", changed.model_dump())
    turn.send(topics.TopicName.DELIVERIES, report.person.encode(), value, cause=cause)
