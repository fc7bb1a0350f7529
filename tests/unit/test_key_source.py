"""The key set of an issuer is read by a thread: no request waits for its server, and the last known keys count."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.credentials import key_source
from services.credentials.key_set import MAX_BYTES
from services.credentials.key_source import (
    LAST_KNOWN_SECONDS,
    MAX_WAITING,
    READ_EVERY,
    READ_SECONDS,
    KeySource,
    Read,
)
from services.settings import SettingsError
from tests.fakes.clocks import SecondsClock
from tests.processes import until
from tests.token_issuer import Issuer, KeyServer, key_server

_SOON = 10.0
_NEVER = 3_600.0


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[KeyServer]:
    with key_server(issuer) as started:
        yield started


class Reader:
    """Gives a key set, or fails."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self.reads = 0
        self.fault: Exception | None = None
        self.raw: bytes | None = None

    async def read(self) -> bytes:
        self.reads += 1
        if self.fault is not None:
            raise self.fault
        return self._issuer.key_set() if self.raw is None else self.raw

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Read]:
        yield self.read


@pytest.fixture
def reader(issuer: Issuer) -> Reader:
    return Reader(issuer)


def by_url(url: str, *, every: float = _NEVER, apart: float = 0.0, wait: float = _SOON) -> KeySource:
    return KeySource(key_source._url(url), every=every, apart=apart, wait=wait)


async def read_until(source: KeySource, holds: Callable[[], bool]) -> None:
    """Have the key set read until something holds: a read that is under way may be of before a change."""
    async with asyncio.timeout(_SOON):
        while not holds():
            await source.read_again()


async def test_a_key_that_is_not_known_yet_is_read_when_a_request_needs_it(issuer: Issuer, server: KeyServer) -> None:
    with by_url(server.url) as source:
        await source.read_again()
        assert source.find("first")
        issuer.make_key("rotated")
        issuer.remove_key("first")
        await read_until(source, lambda: bool(source.find("rotated")))
        assert not source.find("first")


async def test_a_key_that_is_taken_out_of_the_key_set_is_gone_without_a_request(
    issuer: Issuer, server: KeyServer
) -> None:
    assert READ_EVERY + READ_SECONDS < 60
    with by_url(server.url, every=0.01) as source:
        await source.read_again()
        issuer.make_key("second")
        issuer.remove_key("first")
        await until(lambda: not source.find("first"), _SOON)


async def test_forged_key_ids_do_not_cause_a_read_each(server: KeyServer) -> None:
    with by_url(server.url, apart=_NEVER / 2, wait=0.02) as source:
        await read_until(source, lambda: bool(source.find("first")))
        for _ in range(20):
            assert not await source.read_again()
        assert server.reads == 1


async def test_a_key_set_that_does_not_answer_holds_nobody_up_for_long(server: KeyServer) -> None:
    server.answers.clear()
    with by_url(server.url, wait=_NEVER) as source:
        waiting = [asyncio.create_task(source.read_again()) for _ in range(MAX_WAITING)]
        await until(lambda: source._waiting == MAX_WAITING, _SOON)
        async with asyncio.timeout(_SOON):
            # One more does not wait, so that forged key ids do not take all connections.
            assert not await source.read_again()
        assert not any(task.done() for task in waiting)
        server.answers.set()
        async with asyncio.timeout(_SOON):
            await asyncio.gather(*waiting)
        assert source.find("first")


async def test_a_request_waits_for_a_read_for_a_limited_time(server: KeyServer) -> None:
    server.answers.clear()
    with by_url(server.url, wait=0.05) as source:
        async with asyncio.timeout(_SOON):
            assert not await source.read_again()
        server.answers.set()


async def test_a_read_has_a_time_limit_in_all(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_source, "READ_SECONDS", 0.01)
    source = KeySource(reader.opened())

    async def drips() -> bytes:
        await asyncio.Event().wait()
        return b""

    async with asyncio.timeout(_SOON):
        await source.read_once(drips)
    assert source.is_failing
    await source.read_once(reader.read)
    assert source.find("first")


@pytest.mark.parametrize("status", [204, 302, 404, 500])
async def test_a_server_that_answers_otherwise_takes_no_key_away(server: KeyServer, status: int) -> None:
    with by_url(server.url) as source:
        await source.read_again()
        server.status = status
        await read_until(source, lambda: source.is_failing)
        assert source.find("first")


def test_its_thread_ends_with_it(server: KeyServer) -> None:
    before = set(threading.enumerate())
    with by_url(server.url):
        pass
    assert not [thread for thread in set(threading.enumerate()) - before if "key-set" in thread.name]


@pytest.mark.parametrize(
    ("fault", "raw"),
    [
        (OSError("no route"), None),
        (TimeoutError(), None),
        (RuntimeError("of a library"), None),
        (None, b"{}"),
        (None, b"x" * (MAX_BYTES + 1)),
    ],
    ids=["no answer", "too slow", "a library's error", "no key set", "too long"],
)
async def test_the_last_known_keys_count_for_a_limited_time(
    reader: Reader, fault: Exception | None, raw: bytes | None
) -> None:
    clock = SecondsClock()
    source = KeySource(reader.opened(), monotonic=clock)
    await source.read_once(reader.read)
    reader.fault, reader.raw = fault, raw
    clock.now += LAST_KNOWN_SECONDS
    await source.read_once(reader.read)
    assert source.find("first")
    assert source.is_failing
    clock.now += 1
    assert not source.find("first")
    reader.fault = reader.raw = None
    await source.read_once(reader.read)
    assert source.find("first")
    assert not source.is_failing


async def test_a_key_set_that_cannot_be_read_is_logged_once_a_minute_until_it_can(reader: Reader) -> None:
    clock = SecondsClock()
    source = KeySource(reader.opened(), monotonic=clock)
    await source.read_once(reader.read)
    reader.fault = OSError("https://SECRET@issuer.example")
    with capture_logs() as logs:
        for _ in range(6):
            clock.now += READ_EVERY
            await source.read_once(reader.read)
        reader.fault = None
        for _ in range(3):
            await source.read_once(reader.read)
    assert [log["event"] for log in logs] == [
        "the key set cannot be read, the last known keys count",
        "the key set cannot be read, the last known keys count",
        "the key set can be read again",
    ]
    assert "SECRET" not in str(logs)


def test_a_file_of_keys_is_a_source_too(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(issuer.key_set())

    async def read() -> KeySource:
        source = KeySource.of(str(path))
        with source:
            await source.read_again()
        return source

    assert asyncio.run(read()).find("first")


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (lambda _: "http://issuer.example/jwks", "https://"),
        (lambda _: "ftp://issuer.example/jwks", "https://"),
        (lambda _: "https://", "a host"),
        (lambda _: "https://[SECRET", "malformed"),
        (lambda folder: str(folder / "missing.json"), "No such file"),
        (lambda folder: str(_with(folder, b"SECRET")), "no JSON"),
        (lambda folder: str(_with(folder, b'{"SECRET": 1}')), "needs `keys`"),
    ],
    ids=["in the clear", "another scheme", "no host", "malformed", "missing", "no JSON", "no key set"],
)
def test_a_wrong_place_of_the_key_set_is_refused_at_the_start(
    tmp_path: Path, location: Callable[[Path], str], says: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        KeySource.of(location(tmp_path))
    assert says in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_key_set_on_this_machine_may_be_read_in_the_clear_and_need_not_answer_yet() -> None:
    assert KeySource.of("http://127.0.0.1:9/jwks").is_failing


def _with(folder: Path, raw: bytes) -> Path:
    path = folder / "keys.json"
    path.write_bytes(raw)
    return path
