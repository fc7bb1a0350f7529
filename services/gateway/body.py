"""Reads the body of a request with a limit in bytes and in time, whatever its headers claim."""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from fastapi import Request
from starlette.requests import ClientDisconnect

from schemas.disclosure import MAX_LINE_BYTES
from schemas.rejection import length_of

#: Time limit for the body of a request, in seconds.
BODY_SECONDS = 30


class Cut(Enum):
    """Why only the first part of a body is here."""

    TOO_LARGE = auto()
    #: The rest did not come in time.
    TOO_SLOW = auto()
    #: The sender closed the connection.
    DISCONNECTED = auto()


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request, or its first part: that may be an emergency too."""

    raw: bytes
    #: None: it is whole.
    cut: Cut | None = None
    #: Bytes of the whole, if `raw` is only the first part and the headers say it.
    length: int | None = None


async def read_body(request: Request, limit: int = MAX_LINE_BYTES) -> Body:
    """Return the body, at most `limit` bytes of it, as far as it comes in time."""
    # The bytes that arrive are counted, whatever length the headers claim.
    claimed = length_of(request.headers.get("content-length", "").encode("ascii", "replace"))
    received = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                if len(received) + len(chunk) > limit:
                    return Body(bytes(received + chunk)[:limit], Cut.TOO_LARGE, claimed)
                received += chunk
    except TimeoutError:
        return Body(bytes(received), Cut.TOO_SLOW, claimed)
    except ClientDisconnect:
        return Body(bytes(received), Cut.DISCONNECTED, claimed)
    return Body(bytes(received))
