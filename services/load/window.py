"""One window of the load test: starts generator and observer, gives both the plan and the start, waits for the end."""

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

#: From telling the start to the start, so that both parts have heard of it (seconds).
_AHEAD_SECONDS = 0.5
#: How long nothing more may come once all is reconciled, before it is believed: a doubled record would show.
_QUIET_SECONDS = 1.5
_POLL_SECONDS = 0.1
_STOP_SECONDS = 10.0


class PartLost(Exception):
    """The generator or the observer ended before its time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the window is; `elapsed` None before its start, latencies in milliseconds by stage."""

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
    #: What comes before the interpreter on the parts' command lines.
    command_prefix: Sequence[str] = ()
    #: Called several times a second; raises what ends the window early.
    check: Callable[[], None] = lambda: None
    #: Awaited between the backlog and the open loop.
    backlog_filled: Callable[[], Awaitable[None]] | None = None
    #: How long answers may take after the last record was due, in seconds.
    settle_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Window:
    """What one window came to."""

    options: Options
    run: str
    #: As `Observer.result` and the end of the generator give them.
    observed: dict[str, Any]
    sender: dict[str, Any]
    #: Seconds from the start until everything was reconciled; None where it was not in time.
    settled_after: float | None

    def lags(self) -> list[Lag]:
        """Return the lag over time."""
        return [Lag(at, due - decided) for at, due, decided, _ in self.observed["samples"]]

    def slope(self) -> float:
        """Return by how many records the lag grew each second."""
        return slope(self.lags(), self.options.seconds)

    def is_flat(self) -> bool:
        """Return whether the lag stayed flat."""
        return is_flat(self.lags(), rate=self.options.rate, seconds=self.options.seconds)

    def faults(self) -> dict[str, int]:
        """Return how many ids are missing or doubled, by what is wrong with them."""
        faults = {each["what"]: len(each["ids"]) for each in self.observed["reconciliation"]["faults"].values()}
        if self.observed["passed_over"]:
            faults["records that could not be read"] = self.observed["passed_over"]
        if self.sender["failed"]:
            faults["records that Kafka did not acknowledge"] = len(self.sender["failed"])
        return faults


async def measure(options: Options, environment: WindowEnvironment, show: Callable[[Progress], None]) -> Window:
    """Run one window; raise `PartLost` where a part of it ends early."""
    run = secrets.token_hex(6)
    task = {"plan": {"options": options.fields(), "run": run}}
    async with _part("observer", environment) as observer, _part("generator", environment) as generator:
        observer.tell(task)
        generator.tell(task)
        view = _Watch(options, observer, generator, environment.check, show)
        # Observer first: what is sent before it stands at the topics' ends, it would not see.
        await view.until(lambda: observer.has("ready") and generator.has("ready"))
        generator.tell({"fill": True})
        await view.until(lambda: generator.has("filled"))
        if environment.backlog_filled is not None:
            await environment.backlog_filled()
        start = time.monotonic() + _AHEAD_SECONDS
        for part in (observer, generator):
            part.tell({"start": start})
        view.start = start
        await view.until(lambda: generator.has("ended"))
        limit = max(start + options.seconds, time.monotonic()) + environment.settle_seconds
        await view.until(lambda: view.observed("settled", False) or time.monotonic() > limit)
        settled_after = time.monotonic() - start if view.observed("settled", False) else None
        await asyncio.sleep(_QUIET_SECONDS)
        observer.tell({"finish": True})
        await view.until(lambda: observer.has("result"))
        return Window(options, run, observer.heard["result"], generator.heard["ended"], settled_after)


class _Part:
    """A process of the window, what it said last of each kind, and its last words where it ends early."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.heard: dict[str, Any] = {}
        self._process = process
        self._log = log

    def tell(self, line: Mapping[str, Any]) -> None:
        """Tell it a line."""
        if self._process.stdin is None:
            raise RuntimeError("started without its input")
        self._process.stdin.write(json.dumps(line).encode("ascii") + b"\n")

    def has(self, what: str) -> bool:
        """Return whether it said this; raise `PartLost` where it ended without."""
        if what not in self.heard and self._process.returncode is not None and not self._hears():
            raise PartLost(f"the {self.name} ended with status {self._process.returncode}: {self._last_words()}")
        return what in self.heard

    async def listen(self) -> None:
        """Take in what it says, to its end."""
        if self._process.stdout is None:
            raise RuntimeError("started without its output")
        async for line in self._process.stdout:
            self.heard.update(json.loads(line))

    async def stop(self) -> None:
        """End it, by force where it does not end by itself once nobody talks to it."""
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

    def _hears(self) -> bool:
        return self._process.stdout is not None and not self._process.stdout.at_eof()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        # The class of the error alone: its text may quote what it was about.
        return lines[-1].split(":")[0] if lines else "without a word"


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
    listening = asyncio.create_task(part.listen())
    try:
        yield part
    finally:
        await part.stop()
        listening.cancel()
        # Not awaited itself: its cancellation could not be told from this task's, which would then be lost.
        await asyncio.wait([listening])
        if not listening.cancelled():
            listening.result()


@dataclass(slots=True)
class _Watch:
    """Waits for a condition, and shows the progress meanwhile."""

    options: Options
    observer: _Part
    generator: _Part
    check: Callable[[], None]
    show: Callable[[Progress], None]
    start: float | None = None

    async def until(self, done: Callable[[], bool]) -> None:
        """Return once `done`."""
        while not done():
            self.check()
            self.observer.has("result")
            self.generator.has("ended")
            self.show(self._progress())
            await asyncio.sleep(_POLL_SECONDS)

    def observed(self, what: str, otherwise: Any) -> Any:
        """Return what the observer said last."""
        return self.observer.heard.get("observed", {}).get(what, otherwise)

    def _progress(self) -> Progress:
        heard = self.generator.heard
        return Progress(
            options=self.options,
            elapsed=None if self.start is None else max(0.0, time.monotonic() - self.start),
            filled=heard.get("filled", heard.get("filling", 0)),
            sent=heard.get("ended", heard).get("sent", 0),
            due=self.observed("due", 0),
            decided=self.observed("decided", 0),
            backlog_decided=self.observed("backlog_decided", 0),
            latency=self.observer.heard.get("latency", {}),
        )
