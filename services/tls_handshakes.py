"""The TLS handshakes of a server: each has a time limit, and only some are under way at once.

asyncio gives a protocol its connection once the handshake has ended, and waits a minute for it. Until then no limit of
the protocol counts the connection: some thousand clients that begin a handshake and send nothing more would take every
file of the process. So the server accepts plain connections, counts them, and begins TLS itself.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any

#: How long a client may take for the handshake, and to answer the end of a connection (seconds).
HANDSHAKE_SECONDS = 5.0
GOODBYE_SECONDS = 2.0
#: The most handshakes under way at once. Beyond it, the oldest is closed for a new one: a handshake takes two round
#: trips, so an honest one is seldom the oldest.
MAX_HANDSHAKES = 256


class TlsHandshakes:
    """The handshakes that are under way in one server."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        # A dict, because it keeps the order in which they began.
        self._under_way: dict[asyncio.Transport, None] = {}

    def protocol(self, make: Callable[[], asyncio.Protocol]) -> asyncio.Protocol:
        """Return a protocol for a plain connection that begins TLS, and then has `make` make the protocol above it."""
        return _Handshake(self, make)

    def begin(self, transport: asyncio.Transport) -> None:
        """Count a handshake; close the oldest one if there are too many."""
        if len(self._under_way) >= MAX_HANDSHAKES:
            self._abort(next(iter(self._under_way)))
        self._under_way[transport] = None

    def end(self, transport: asyncio.Transport) -> None:
        """Do not count the handshake any more."""
        self._under_way.pop(transport, None)

    def close(self) -> None:
        """Close all: no request has begun on them."""
        for transport in list(self._under_way):
            self._abort(transport)

    def _abort(self, transport: asyncio.Transport) -> None:
        self.end(transport)
        transport.abort()


class _Handshake(asyncio.Protocol):
    """A plain connection until its handshake has ended; the bytes of a request that came with its end are kept."""

    def __init__(self, handshakes: TlsHandshakes, make: Callable[[], asyncio.Protocol]) -> None:
        self._handshakes = handshakes
        self._make = make
        self._early = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._plain: Any = None

    def connection_made(self, transport: Any) -> None:
        """Begin the handshake."""
        # `start_tls` reads on: before it, nothing may be read, so that no byte in the clear passes as decrypted.
        transport.pause_reading()
        self._plain = transport
        self._handshakes.begin(transport)
        self._task = asyncio.get_running_loop().create_task(self._shake(transport))

    def data_received(self, data: bytes) -> None:
        """Keep decrypted bytes for the protocol above."""
        self._early += data

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """End the wait: the connection was lost before or just after the handshake."""
        self._handshakes.end(self._plain)
        if self._task is not None:
            self._task.cancel()

    async def _shake(self, plain: asyncio.Transport) -> None:
        secured: asyncio.Transport | None = None
        # A client that speaks no TLS, is too slow, or goes away.
        with contextlib.suppress(OSError):
            secured = await asyncio.get_running_loop().start_tls(
                plain,
                self,
                self._handshakes.context,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=GOODBYE_SECONDS,
            )
        self._handshakes.end(plain)
        # Without an error and without a transport the connection was closed during the handshake.
        if secured is None or secured.is_closing():
            return
        above = self._make()
        secured.set_protocol(above)
        above.connection_made(secured)
        if self._early:
            above.data_received(bytes(self._early))
