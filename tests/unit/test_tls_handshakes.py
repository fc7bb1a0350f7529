"""TLS handshakes have a time limit and a count: half of one takes no place of an honest client for long."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from services import http_server, tls_handshakes
from services.gateway import create_app
from services.gateway.door import OpenDoor
from services.http_server import Tls, listen, port_of, running
from tests.certificates import make_certificate, trusting
from tests.disclosures import raw
from tests.fakes.publisher import Publisher

_SOON = 10.0
#: The beginning of a ClientHello: a handshake record of 512 bytes, of which none follow.
_HALF_HELLO = b"\x16\x03\x01\x02\x00\x01"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Server(NamedTuple):
    port: int
    trusted: ssl.SSLContext


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    return make_certificate(tmp_path)


@asynccontextmanager
async def serving(tls: Tls) -> AsyncIterator[Server]:
    with listen("127.0.0.1", 0) as bound:
        async with running([(create_app(Publisher(), OpenDoor()), bound)], tls):
            yield Server(port_of(bound), trusting(tls))


async def honest(server: Server) -> int:
    """Return the status of an honest request on a connection of its own."""
    async with httpx2.AsyncClient(verify=server.trusted, trust_env=False, timeout=_SOON) as client:
        answer = await client.post(f"https://localhost:{server.port}/v1/disclosures", content=raw())
        return answer.status_code


@asynccontextmanager
async def half_open(server: Server, sent: bytes = _HALF_HELLO) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_closed(connection: Connection) -> bool:
    """Return whether the server closes the connection without a byte of HTTP."""
    async with asyncio.timeout(_SOON):
        try:
            return b"HTTP" not in await connection[0].read()
        except ConnectionResetError:
            return True


async def test_a_request_over_tls_is_answered(tls: Tls) -> None:
    async with serving(tls) as server:
        assert await honest(server) == 202


class ByHand:
    """A client that holds its side of TLS in memory, so that it decides what is sent together, and what is not."""

    def __init__(self, server: Server, connection: Connection) -> None:
        self._reader, self._writer = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = server.trusted.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")

    async def get_with_the_end_of_the_handshake(self) -> None:
        """Send a request in one write with the client's last part of the handshake."""
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._writer.write(self._outgoing.read())
                self._incoming.write(await self._reader.read(65_536))
        self._tls.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        self._writer.write(self._outgoing.read())

    async def answer(self) -> bytes:
        """Return the decrypted first part of the answer."""
        while True:
            self._incoming.write(await self._reader.read(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                return self._tls.read(65_536)

    async def wait_for_the_end(self) -> None:
        """Read until the server ends the connection, and answer nothing."""
        await self._reader.read()


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(tls: Tls) -> None:
    async with serving(tls) as server, half_open(server, b"") as connection, asyncio.timeout(_SOON):
        client = ByHand(server, connection)
        await client.get_with_the_end_of_the_handshake()
        assert (await client.answer()).startswith(b"HTTP/1.1 200")


async def test_a_connection_whose_client_does_not_say_goodbye_is_closed(
    tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_handshakes, "GOODBYE_SECONDS", 0.1)
    async with serving(tls) as server, half_open(server, b"") as connection, asyncio.timeout(_SOON):
        client = ByHand(server, connection)
        await client.get_with_the_end_of_the_handshake()
        await client.wait_for_the_end()


@pytest.mark.parametrize("sent", [b"", _HALF_HELLO], ids=["nothing", "half a hello"])
async def test_a_handshake_that_does_not_end_is_closed(tls: Tls, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    assert tls_handshakes.HANDSHAKE_SECONDS <= http_server.HEAD_SECONDS
    monkeypatch.setattr(tls_handshakes, "HANDSHAKE_SECONDS", 0.1)
    async with serving(tls) as server, half_open(server, sent) as connection:
        assert await is_closed(connection)


async def test_beyond_the_limit_the_oldest_handshake_is_closed_for_a_new_one(
    tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_handshakes, "MAX_HANDSHAKES", 4)
    monkeypatch.setattr(tls_handshakes, "HANDSHAKE_SECONDS", 60.0)
    async with serving(tls) as server, AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(half_open(server)) for _ in range(6)]
        assert await is_closed(opened[0])
        assert await is_closed(opened[1])
        assert await honest(server) == 202
        assert await is_closed(opened[2])
        assert not opened[3][0].at_eof()


@pytest.mark.parametrize(
    "sent",
    [b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n", b"\x00" * 600, b"\x16\x03\x01\x00\x05hello" * 9],
    ids=["HTTP in the clear", "zeros", "a wrong hello"],
)
async def test_what_is_no_tls_is_closed_without_an_answer(tls: Tls, sent: bytes) -> None:
    async with serving(tls) as server:
        async with half_open(server, sent) as connection:
            assert await is_closed(connection)
        assert await honest(server) == 202


async def test_a_client_that_leaves_during_the_handshake_leaves_nothing(tls: Tls) -> None:
    async with serving(tls) as server:
        for _ in range(20):
            async with half_open(server):
                pass
        assert await honest(server) == 202


async def test_a_stop_does_not_wait_for_handshakes(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_handshakes, "HANDSHAKE_SECONDS", 600.0)
    async with AsyncExitStack() as stack, asyncio.timeout(_SOON):
        async with serving(tls) as server:
            connection = await stack.enter_async_context(half_open(server))
            assert await honest(server) == 202
        assert await is_closed(connection)


async def test_a_certificate_and_a_key_that_do_not_fit_are_refused(tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(OSError, match=r"(?i)mismatch"):
        Tls(tls.certificate, make_certificate(tmp_path / "other").key).context()
