"""HTTP client of an agency: sends a request once and returns the outcome as a value. httpx2: see decision 0004."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self

import httpx2
import structlog
from opentelemetry import metrics

from schemas.telemetry import Attribute, Metric
from schemas.trace_context import TRACEPARENT
from services.connectors.endpoint import CONNECTIONS
from streams.domain.delivery import STATUS_MEANINGS, Failure, Meaning

_MAX_ANSWER_BYTES = 64 * 1024
_MAX_REFERENCE = 200

_log = structlog.get_logger("confide.connectors")
_client_errors = metrics.get_meter("confide.connectors").create_counter(Metric.CLIENT_ERRORS, unit="{error}")


@dataclass(frozen=True, slots=True)
class AgencyResponse:
    """Outcome of an attempt: an HTTP status or a failure, and the agency's reference if it gave one."""

    outcome: int | Failure
    reference: str | None = None


class AgencyClient:
    """The HTTP client of one agency, shared by all lanes of its connector.

    Each attempt has its own time limit. `Endpoint` decides how many attempts run at once, and when.
    """

    def __init__(self, url: str, attempt_timeout: timedelta) -> None:
        self._url = url.rstrip("/") + "/reports"
        self._timeout = attempt_timeout.total_seconds()
        self._client = httpx2.AsyncClient(
            timeout=self._timeout,
            limits=httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
            follow_redirects=False,
            # A proxy that the environment names must not see reports.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Return the open client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def post(
        self,
        body: bytes,
        *,
        report_id: str,
        attempt: int,
        is_possible_repeat: bool = False,
        traceparent: bytes | None = None,
    ) -> AgencyResponse:
        """Send a report once, with its id as idempotency key, and return the outcome.

        A header carries `is_possible_repeat`, because the body must stay the same under one idempotency key.
        """
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            # A compressed answer could unpack to any size.
            "Accept-Encoding": "identity",
            "Idempotency-Key": report_id,
            "Confide-Attempt": str(attempt),
        }
        if is_possible_repeat:
            headers["Confide-Possible-Repeat"] = "true"
        if traceparent is not None:
            headers[TRACEPARENT] = traceparent.decode("ascii")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(body, headers)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            return AgencyResponse(Failure.NO_CONNECTION)
        except (TimeoutError, httpx2.TimeoutException):
            return AgencyResponse(Failure.TIMEOUT)
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            return AgencyResponse(Failure.CONNECTION_LOST)
        except Exception as error:  # noqa: BLE001 - counted, and the report is sent again: other reports must not stop
            kind = type(error).__name__
            _client_errors.add(1, {Attribute.ERROR: kind})
            _log.error("HTTP library raised an error that it does not document", error=kind)
            return AgencyResponse(Failure.CLIENT_ERROR)

    async def _exchange(self, body: bytes, headers: dict[str, str]) -> AgencyResponse:
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            received = bytearray()
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > _MAX_ANSWER_BYTES:
                    break
            status = response.status_code
        if STATUS_MEANINGS.get(status) is not Meaning.ACKNOWLEDGED:
            return AgencyResponse(status)
        reference = _reference(bytes(received))
        return AgencyResponse(Failure.NO_REFERENCE) if reference is None else AgencyResponse(status, reference)


def _reference(body: bytes) -> str | None:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    reference = fields.get("reference") if isinstance(fields, dict) else None
    if isinstance(reference, str) and 0 < len(reference) <= _MAX_REFERENCE and reference.isprintable():
        return reference
    return None
