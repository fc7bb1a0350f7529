"""A process that is started again whenever it ends, and the times when it was away."""

import asyncio
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import infra.broker.die_with_parent
from tests.chaos.absences import Gap

#: Pause until a process that ended is started again (seconds); it doubles after each short life.
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.3, 5.0
_LIVED_SECONDS = 10.0
_OPEN_SECONDS = 120.0
#: Limit for a process to end after it was asked to (seconds).
STOP_SECONDS = 40.0
#: Most ends before a process is given up; the disruptions of a plan end one about ten times.
_MOST_ENDS = 200
#: Lower priority than the broker and the judges, for machines with few cores.
_LATER = ("nice", "-n", "5")


class Asked(Enum):
    """How a process was asked to end."""

    KILL = "kill"
    STOP = "stop"
    #: It was killed because it did not stop in time.
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Ended:
    """An end of a process, by the wall clock; `asked` is None if it ended by itself."""

    process: str
    at: float
    status: int
    asked: Asked | None
    asked_at: float
    #: Whether it had reported that it is open.
    was_open: bool


@dataclass(slots=True)
class Away:
    """Absences of a process, by the wall clock; the last one may still last."""

    gaps: list[Gap] = field(default_factory=list)
    since: float | None = None

    def leave(self) -> None:
        """Begin an absence now, unless one lasts."""
        if self.since is None:
            self.since = time.time()

    def come(self) -> None:
        """End the absence now, if one lasts."""
        if self.since is not None:
            self.gaps.append((self.since, time.time()))
            self.since = None

    def all(self) -> list[Gap]:
        """Return all absences; the end of one that still lasts is infinity."""
        return self.gaps if self.since is None else [*self.gaps, (self.since, math.inf)]


class KeptProcess:
    """A process that is started again whenever it ends; `note` is called with a line for each event."""

    def __init__(
        self,
        name: str,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        logs: Path,
        note: Callable[[str], None],
    ) -> None:
        self.name = name
        self.away = Away(since=0.0)
        self.ends: list[Ended] = []
        self.frozen: list[Gap] = []
        self._command = command
        self._environment = environment
        self._log = logs / f"{name}.log"
        self._note = note
        self._process: asyncio.subprocess.Process | None = None
        #: How and when the present process was asked to end.
        self._asked: tuple[Asked | None, float] = (None, 0.0)
        self._is_open = False
        self._was_opened = asyncio.Event()
        self._is_wanted = True
        self._is_leaving = False
        self._keeper = asyncio.create_task(self._keep())

    async def opened(self) -> None:
        """Return once it has reported that it is open."""
        async with asyncio.timeout(_OPEN_SECONDS):
            await self._was_opened.wait()

    async def works(self, without_broker: Callable[[], float]) -> None:
        """Return once it works; raise `TimeoutError` after 120 s, in which `without_broker` (seconds so far) stands."""
        begun, away_before = time.monotonic(), without_broker()
        # Polled: the task that reads its output ends the absence.
        while self.away.since is not None:
            if time.monotonic() - begun - (without_broker() - away_before) > _OPEN_SECONDS:
                raise TimeoutError(f"{self.name} did not come to work within {_OPEN_SECONDS:.0f} s")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def runs(self) -> None:
        """Return once there is a process that a signal reaches."""
        # Polled: the keeper starts the next process, for an agency that is away after its time.
        while not self._runs():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_SECONDS)

    def kill(self, asked: Asked = Asked.KILL) -> bool:
        """Kill it, as in a crash; return whether there was a process."""
        if self._runs():
            self._asked = asked, time.time()
        return self._leave_by(signal.SIGKILL)

    def stop(self) -> bool:
        """Ask it to end, once; return whether it was asked."""
        if not self._runs() or self._asked[0] is not None:
            # A second signal would reach it without its handler, shortly before its end.
            return False
        self._asked = Asked.STOP, time.time()
        return self._leave_by(signal.SIGTERM)

    async def freeze(self, seconds: float) -> bool:
        """Freeze it for that many seconds; return whether there was a process."""
        stopped, begun = self._process, time.time()
        if not self._leave_by(signal.SIGSTOP):
            return False
        await asyncio.sleep(seconds)
        self.frozen.append((begun, time.time()))
        if self._process is stopped:
            self.thaw()
        return True

    def thaw(self) -> None:
        """Resume it, if it is frozen."""
        if self._signal(signal.SIGCONT) and self._is_open and self._asked[0] is None:
            self.away.come()

    async def gone(self, seconds: float) -> None:
        """Kill it, and start it again only after that many seconds."""
        self._is_wanted = False
        self.kill()
        await asyncio.sleep(seconds)
        self._is_wanted = True

    async def leave(self) -> None:
        """Ask it to end and do not start it again; return once it has ended. It is killed after 40 s."""
        self._is_leaving = True
        self.thaw()
        self.stop()
        await asyncio.wait([self._keeper], timeout=STOP_SECONDS)
        if not self._keeper.done():
            self.kill(Asked.FORCED)
        await self._keeper

    def _runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _leave_by(self, number: signal.Signals) -> bool:
        reached = self._signal(number)
        if reached:
            self.away.leave()
        return reached

    def _signal(self, number: signal.Signals) -> bool:
        if self._process is None or self._process.returncode is not None:
            return False
        self._process.send_signal(number)
        return True

    async def _keep(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._is_leaving and len(self.ends) < _MOST_ENDS:
            if self._is_wanted:
                begun = time.monotonic()
                await self._live()
                lived = time.monotonic() - begun > _LIVED_SECONDS
                pause = _PAUSE_SECONDS if lived else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            if not self._is_leaving:
                await asyncio.sleep(pause if self._is_wanted else _PAUSE_SECONDS)

    async def _live(self) -> None:
        """Start it once, and return when it has ended."""
        self._asked, self._is_open = (None, 0.0), False
        with self._log.open("ab") as log:
            self._process = process = await asyncio.create_subprocess_exec(
                *_LATER,
                sys.executable,
                infra.broker.die_with_parent.__file__,
                str(os.getpid()),
                sys.executable,
                *self._command,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        # It may have been asked to end, or to stay away, during the start.
        if self._is_leaving:
            self.stop()
        elif not self._is_wanted:
            self.kill()
        await self._listen(process)
        status = await process.wait()
        self.away.leave()
        asked, asked_at = self._asked
        self.ends.append(Ended(self.name, time.time(), status, asked, asked_at, self._is_open))
        self._note(f"{self.name} ended with status {status}")

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Write its output to its log until it ends; its first line reports that it is open."""
        if process.stdout is None:
            raise RuntimeError("started without its output")
        with self._log.open("ab") as log:
            async for line in process.stdout:
                if not self._is_open:
                    self._is_open = True
                    self.away.come()
                    self._was_opened.set()
                    self._note(f"{self.name} is open")
                log.write(line)
