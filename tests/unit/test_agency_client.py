"""The time limit of an attempt: it is of the whole exchange, however often the agency sends a byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from services.connectors.client import AgencyClient, Answer
from streams.domain.delivery import Failure

_LIMIT = timedelta(seconds=0.5)
_DRIP_SECONDS = 0.05
#: The attempt ends long before this, and the agency long after it.
_PATIENCE_SECONDS = 5.0

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@asynccontextmanager
async def dripping(first: bytes, drop: bytes) -> AsyncIterator[str]:
    """Serve an agency that answers with `first` and then with a `drop` every so often, without an end."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(first)
            while not writer.is_closing():
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(_DRIP_SECONDS)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-Wait: 1\r\n", id="headers"),
        pytest.param(_HEAD, b" ", id="body"),
    ],
)
async def test_an_agency_that_drips_its_answer_is_cut_off_at_the_limit(first: bytes, drop: bytes) -> None:
    async with dripping(first, drop) as url, AgencyClient(url, _LIMIT) as client:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            answer = await client.post(b"{}", report_id="r-1", attempt=1, traceparent=None)
    assert answer == Answer(Failure.TIMEOUT)
