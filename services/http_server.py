"""HTTP servers of a process: bound before they are announced, stopped gracefully on SIGTERM or SIGINT.

Its own refusals are problem details (RFC 9457), as those of the gateway are: one shape of error for every sender.

Open connections are limited, and the head of a request has a time limit: uvicorn has neither, and some thousand clients
that send half a head each would take every file of the process. TLS handshakes have limits too (`tls_handshakes.py`).
"""

import asyncio
import contextlib
import json
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi.telemetry import TelemetryConfig
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.tls_handshakes import TlsHandshakes

#: How long open requests have to end after a stop was requested, in seconds.
GRACE_SECONDS = 10

#: How long a client may take to send the head of a request, in seconds.
HEAD_SECONDS = 10.0
#: The most bytes of a head.
HEAD_BYTES = 16 * 1024
#: The most connections of a server at once, not counting those in a TLS handshake. Beyond it, the one that has waited
#: longest without a request at work is closed for a new one.
MAX_CONNECTIONS = 512
#: The most connections that the server accepts before it serves those that it has. Together with MAX_CONNECTIONS and
#: MAX_HANDSHAKES it is below the usual limit of 1,024 open files of a process.
_BACKLOG = 128

#: The body of the refusal of a request that h11 cannot read. It quotes nothing of the request.
BAD_REQUEST: bytes = json.dumps(
    {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": f"the request is not HTTP/1.1 as RFC 9112 has it, or its head has more than {HEAD_BYTES} bytes",
        "errors": [],
    }
).encode()
#: States of a connection in which no response has begun.
_UNANSWERED = (h11.IDLE, h11.SEND_RESPONSE)

#: FastAPI's own spans and logs contain queries, refused values and error messages, so they are off. Ours contain none.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class _GuardedProtocol(H11Protocol):
    """Closes a connection whose head does not come in time, and the one that is idle longest if there are too many."""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the head of the first request."""
        if self._is_full(MAX_CONNECTIONS):
            self._make_room()
        super().connection_made(transport)
        self._is_aborted = False
        self._idle_since = self.loop.time()
        self._head_timer: asyncio.TimerHandle | None = None
        self._await_head()
        if self._is_full(MAX_CONNECTIONS + 1):
            # All others have a request at work.
            self._abort()

    def _is_full(self, many: int) -> bool:
        """Whether so many are open. One that was aborted stays in `connections` until the loop's next turn.

        One that closes in order is open until its client has taken the rest.
        """
        if len(self.connections) < many:
            return False
        return sum(not getattr(each, "_is_aborted", False) for each in self.connections) >= many

    def _make_room(self) -> None:
        """Close the connection that has waited longest without a request at work."""
        idle = [each for each in self.connections if isinstance(each, _GuardedProtocol) and each.is_idle]
        if idle:
            min(idle, key=lambda each: each._idle_since)._abort()  # noqa: SLF001 - its own class

    def _abort(self) -> None:
        """Close it at once: a client that answers nothing would delay an orderly close."""
        self._is_aborted = True
        self.transport.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is at work, and it was not closed already."""
        return self._is_between_requests() and not self._is_aborted

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; the time limit of its head begins with the first of them."""
        if self._head_timer is None and self._is_between_requests():
            self._await_head()
        super().data_received(data)
        if self._head_timer is not None and not self._is_between_requests():
            self._head_timer.cancel()
            self._head_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's
        """Refuse a request that h11 cannot read, and close the connection; uvicorn's refusal is plain text."""
        if self.conn.our_state not in _UNANSWERED:
            # A response has begun: a second one would be read as a part of it.
            self._abort()
            return
        headers = [
            ("content-type", "application/problem+json"),
            ("content-length", str(len(BAD_REQUEST))),
            ("connection", "close"),
        ]
        head = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (head, h11.Data(BAD_REQUEST), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._close_without_head)

    def _close_without_head(self) -> None:
        self._head_timer = None
        if self._is_between_requests():
            self._abort()

    def on_response_complete(self) -> None:
        """Note since when it is idle."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def _is_between_requests(self) -> bool:
        cycle: Any = self.cycle  # uvicorn says that there is always one; there is none before the first request
        return cycle is None or cycle.response_complete


class _Server(uvicorn.Server):
    def __init__(self, app: Any, tls: "Tls | None") -> None:
        self._handshakes = None if tls is None else TlsHandshakes(tls.context())
        super().__init__(_config(app, self._handshakes))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._handshakes is not None:
            self._handshakes.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn raises the signal again after it has stopped, and the process would end by it instead of with exit
        # status 0 (see decision 0008).
        yield


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to `port` of `host` (0: a free port); raise `OSError` if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def port_of(bound: socket.socket) -> int:
    """Return the port of a bound socket."""
    port: int = bound.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Tls:
    """The files of a server's certificate, with its chain, and of its private key, both as PEM."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return what the server needs for a handshake; raise `OSError` if a file cannot be read or does not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


@asynccontextmanager
async def running(apps: Sequence[tuple[Any, socket.socket]], tls: Tls | None = None) -> AsyncIterator[None]:
    """Serve each ASGI application on its socket while the context is open; on entry all of them answer."""
    servers = [_Server(app, tls) for app, _ in apps]
    async with asyncio.TaskGroup() as tasks:
        serving = [
            tasks.create_task(server.serve(sockets=[bound])) for server, (_, bound) in zip(servers, apps, strict=True)
        ]
        try:
            while not all(server.started for server in servers):
                if any(task.done() for task in serving):
                    raise RuntimeError("an HTTP server ended before it had started")
                await asyncio.sleep(0.01)
            yield
        finally:
            for server in servers:
                server.should_exit = True


async def serve(apps: Sequence[tuple[Any, socket.socket]], ready: Callable[[], None], tls: Tls | None = None) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` when every application answers."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(apps, tls):
        ready()
        await stop.wait()


def _config(app: Any, handshakes: TlsHandshakes | None) -> uvicorn.Config:
    def protocol(**arguments: Any) -> asyncio.Protocol:
        if handshakes is None:
            return _GuardedProtocol(**arguments)
        return handshakes.protocol(partial(_GuardedProtocol, **arguments))

    return uvicorn.Config(
        app,
        # uvicorn calls this for the protocol of each connection. It does not know of TLS.
        http=protocol,  # type: ignore[arg-type]
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=HEAD_BYTES,
        # No access log: the query of a path may contain anything. No server header: it shows the version without need.
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
