"""Handles one POST: read, validate, publish, respond.

The SDK publishes: `topic_of` chooses the urgent or the routine topic by the facts of the disclosure, and the producer
answers once Kafka has it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.requests import ClientDisconnect

from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, parse_json
from schemas.errors import Invalid, KafkaUnavailable
from schemas.telemetry import Attribute
from schemas.telemetry import Span as SpanName
from schemas.trace_context import TRACEPARENT, parent_from_request, traceparent_of
from schemas.vocabulary import Service
from services.gateway.body import Body, read_body
from services.gateway.document import Accepted, FieldProblem, NotNow, ValidationErrors
from services.sdk.addressing import topic_of
from services.sdk.producer import Acknowledged, too_large

#: Value of `Retry-After` in a 503, in seconds.
RETRY_AFTER = 5
#: How many requests may wait for Kafka at once, and how long another waits to be one of them (seconds).
_WAITING = 64
_WAIT_SECONDS = 5.0
_SOURCE = "gateway"
T = TypeVar("T")


class Publisher(Protocol):
    """The part of the producer SDK that the gateway uses; its calls block."""

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        """Publish the disclosure and return its acknowledgement."""

    def reject(
        self, raw: bytes, invalid: Invalid, service: Service | None, source: str, traceparent: bytes | None = None
    ) -> Acknowledged | None:
        """Write rejected bytes to their `.rejected` topic; return None if they are too large for it."""

    def ready(self) -> bool:
        """Return whether Kafka answers and has the topics."""


class RequestHandler:
    """Handles the requests of the gateway, many at once."""

    def __init__(self, producer: Publisher) -> None:
        self._producer = producer
        self._threads = ThreadPoolExecutor(_WAITING, thread_name_prefix="confide-gateway")
        self._free = asyncio.Semaphore(_WAITING)

    async def respond(self, request: Request) -> Response:
        """Respond to `POST /v1/disclosures`, in the trace of the request."""
        with trace.get_tracer("confide.gateway").start_as_current_span(
            SpanName.GATEWAY,
            context=parent_from_request(request.headers.get(TRACEPARENT)),
            kind=SpanKind.SERVER,
            # An exception's text may quote what a person wrote.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                response = await self._handle(request, traceparent_of(span))
            except (KafkaUnavailable, asyncio.CancelledError):
                # At the end of a stop the server cancels open requests: whether Kafka has the record is unknown.
                response = not_now()
            except TimeoutError:
                response = _refuse(408, Invalid.of("body", "did not come in time"))
            except ClientDisconnect:
                # The sender has disconnected and does not read this.
                response = _refuse(400, Invalid.of("body", "was cut off"))
            span.set_attribute(Attribute.HTTP_STATUS, response.status_code)
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            return response

    async def _handle(self, request: Request, traceparent: bytes | None) -> Response:
        body = await read_body(request)
        if not body.whole or len(body.raw) > MAX_DISCLOSURE_BYTES:
            return await self._reject(413, body, too_large(), traceparent)
        try:
            # The Content-Type is not checked: an emergency that can be read is not refused for a header.
            disclosure = parse_json(body.raw)
            await self._publish(disclosure)
        except Invalid as invalid:
            return await self._reject(422, body, invalid, traceparent)
        accepted = Accepted(disclosure_id=disclosure.disclosure_id)
        return JSONResponse(accepted.model_dump(), status_code=202)

    async def _publish(self, disclosure: Disclosure) -> None:
        with trace.get_tracer("confide.gateway").start_as_current_span(
            SpanName.PUBLISH,
            kind=SpanKind.PRODUCER,
            attributes={Attribute.TOPIC: str(topic_of(disclosure))},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            await self._in_thread(partial(self._producer.publish, disclosure, traceparent_of(span)))

    async def _reject(self, status: int, body: Body, invalid: Invalid, traceparent: bytes | None) -> Response:
        if body.whole:
            # Respond only after the original is stored: a malformed disclosure may be about a person in danger.
            await self._in_thread(
                partial(self._producer.reject, body.raw, invalid, None, _SOURCE, traceparent),
            )
        return _refuse(status, invalid)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        """Return the result of the call; raise `KafkaUnavailable` if no thread is free in time.

        Without this limit, requests whose senders have disconnected would be handled before those that still wait.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise KafkaUnavailable("too many requests wait for Kafka") from None
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._free.release()

    async def is_ready(self) -> bool:
        """Return whether Kafka answers and has the topics."""
        try:
            return await self._in_thread(self._producer.ready)
        except KafkaUnavailable:
            return False


def not_now() -> Response:
    """Return the 503 response for a Kafka that does not acknowledge."""
    return JSONResponse(NotNow().model_dump(), status_code=503, headers={"Retry-After": str(RETRY_AFTER)})


def _refuse(status: int, invalid: Invalid) -> Response:
    problems = [FieldProblem(field=problem.field, reason=problem.reason) for problem in invalid.problems]
    return JSONResponse(ValidationErrors(errors=problems).model_dump(), status_code=status)
