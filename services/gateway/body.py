"""Reads the body of a request with a limit in bytes and in time, whatever its headers claim."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

from schemas.disclosure import MAX_LINE_BYTES

#: Time limit for the body of a request, in seconds.
BODY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request; `whole` is false if it was longer than the limit."""

    raw: bytes
    whole: bool


async def read_body(request: Request, limit: int = MAX_LINE_BYTES) -> Body:
    """Return the body, at most `limit` bytes of it; raise `TimeoutError` if it does not arrive in time."""
    # The bytes that arrive are counted, whatever length the headers claim: of a body that is too long the first part is
    # kept, because it may be an emergency.
    received = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for chunk in request.stream():
            if len(received) + len(chunk) > limit:
                return Body(bytes(received + chunk)[:limit], whole=False)
            received += chunk
    return Body(bytes(received), whole=True)
