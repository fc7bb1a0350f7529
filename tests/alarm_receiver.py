"""A webhook as a test's own HTTP server: it records every call, and the test sets its answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """Recorded calls, and the next answers; 204 when these are used up."""

    url: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    #: If given: it reads a call and does not answer until this event is set.
    held: threading.Event | None = None
    _came: threading.Condition = field(default_factory=threading.Condition)

    def take(self, key: str, body: bytes) -> int:
        """Record a call and return its answer."""
        with self._came:
            self.calls.append((key, json.loads(body)))
            self._came.notify_all()
            status = self.statuses.pop(0) if self.statuses else 204
        if self.held is not None:
            self.held.wait(60)
        return status

    def until(self, holds: Any, seconds: float = 60.0) -> None:
        """Wait until `holds(self)` is true, checked after each call."""
        with self._came:
            assert self._came.wait_for(lambda: holds(self), seconds), self.heard()

    def heard(self) -> list[tuple[str, str, int | None]]:
        """Return `("alarm" | "all-clear", cause, step)` of each call, without those under a known key."""
        said: list[tuple[str, str, int | None]] = []
        for body in dict(self.calls).values():
            said += [("alarm", each["cause"], each["step"]) for each in body["alarms"]]
            said += [("all-clear", each["cause"], None) for each in body["cleared"]]
        return said

    def of(self, kind: str) -> list[tuple[str, str, int | None]]:
        """Return the calls about causes of one kind."""
        return [each for each in self.heard() if each[1].startswith(f"{kind}/")]

    def facts(self, kind: str) -> dict[str, Any]:
        """Return the facts of the first alarm of a kind."""
        alarms = [each for _, body in self.calls for each in body["alarms"] if each["kind"] == kind]
        facts: dict[str, Any] = alarms[0]["facts"]
        return facts


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a webhook on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(receiver.take(self.headers["Idempotency-Key"], body))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield receiver
        finally:
            if receiver.held is not None:
                receiver.held.set()
            server.shutdown()
            serving.join()
