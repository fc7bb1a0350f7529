"""A webhook: each call is one POST of JSON."""

import asyncio

import httpx2

from streams.domain.alarm_calls import Call

#: Time limit of one call, connecting included (seconds).
CALL_SECONDS = 10.0
TIMEOUT, NO_CONNECTION, CONNECTION_LOST = "timeout", "no_connection", "connection_lost"


class WebhookAlarm:
    """Posts each call to a URL; any 2xx means that it is delivered.

    Calls are rare, so each has a connection of its own. Neither the URL, which may hold a secret, nor an answer is
    logged.
    """

    def __init__(self, url: str, seconds: float = CALL_SECONDS) -> None:
        self._url = url
        self._seconds = seconds

    async def deliver(self, call: Call) -> str | None:
        """Post the call once; return None where it was delivered, else why not."""
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
            # The status says it all; the body, of whatever length, is not read.
            return response.status_code
