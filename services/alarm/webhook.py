"""A webhook as receiver: each call is one POST of JSON."""

import asyncio

import httpx2

from streams.domain.alarm_calls import Call

#: Time limit of one call, connecting included (seconds).
CALL_SECONDS = 10.0
TIMEOUT, NO_CONNECTION, CONNECTION_LOST = "timeout", "no_connection", "connection_lost"


class WebhookAlarm:
    """Posts each call to a URL; any 2xx status means that the call is delivered.

    Calls are rare, so each opens a new connection. Neither the URL, which may contain a secret, nor the answer is
    logged.
    """

    def __init__(self, url: str, seconds: float = CALL_SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    async def deliver(self, call: Call) -> str | None:
        """Post the call once; return None if it was delivered, else a code for the failure."""
        try:
            async with asyncio.timeout(self._seconds):
                status = await self._post(call)
        except (httpx2.ConnectError, httpx2.ConnectTimeout):
            return NO_CONNECTION
        except (TimeoutError, httpx2.TimeoutException):
            return TIMEOUT
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            return CONNECTION_LOST
        return None if 200 <= status < 300 else f"status_{status}"

    async def _post(self, call: Call) -> int:
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": call.key,
        }
        async with (
            httpx2.AsyncClient(timeout=self._seconds, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", self._url, content=call.body.encode(), headers=headers) as response,
        ):
            # The status is enough; the body, which may be of any length, is not read.
            return response.status_code
