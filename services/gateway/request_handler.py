"""Handles one POST: who calls, read, validate, publish, respond.

The SDK publishes: `topic_of` chooses the urgent or the routine topic by the facts of the disclosure, and the producer
answers once Kafka has it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeVar, assert_never

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from schemas.disclosure import Disclosure, parse_json, too_large
from schemas.errors import Invalid, KafkaUnavailable
from schemas.rejection import cut_off
from schemas.telemetry import Attribute
from schemas.telemetry import Span as SpanName
from schemas.trace_context import TRACEPARENT, parent_from_request, traceparent_of
from services.credentials import Caller, CannotCheck, CredentialError, MissingCredential, WrongCredential
from services.gateway.body import Body, Cut, read_body
from services.gateway.document import Accepted
from services.gateway.door import Door
from services.gateway.hosts import WrongHost
from services.gateway.large_bodies import LargeBodies, TooManyBodies
from services.gateway.problems import RETRY_AFTER, not_now, refuse, refuse_invalid
from services.gateway.rate import RateLimit
from services.sdk.addressing import topic_of
from services.sdk.producer import Acknowledged
from services.sdk.refused import Refused

#: How many requests may wait for Kafka at once, and how long another waits to be one of them (seconds).
_WAITING = 64
_WAIT_SECONDS = 5.0
#: A body up to this size is validated at once (bytes), a larger one apart (`large_bodies.py`), so that a small one is
#: not late because of it.
_SMALL_BODY = 16 * 1024
#: How old the answer to `/readyz` may be (seconds).
_READY_SECONDS = 1.0
_SOURCE = "gateway"
T = TypeVar("T")


class Publisher(Protocol):
    """The part of the producer SDK that the gateway uses; its calls block."""

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        """Publish the disclosure and return its acknowledgement."""

    def reject(self, refused: Refused, traceparent: bytes | None = None) -> Acknowledged | None:
        """Write refused bytes where a person or an operator finds them."""

    def ready(self) -> bool:
        """Return whether Kafka answers and has the topics."""


class RequestHandler:
    """Handles the requests of the gateway, many at once."""

    def __init__(self, producer: Publisher, door: Door, rate: RateLimit, large_bodies: LargeBodies) -> None:
        self._producer = producer
        self._door = door
        self._rate = rate
        self._asking = ThreadPoolExecutor(1, thread_name_prefix="confide-readiness")
        self._readiness: asyncio.Future[bool] | None = None
        self._asked_at = float("-inf")
        self._large_bodies = large_bodies
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
            except TooManyBodies as error:
                response = refuse(429, str(error), {"Retry-After": str(RETRY_AFTER)})
            except WrongHost as error:
                response = refuse(421, str(error))
            except MissingCredential as error:
                # RFC 6750, section 3.1: no error code for a request that has no credential.
                response = refuse(401, str(error), {"WWW-Authenticate": "Bearer"})
            except WrongCredential as error:
                response = refuse(401, str(error), {"WWW-Authenticate": 'Bearer error="invalid_token"'})
            except CannotCheck as error:
                response = refuse(503, str(error), {"Retry-After": str(RETRY_AFTER)})
            except CredentialError as error:
                response = refuse(403, str(error))
            span.set_attribute(Attribute.HTTP_STATUS, response.status_code)
            if response.status_code >= 500:
                span.set_status(StatusCode.ERROR)
            return response

    async def _handle(self, request: Request, traceparent: bytes | None) -> Response:
        # Before the body is read: nothing is kept of a request that proves no service.
        caller = await self._door.caller(request.headers)
        if caller is not None and not self._rate.take(caller.credential):
            return refuse(429, "more requests than the limit of this credential", {"Retry-After": str(RETRY_AFTER)})
        body = await read_body(request)
        if body.cut is not None:
            return await self._refuse_cut(body, body.cut, caller, traceparent)
        try:
            # The Content-Type is not checked: an emergency that can be read is not refused for a header.
            disclosure = _of_caller(await self._validated(body.raw, caller), caller)
            await self._publish(disclosure)
        except Invalid as invalid:
            status = 413 if invalid.problems == too_large().problems else 422
            await self._keep(body, invalid, caller, traceparent)
            return refuse_invalid(status, invalid)
        accepted = Accepted(disclosure_id=disclosure.disclosure_id)
        return JSONResponse(accepted.model_dump(), status_code=202)

    async def _validated(self, raw: bytes, caller: Caller | None) -> Disclosure:
        """Return the disclosure; raise `Invalid` for one that cannot be understood."""
        if len(raw) <= _SMALL_BODY:
            return parse_json(raw)
        return await self._large_bodies.validated(raw, "" if caller is None else caller.credential)

    async def _publish(self, disclosure: Disclosure) -> None:
        with trace.get_tracer("confide.gateway").start_as_current_span(
            SpanName.PUBLISH,
            kind=SpanKind.PRODUCER,
            attributes={Attribute.TOPIC: str(topic_of(disclosure))},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            await self._in_thread(partial(self._producer.publish, disclosure, traceparent_of(span)))

    async def _refuse_cut(self, body: Body, cut: Cut, caller: Caller | None, traceparent: bytes | None) -> Response:
        """Keep the part that came, and refuse the request.

        The sender may never send it again. Such a request counts in the rate of its credential, as any other.
        """
        invalid = too_large() if cut is Cut.TOO_LARGE else cut_off()
        if body.raw.strip():
            await self._keep(body, invalid, caller, traceparent)
        match cut:
            case Cut.TOO_LARGE:
                return refuse_invalid(413, invalid)
            case Cut.TOO_SLOW:
                return refuse(408, "the body did not come in time")
            case Cut.DISCONNECTED:
                # The sender has disconnected and does not read this.
                return refuse(400, "the body was cut off")
            case _:
                assert_never(cut)

    async def _keep(self, body: Body, invalid: Invalid, caller: Caller | None, traceparent: bytes | None) -> None:
        """Store the original; the response comes after that: it may be about a person in danger."""
        refused = Refused(
            body.raw,
            invalid,
            _SOURCE,
            service=None if caller is None else caller.service,
            is_proven=caller is not None,
            exercise=caller is not None and caller.exercise,
            is_whole=body.cut is None,
            length=body.length,
        )
        await self._in_thread(partial(self._producer.reject, refused, traceparent))

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
        """Return whether a request finds a thread, and Kafka answers and has the topics, as of a second ago at most.

        Asked in a thread of its own, and once for all who ask meanwhile: this needs no credential, and must not take a
        place of disclosures.
        """
        if self._free.locked():
            return False
        loop = asyncio.get_running_loop()
        if self._readiness is None or (self._readiness.done() and loop.time() - self._asked_at > _READY_SECONDS):
            self._asked_at = loop.time()
            self._readiness = loop.run_in_executor(self._asking, self._producer.ready)
        return await asyncio.shield(self._readiness)


def _of_caller(disclosure: Disclosure, caller: Caller | None) -> Disclosure:
    """Return the disclosure with what follows from its credential: all that comes with a key for exercises is one.

    Raises `Invalid` for a disclosure that names another service than the one that its credential proves, and for an
    exercise that comes with another key: it may be a real disclosure.
    """
    if caller is None:
        return disclosure
    if disclosure.service is not caller.service:
        raise Invalid.of("service", f"is not that of the credential; allowed: {caller.service}")
    if caller.exercise:
        return disclosure.model_copy(update={"exercise": True})
    if disclosure.exercise:
        raise Invalid.of("exercise", "is for a credential of exercises; allowed with this one: false")
    return disclosure
