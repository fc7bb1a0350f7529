"""A body whose rest does not come: the part that came may be an emergency, and is kept for a person."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.vocabulary import Service
from services.credentials import ApiKey, ApiKeys
from services.gateway import create_app
from services.gateway.door import CredentialDoor
from services.gateway.rate import RateLimit
from services.http_server import listen, port_of, running
from services.sdk.producer import Acknowledged
from services.sdk.refused import Refused
from tests.disclosures import raw
from tests.fakes.clocks import SecondsClock
from tests.fakes.publisher import Publisher

_SOON = 10.0
BODY = raw("cut")
PART = BODY[: len(BODY) // 2]


class Kept(Publisher):
    """Says when it has kept something."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.has_kept = asyncio.Event()

    def reject(self, refused: Refused, traceparent: bytes | None = None) -> Acknowledged | None:
        super().reject(refused, traceparent)
        self._loop.call_soon_threadsafe(self.has_kept.set)
        return None


class Gateway:
    """A gateway and the key of a service."""

    def __init__(self, port: int, key: str, kept: Kept) -> None:
        self.port = port
        self.key = key
        self.kept = kept

    async def send(
        self, body: bytes, *, length: int | None = len(BODY), key: str | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send the head of a request and this much of its body; without a length it is chunked."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        credential = f"authorization: Bearer {key or self.key}"
        head = f"POST /v1/disclosures HTTP/1.1\r\nhost: 127.0.0.1\r\n{credential}\r\n{framing}\r\n\r\n"
        writer.write(head.encode() + (b"%x\r\n%s\r\n" % (len(body), body) if length is None else body))
        await writer.drain()
        return reader, writer

    async def status(self, body: bytes, *, length: int | None = len(BODY), key: str | None = None) -> int:
        """Send this much and wait for the answer."""
        reader, writer = await self.send(body, length=length, key=key)
        async with asyncio.timeout(_SOON):
            status = int((await reader.readline()).split()[1])
        writer.close()
        return status


@asynccontextmanager
async def gateway(folder: Path, rate: RateLimit | None = None) -> AsyncIterator[Gateway]:
    kept = Kept()
    _, key = ApiKey.create(folder, Service.TEXT_LINE, datetime(2026, 2, 3, tzinfo=UTC))
    with listen("127.0.0.1", 0) as bound:
        async with running([(create_app(kept, CredentialDoor(ApiKeys(folder)), rate), bound)]):
            yield Gateway(port_of(bound), key, kept)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.body.BODY_SECONDS", 0.2)


@pytest.mark.parametrize(("length", "known"), [(len(BODY), len(BODY)), (None, None)], ids=["length", "chunked"])
async def test_the_part_that_came_is_kept_and_marked(tmp_path: Path, length: int | None, known: int | None) -> None:
    async with gateway(tmp_path) as door:
        assert await door.status(PART, length=length) == 408
        (refused,) = door.kept.refused
    assert (refused.raw, refused.is_whole, refused.length) == (PART, False, known)
    assert (refused.service, refused.is_proven) == (Service.TEXT_LINE, True)
    assert str(refused.invalid) == "disclosure: was cut off: the rest did not come"


async def test_it_is_kept_too_if_the_sender_disconnects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.body.BODY_SECONDS", _SOON)
    async with gateway(tmp_path) as door:
        _, writer = await door.send(PART)
        writer.close()
        async with asyncio.timeout(_SOON):
            await door.kept.has_kept.wait()
        (refused,) = door.kept.refused
    assert (refused.raw, refused.is_whole, refused.length) == (PART, False, len(BODY))


async def test_a_whole_disclosure_in_a_body_that_is_cut_is_not_published(tmp_path: Path) -> None:
    async with gateway(tmp_path) as door:
        # The sender has not ended it: what it meant is not guessed.
        assert await door.status(BODY, length=len(BODY) + 1) == 408
        assert [each.raw for each in door.kept.refused] == [BODY]
        assert door.kept.published == []


@pytest.mark.parametrize("body", [b"", b" \r\n"], ids=["nothing", "blank"])
async def test_of_nothing_nothing_is_kept(tmp_path: Path, body: bytes) -> None:
    async with gateway(tmp_path) as door:
        assert await door.status(body) == 408
        assert door.kept.refused == []


async def test_without_its_key_nothing_is_kept(tmp_path: Path) -> None:
    async with gateway(tmp_path) as door:
        assert await door.status(PART, key=door.key[:-1] + "x") == 401
        assert door.kept.refused == []


async def test_bodies_that_are_cut_count_in_the_rate_of_their_credential(tmp_path: Path) -> None:
    async with gateway(tmp_path, RateLimit(1.0, 2.0, monotonic=SecondsClock())) as door:
        assert [await door.status(PART) for _ in range(4)] == [408, 408, 429, 429]
        assert len(door.kept.refused) == 2
