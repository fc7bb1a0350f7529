"""An attempt over HTTP: one time limit for the whole exchange; an error of the library is a failed attempt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.connectors.client import AgencyClient, AgencyResponse
from streams.domain.delivery import Failure

_LIMIT = timedelta(seconds=0.5)
_DRIP_SECONDS = 0.05
#: The attempt ends long before this, and the agency long after it.
_PATIENCE_SECONDS = 5.0

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"


@asynccontextmanager
async def dripping(first: bytes, drop: bytes) -> AsyncIterator[str]:
    """Serve an agency that answers with `first` and then with a `drop` at intervals, without end."""

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
    assert answer == AgencyResponse(Failure.TIMEOUT)


async def test_an_error_that_the_library_does_not_document_is_a_failed_attempt_and_logged_by_class_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("+447700900123")

    async with AgencyClient("http://127.0.0.1:1", _LIMIT) as client:
        monkeypatch.setattr(client._client, "stream", broken)
        answer = await client.post(b"{}", report_id="r-1", attempt=1, traceparent=None)
    assert answer == AgencyResponse(Failure.CLIENT_ERROR)
    said = "".join(capsys.readouterr())
    assert "KeyError" in said
    assert "900123" not in said
