"""HTTP servers of a process: bound before they are announced, stopped gracefully on SIGTERM or SIGINT."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi.telemetry import TelemetryConfig

#: How long open requests have to end after a stop was requested, in seconds.
GRACE_SECONDS = 10

#: FastAPI's own spans and logs contain queries, refused values and error messages, so they are off. Ours contain none.
NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class _Server(uvicorn.Server):
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


@asynccontextmanager
async def running(apps: Sequence[tuple[Any, socket.socket]]) -> AsyncIterator[None]:
    """Serve each ASGI application on its socket while the context is open; on entry all of them answer."""
    servers = [_Server(_config(app)) for app, _ in apps]
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


async def serve(apps: Sequence[tuple[Any, socket.socket]], ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; call `ready` when every application answers."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(apps):
        ready()
        await stop.wait()


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # No access log: the query of a path may contain anything. No server header: it shows the version without need.
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
