"""Reading a request's body with a bound in bytes and in time, whatever its headers claim."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

from schemas.topics import MAX_VALUE_BYTES

#: How long a sender may take over its body, in seconds.
BODY_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Body:
    """A body as it came; `whole` is false where it went on beyond what can be kept."""

    raw: bytes
    whole: bool


async def read_body(request: Request, limit: int = MAX_VALUE_BYTES) -> Body:
    """Return the body, at most `limit` bytes of it; raise `TimeoutError` where it does not come."""
    claimed = request.headers.get("content-length", "")
    # A claim is only believed where it spares the reading; a body without one, or with a false one, is counted.
    if claimed.isascii() and claimed.isdigit() and int(claimed[:20]) > limit:
        return Body(b"", whole=False)
    received = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for chunk in request.stream():
            if len(received) + len(chunk) > limit:
                return Body(bytes(received), whole=False)
            received += chunk
    return Body(bytes(received), whole=True)
