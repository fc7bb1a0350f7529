"""HTTP interface of a simulated agency: `POST /reports` with an `Idempotency-Key`, and faults on demand.

The first report gets 201 and a reference, a repeat 200 and the same reference, another report under the same key 409.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from pydantic import BaseModel, ConfigDict
from starlette.types import Receive, Scope, Send

from schemas.telemetry import Attribute
from schemas.telemetry import Span as SpanName
from schemas.trace_context import TRACEPARENT, parent_from_request
from schemas.vocabulary import Agency
from services.http_server import NO_TELEMETRY
from services.simulated_agencies.faults import Fault, Faults
from services.simulated_agencies.log import AgencyLog, Attempt, Seen

#: Largest request that an agency reads, in bytes: larger than any report.
MAX_BODY_BYTES = 4 * 1024 * 1024
_MAX_KEY = 200
#: How long a simulated time-out keeps a sender waiting, in seconds.
_SILENCE_SECONDS = 120.0


class ComingFaults(BaseModel):
    """Faults for the next requests, in order: an HTTP status or a kind of fault."""

    model_config = ConfigDict(extra="forbid")

    next: list[int | Fault]


class _Dropped(Response):
    """Ends the connection in the middle of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI interface
        # The promised body is never sent, so the server closes the connection.
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"2")]})


def create_app(
    agency: Agency,
    log: AgencyLog,
    faults: Faults | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Return the application of one agency with its log, which the caller opens and closes."""
    app = FastAPI(title=f"Simulated agency {agency}", docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY)
    coming = faults or Faults()

    @app.post("/reports")
    async def report(request: Request) -> Response:
        """Take a report."""
        with trace.get_tracer("confide.agencies").start_as_current_span(
            SpanName.AGENCY_RECEIVE,
            context=parent_from_request(request.headers.get(TRACEPARENT)),
            kind=SpanKind.SERVER,
            attributes={Attribute.AGENCY: agency.value},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            response = await _take(request)
            span.set_attribute(Attribute.HTTP_STATUS, response.status_code)
            return response

    @app.post("/faults", status_code=204)
    async def make_faults(wanted: ComingFaults) -> None:
        """Have the next requests meet these faults."""
        coming.add(wanted.next)

    @app.get("/healthz")
    async def alive() -> dict[str, str]:
        """Say that this agency answers."""
        return {"status": "ok"}

    async def _take(request: Request) -> Response:
        raw = await _read(request)
        if raw is None:
            return JSONResponse({"error": "too large"}, status_code=413)
        attempt, problem = _attempt(request, raw)
        fault = coming.next()
        refuse = problem is not None or isinstance(fault, int) or fault in (Fault.TIMEOUT, Fault.DROP)
        try:
            seen = await asyncio.to_thread(log.record, attempt, clock(), refuse=refuse)
        except OSError:
            return JSONResponse({"error": "cannot be stored"}, status_code=503)
        if fault is not None:
            return await _fail_with(fault, request)
        return problem or _answer(agency, log, attempt, seen)

    return app


async def _read(request: Request) -> bytes | None:
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            return None
    return bytes(received)


def _attempt(request: Request, raw: bytes) -> tuple[Attempt, Response | None]:
    """Return the attempt as it was received, and the error response if it is malformed."""
    key = request.headers.get("idempotency-key", "")
    number = request.headers.get("confide-attempt", "")
    count = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else 0
    repeat = request.headers.get("confide-possible-repeat", "") == "true"
    body: Any
    try:
        body = json.loads(raw, parse_constant=_no_number)
        json.dumps(body)  # JSON that nests too deeply to be written cannot be stored
    except (ValueError, RecursionError):
        text = raw.decode("utf-8", "backslashreplace")
        return Attempt(None, count, text, repeat), JSONResponse({"error": "is not JSON"}, status_code=400)
    if not key or len(key) > _MAX_KEY:
        return Attempt(None, count, body, repeat), JSONResponse({"error": "needs an Idempotency-Key"}, status_code=400)
    if not isinstance(body, dict) or body.get("report_id") != key:
        wrong = {"error": "report_id must be the Idempotency-Key"}
        return Attempt(None, count, body, repeat), JSONResponse(wrong, status_code=422)
    return Attempt(key, count, body, repeat), None


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


async def _fail_with(fault: int | Fault, request: Request) -> Response:
    match fault:
        case Fault.DROP | Fault.DROP_AFTER_ACCEPT:
            return _Dropped()
        case Fault.TIMEOUT | Fault.TIMEOUT_AFTER_ACCEPT:
            with contextlib.suppress(TimeoutError):
                # After the body the next message is the disconnection of the sender.
                await asyncio.wait_for(request.receive(), _SILENCE_SECONDS)
            return JSONResponse({"error": "was made to fail"}, status_code=504)
        case _:
            return JSONResponse({"error": "was made to fail"}, status_code=fault)


def _answer(agency: Agency, log: AgencyLog, attempt: Attempt, seen: Seen) -> Response:
    status = {Seen.ACCEPTED: 201, Seen.REPEAT: 200, Seen.CONFLICT: 409, Seen.REFUSED: 422}[seen]
    if attempt.report_id is None or seen in (Seen.CONFLICT, Seen.REFUSED):
        return JSONResponse({"error": seen.value}, status_code=status)
    return JSONResponse({"reference": log.reference_of(agency, attempt.report_id)}, status_code=status)
