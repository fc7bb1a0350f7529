"""One attempt: slot of the endpoint, request, span, and the notes for the breaker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from schemas.telemetry import Attribute, Span
from schemas.vocabulary import Agency
from services.connectors.client import AgencyClient
from services.connectors.composer import CannotCompose, Composer
from services.connectors.effects import Attempt, AttemptEnded
from services.connectors.endpoint import Endpoint
from streams.domain.delivery import UNANSWERED, Failure, Meaning, read_answer
from streams.runtime.lane.tracing import context_of, origin_of


class Attempts:
    """Makes the attempts of one agency's connector; all its lanes share the client and the endpoint."""

    def __init__(self, agency: Agency, composer: Composer, client: AgencyClient, endpoint: Endpoint) -> None:
        self._agency = agency
        self._composer = composer
        self._client = client
        self._endpoint = endpoint

    @asynccontextmanager
    async def slot(self, attempt: Attempt) -> AsyncIterator[None]:
        """Wait for the slot of an attempt and hold it while the context is open."""
        # Wait for a missing key before the slot, so that another report can use the slot meanwhile.
        await self._composer.open(attempt.request)
        async with self._endpoint.slot(attempt.report_id, attempt.time_left, is_first=attempt.is_first):
            yield

    async def make(self, attempt: Attempt) -> AttemptEnded | CannotCompose:
        """Send the request, whose slot is held, and return how the attempt ended."""
        body = await self._composer.open(attempt.request)
        if isinstance(body, CannotCompose):
            return body
        with trace.get_tracer("confide.connectors").start_as_current_span(
            Span.AGENCY_ATTEMPT,
            context=context_of(attempt.origin),
            kind=SpanKind.CLIENT,
            attributes={
                Attribute.AGENCY: self._agency.value,
                Attribute.REPORT_ID: attempt.report_id,
                Attribute.ATTEMPT: attempt.number,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            within = origin_of(span, attempt.origin)
            response = await self._client.post(
                body,
                report_id=attempt.report_id,
                attempt=attempt.number,
                is_possible_repeat=attempt.is_possible_repeat,
                traceparent=within.traceparent,
            )
            outcome = response.outcome
            meaning, _ = read_answer(outcome)
            if outcome in UNANSWERED:
                self._endpoint.unanswered(attempt.report_id)
            elif meaning is Meaning.DENIED:
                self._endpoint.denied(attempt.report_id)
            elif outcome is Failure.CLIENT_ERROR:
                self._endpoint.failed()
            else:
                self._endpoint.answered(is_taken=meaning is Meaning.ACKNOWLEDGED)
            name = Attribute.ERROR if isinstance(outcome, Failure) else Attribute.HTTP_STATUS
            span.set_attribute(name, outcome)
            if meaning is not Meaning.ACKNOWLEDGED:
                span.set_status(StatusCode.ERROR)
            return AttemptEnded(response, within)
