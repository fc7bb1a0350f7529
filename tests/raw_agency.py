"""An agency as a bare TCP server: unlike an HTTP server it can accept and never answer, or not listen."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

#: How long a connection without an answer is held (seconds): longer than any test.
_FOREVER = 600.0


class Mode(StrEnum):
    """Behaviour towards a request."""

    #: Accepts it: 201 with a reference the first time, 200 afterwards.
    UP = "up"
    #: Reads it and never answers.
    HANG = "hang"
    #: Reads it and closes the connection.
    DROP = "drop"
    #: Answers 503.
    BUSY = "busy"
    #: Does not listen.
    AWAY = "away"


@dataclass(frozen=True)
class Request:
    """A request that was read to its end."""

    report_id: str
    attempt: int
    at: datetime


@dataclass
class RawAgency:
    """Requests that the agency saw, and the number of its connections."""

    mode: Mode = Mode.UP
    port: int = 0
    requests: list[Request] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    #: Times at which it began and stopped listening, in turn.
    switched: list[datetime] = field(default_factory=list)
    connections: int = 0
    most_connections: int = 0
    _server: asyncio.Server | None = None
    _held: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def was_away(self, at: datetime, near: timedelta) -> bool:
        """Return whether it did not listen at some time within `near` of `at`."""
        # The first entry is its start.
        times = [*self.switched[1:], datetime.now(UTC)]
        return any(left - near <= at <= back + near for left, back in zip(times[::2], times[1::2], strict=False))

    async def become(self, mode: Mode) -> None:
        """Behave like this from now on; requests without an answer lose their connections."""
        self.mode = mode
        for writer in list(self._held):
            writer.close()
        if mode is Mode.AWAY and self._server is not None:
            self._server.close()
            self._server = None
            self.switched.append(datetime.now(UTC))
        elif mode is not Mode.AWAY and self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1_000)
            self.port = self._server.sockets[0].getsockname()[1]
            self.switched.append(datetime.now(UTC))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.most_connections = max(self.most_connections, self.connections)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            return
        finally:
            self._held.discard(writer)
            self.connections -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        await reader.readexactly(int(headers["content-length"]))
        report_id = headers["idempotency-key"]
        self.requests.append(Request(report_id, int(headers["confide-attempt"]), datetime.now(UTC)))
        self._held.add(writer)
        match self.mode:
            case Mode.HANG:
                # No byte arrives until the client closes.
                await asyncio.wait_for(reader.read(1), _FOREVER)
            case Mode.UP:
                status = 200 if report_id in self.accepted else 201
                if status == 201:
                    self.accepted.append(report_id)
                await self._say(writer, status, {"reference": f"999-{report_id[:8]}"})
            case Mode.BUSY:
                await self._say(writer, 503, {})
            case Mode.DROP | Mode.AWAY:
                pass

    async def _say(self, writer: asyncio.StreamWriter, status: int, answer: dict[str, str]) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()


@asynccontextmanager
async def raw_agency(mode: Mode) -> AsyncIterator[RawAgency]:
    """Serve one agency while the context is open."""
    agency = RawAgency()
    await agency.become(Mode.UP)
    await agency.become(mode)
    try:
        yield agency
    finally:
        await agency.become(Mode.AWAY)
