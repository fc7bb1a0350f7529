"""Reads the key set of an issuer again and again, in a thread of its own, so that no request waits for its server.

A key that is taken out of the set is refused after READ_EVERY and READ_SECONDS at the latest. While the set cannot be
read, the last known keys count for LAST_KNOWN_SECONDS: an issuer that is away does not close the gateway.

| what happens | effect |
|---|---|
| a key is taken out of the set | its tokens are refused within 24 s |
| a token names an unknown `kid` | the set is read at once, but not again within READ_APART of the last time |
| the set cannot be read | the last known keys count for 4 hours; the log says so once a minute |
"""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import httpx2
import structlog
from joserfc.jwk import Key

from services.credentials.key_set import MAX_BYTES, KeySet, WrongKeySet, read_key_set
from services.settings import SettingsError

#: How often the key set is read, and how long one read may take in all (seconds).
READ_EVERY = 20.0
READ_SECONDS = 4.0
#: Shortest time from the end of a read to the next one (seconds), so that forged key ids do not cause a read each.
READ_APART = 2.0
#: How long the last known keys count while the key set cannot be read (seconds).
LAST_KNOWN_SECONDS = 4 * 3600.0
#: How long a request with an unknown key id waits for the next read (seconds), and how many may wait at once.
WAIT_SECONDS = 5.0
MAX_WAITING = 16
#: How often the log repeats that the key set cannot be read (seconds).
_LOG_EVERY = 60.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Read = Callable[[], Awaitable[bytes]]

_log = structlog.get_logger("confide.credentials")


class _Known(NamedTuple):
    key_set: KeySet
    raw: bytes
    read_at: float


class KeySource:
    """The current keys of an issuer. `start` begins to read them; `close` ends it."""

    def __init__(
        self,
        opened: AbstractAsyncContextManager[Read],
        *,
        every: float = READ_EVERY,
        apart: float = READ_APART,
        wait: float = WAIT_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._opened = opened
        self._every, self._apart, self._wait = every, apart, wait
        self._monotonic = monotonic
        # Each of these is replaced whole by the thread, so that the event loop of the gateway never sees a half of it.
        self._known = _Known(KeySet({}), b"", float("-inf"))
        self._next: Future[None] = Future()
        self._is_failing = True
        self._logged_at = float("-inf")
        self._waiting = 0
        self._ask: Callable[[], None] = _do_nothing
        self._stop: Callable[[], None] = _do_nothing
        self._is_closed = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._keep()), name="confide-key-set", daemon=True)

    @classmethod
    def of(cls, location: str) -> "KeySource":
        """Return the source of a URL or file; raise `SettingsError` if it can never work.

        A URL that does not answer now is no such error: API keys have to pass meanwhile.
        """
        if "://" not in location:
            path = Path(location)
            try:
                read_key_set(path.read_bytes())
            except OSError as error:
                raise SettingsError(f"the key set {path}: {error.strerror}") from error
            except WrongKeySet as error:
                raise SettingsError(f"{path}: {error}") from error
            return cls(_file(path))
        try:
            url = urlsplit(location)
            host = url.hostname
        except ValueError:
            raise SettingsError("the URL of the key set is malformed") from None
        if not host or url.scheme not in ("https", "http"):
            raise SettingsError("the URL of the key set has to begin with https:// and a host")
        if url.scheme == "http" and host not in _LOOPBACK:
            raise SettingsError("the URL of the key set has to begin with https://: any network could forge its keys")
        return cls(_url(location))

    def __enter__(self) -> Self:
        """Begin to read."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """End the thread."""
        self._is_closed = True
        self._stop()
        self._thread.join(READ_SECONDS)

    @property
    def is_failing(self) -> bool:
        """Whether the last read failed, or none has ended yet."""
        return self._is_failing

    def find(self, kid: str) -> tuple[Key, ...]:
        """Return the keys with this id, none if it is unknown or the keys have become too old."""
        known = self._known
        is_old = self._monotonic() - known.read_at > LAST_KNOWN_SECONDS
        return () if is_old else known.key_set.keys.get(kid, ())

    async def read_again(self) -> bool:
        """Have the key set read soon, and wait for it within limits; return whether it was read.

        Only a few requests wait at once: anybody can send an unknown key id, and must not take the connections of
        others by it.
        """
        if self._waiting >= MAX_WAITING:
            return False
        self._waiting += 1
        try:
            ended = asyncio.wrap_future(self._next)
            self._ask()
            done, _ = await asyncio.wait([ended], timeout=self._wait)
            return bool(done) and not self._is_failing
        finally:
            self._waiting -= 1

    async def _keep(self) -> None:
        """Read until closed: every `every` seconds, and earlier if a request asks."""
        loop = asyncio.get_running_loop()
        asked, stopped = asyncio.Event(), asyncio.Event()

        def stop() -> None:
            stopped.set()
            asked.set()

        self._ask = lambda: _call(loop, asked.set)
        self._stop = lambda: _call(loop, stop)
        async with self._opened as read:
            while not self._is_closed:
                asked.clear()
                await self.read_once(read)
                await _set_within(stopped, self._apart)
                await _set_within(asked, self._every - self._apart)

    async def read_once(self, read: Read) -> None:
        """Read the key set once. If that fails, the last known keys count until the next read."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                raw = await read()
            # Unchanged bytes are not parsed again, so that a key that is left out is logged once.
            key_set = self._known.key_set if raw == self._known.raw else _noted(read_key_set(raw))
        except Exception as error:  # noqa: BLE001 - the thread has to go on
            self._is_failing = True
            self._log_failure(error)
        else:
            if self._logged_at > self._known.read_at:
                _log.warning("the key set can be read again")
            self._known = _Known(key_set, raw, self._monotonic())
            self._is_failing = False
        ended, self._next = self._next, Future()
        ended.set_result(None)

    def _log_failure(self, error: Exception) -> None:
        now = self._monotonic()
        if now - self._logged_at < _LOG_EVERY:
            return
        self._logged_at = now
        reason = str(error) if isinstance(error, WrongKeySet) else type(error).__name__
        if self._known.raw:
            counts_for = max(0, round(self._known.read_at + LAST_KNOWN_SECONDS - now))
            _log.error("the key set cannot be read, the last known keys count", reason=reason, seconds=counts_for)
        else:
            _log.error("the key set cannot be read, no access token passes", reason=reason)


@asynccontextmanager
async def _file(path: Path) -> AsyncIterator[Read]:
    async def read() -> bytes:
        return path.read_bytes()  # noqa: ASYNC240 - the loop of this thread does nothing else

    yield read


@asynccontextmanager
async def _url(url: str) -> AsyncIterator[Read]:
    # The certificates that the machine trusts; SSL_CERT_FILE names others. No proxy and no .netrc of the environment.
    trusted = ssl.create_default_context()
    async with httpx2.AsyncClient(
        timeout=READ_SECONDS, verify=trusted, follow_redirects=False, trust_env=False
    ) as client:

        async def read() -> bytes:
            # Not compressed: the limit counts the bytes that arrive.
            headers = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}
            async with client.stream("GET", url, headers=headers) as response:
                if response.status_code != 200:
                    raise WrongKeySet(f"its server answered with status {response.status_code}")
                received = bytearray()
                async for chunk in response.aiter_raw():
                    received += chunk
                    if len(received) > MAX_BYTES:
                        break  # `read_key_set` refuses it
                return bytes(received)

        yield read


def _noted(found: KeySet) -> KeySet:
    if found.left_out:
        _log.info("keys of the key set are left out", reasons=found.left_out)
    if not found.keys:
        _log.error("the key set has no key that verifies a token, no access token passes", reasons=found.left_out)
    return found


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after the time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _call(loop: asyncio.AbstractEventLoop, do: Callable[[], object]) -> None:
    """Have another thread's loop do something, unless that loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(do)


def _do_nothing() -> None:
    """Take the place of a call before the thread runs."""
