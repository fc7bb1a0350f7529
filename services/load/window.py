"""Runs one window of the load test: starts generator and observer, sends both the plan and the start, and waits."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.load.json_lines import LINE_LIMIT
from services.load.plan import Options
from services.load.search import Lag, is_flat, slope

#: Time from the message with the start to the start itself, so that both parts receive it before (seconds).
_AHEAD_SECONDS = 0.5
#: Wait after everything is reconciled (seconds): a record that is written twice would appear in this time.
_QUIET_SECONDS = 1.5
_POLL_SECONDS = 0.1
_STOP_SECONDS = 10.0


class PartLost(Exception):
    """The generator or the observer ended before its time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a window. `elapsed` is None before its start; latencies are in milliseconds, by stage."""

    options: Options
    elapsed: float | None
    filled: int
    sent: int
    due: int
    decided: int
    backlog_decided: int
    latency: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class WindowEnvironment:
    """Environment of a window: variables, log folder and command prefix of its two processes, hooks and limit."""

    variables: Mapping[str, str]
    logs: Path
    #: Arguments before the interpreter in the command lines of the two processes.
    command_prefix: Sequence[str] = ()
    #: Called several times per second; its errors end the window early.
    check: Callable[[], None] = lambda: None
    #: Awaited after the backlog is sent and before the open loop starts.
    backlog_filled: Callable[[], Awaitable[None]] | None = None
    #: How long answers may take after the last record is due (seconds).
    settle_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Window:
    """The results of one window."""

    options: Options
    run: str
    #: The result of `Observer.result`, and the last message of the generator.
    observed: dict[str, Any]
    sender: dict[str, Any]
    #: Seconds from the start until everything was reconciled; None if that took longer than the limit.
    settled_after: float | None

    def lags(self) -> list[Lag]:
        """Return the lag over time."""
        return [Lag(at, due - decided) for at, due, decided, _ in self.observed["samples"]]

    def slope(self) -> float:
        """Return the growth of the lag in records per second."""
        return slope(self.lags(), self.options.seconds)

    def is_flat(self) -> bool:
        """Return whether the lag stayed flat."""
        return is_flat(self.lags(), rate=self.options.rate, seconds=self.options.seconds)

    def faults(self) -> dict[str, int]:
        """Return the number of ids for each kind of fault."""
        faults = {each["what"]: len(each["ids"]) for each in self.observed["reconciliation"]["faults"].values()}
        if self.observed["passed_over"]:
            faults["records that could not be read"] = self.observed["passed_over"]
        if self.sender["failed"]:
            faults["records that Kafka did not acknowledge"] = len(self.sender["failed"])
        return faults


async def measure(options: Options, environment: WindowEnvironment, show: Callable[[Progress], None]) -> Window:
    """Run one window; raise `PartLost` if the generator or the observer ends early."""
    run = secrets.token_hex(6)
    task = {"plan": {"options": options.fields(), "run": run}}
    async with _part("observer", environment) as observer, _part("generator", environment) as generator:
        observer.send(task)
        generator.send(task)
        watch = _Watch(options, observer, generator, environment.check, show)
        # The generator starts to send when the observer is ready: the observer reads from the end of the topics.
        await watch.until(lambda: observer.has("ready") and generator.has("ready"))
        generator.send({"fill": True})
        await watch.until(lambda: generator.has("filled"))
        if environment.backlog_filled is not None:
            await environment.backlog_filled()
        start = time.monotonic() + _AHEAD_SECONDS
        for part in (observer, generator):
            part.send({"start": start})
        watch.start = start
        await watch.until(lambda: generator.has("ended"))
        limit = max(start + options.seconds, time.monotonic()) + environment.settle_seconds
        await watch.until(lambda: watch.observed("settled", False) or time.monotonic() > limit)
        settled_after = time.monotonic() - start if watch.observed("settled", False) else None
        await asyncio.sleep(_QUIET_SECONDS)
        observer.send({"finish": True})
        await watch.until(lambda: observer.has("result"))
        return Window(options, run, observer.received["result"], generator.received["ended"], settled_after)


class _Part:
    """A process of the window, with the last value of each field that it sent."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.received: dict[str, Any] = {}
        self._process = process
        self._log = log

    def send(self, message: Mapping[str, Any]) -> None:
        """Send it a message."""
        if self._process.stdin is None:
            raise RuntimeError("started without its input")
        self._process.stdin.write(json.dumps(message).encode("ascii") + b"\n")

    def has(self, what: str) -> bool:
        """Return whether it has sent this field; raise `PartLost` if it ended without it."""
        if what not in self.received and self._process.returncode is not None and not self._has_output():
            raise PartLost(f"the {self.name} ended with status {self._process.returncode}: {self._last_error()}")
        return what in self.received

    async def receive(self) -> None:
        """Receive its messages until it ends."""
        if self._process.stdout is None:
            raise RuntimeError("started without its output")
        async for line in self._process.stdout:
            self.received.update(json.loads(line))

    async def stop(self) -> None:
        """End it: close its input, then SIGTERM, and SIGKILL after 10 s."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _has_output(self) -> bool:
        return self._process.stdout is not None and not self._process.stdout.at_eof()

    def _last_error(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        # Only the class of the error: its text may quote a value.
        return lines[-1].split(":")[0] if lines else "no output"


@asynccontextmanager
async def _part(name: str, environment: WindowEnvironment) -> AsyncIterator[_Part]:
    path = environment.logs / f"{name}.log"
    with path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *environment.command_prefix,
            sys.executable,
            "-m",
            f"services.load.{name}",
            env=dict(environment.variables),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=LINE_LIMIT,
        )
    part = _Part(name, process, path)
    receiving = asyncio.create_task(part.receive())
    try:
        yield part
    finally:
        await part.stop()
        receiving.cancel()
        # `await receiving` would raise CancelledError for both its own cancellation and that of this task, and this
        # task's would be lost.
        await asyncio.wait([receiving])
        if not receiving.cancelled():
            receiving.result()


@dataclass(slots=True)
class _Watch:
    """Waits for a condition, and displays the progress until then."""

    options: Options
    observer: _Part
    generator: _Part
    check: Callable[[], None]
    show: Callable[[Progress], None]
    start: float | None = None

    async def until(self, done: Callable[[], bool]) -> None:
        """Return once `done()`; raise `PartLost` if a part ends early."""
        while not done():
            self.check()
            self.observer.has("result")
            self.generator.has("ended")
            self.show(self._progress())
            await asyncio.sleep(_POLL_SECONDS)

    def observed(self, what: str, otherwise: Any) -> Any:
        """Return a field of the observer's last sample."""
        return self.observer.received.get("observed", {}).get(what, otherwise)

    def _progress(self) -> Progress:
        sent = self.generator.received
        return Progress(
            options=self.options,
            elapsed=None if self.start is None else max(0.0, time.monotonic() - self.start),
            filled=sent.get("filled", sent.get("filling", 0)),
            sent=sent.get("ended", sent).get("sent", 0),
            due=self.observed("due", 0),
            decided=self.observed("decided", 0),
            backlog_decided=self.observed("backlog_decided", 0),
            latency=self.observer.received.get("latency", {}),
        )
