"""A process of the house that is started again whenever it ends, and when it was away."""

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

#: How long it takes until a process that ended is started again: longer each time that it did not live long (seconds).
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.3, 5.0
_LIVED_SECONDS = 10.0
_OPEN_SECONDS = 120.0
#: How long a process has to end once it is asked to (seconds).
STOP_SECONDS = 40.0
#: A process that ends so often is not kept: chaos itself ends one some ten times.
_MOST_ENDS = 200
#: The broker and what judges go first where there are fewer cores than work.
_LATER = ("nice", "-n", "5")


class Asked(Enum):
    """How the house ends a process."""

    KILL = "kill"
    STOP = "stop"
    #: It was killed because it did not stop.
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Ended:
    """An end of a process, by the wall clock; `asked` None: by itself."""

    process: str
    at: float
    status: int
    asked: Asked | None
    asked_at: float
    #: It had said that it is open.
    was_open: bool


@dataclass(slots=True)
class Away:
    """When a process was not there to work, by the wall clock: gaps, the last perhaps still open."""

    gaps: list[Gap] = field(default_factory=list)
    since: float | None = None

    def leave(self) -> None:
        """Note that it is gone from now on."""
        if self.since is None:
            self.since = time.time()

    def come(self) -> None:
        """Note that it works from now on."""
        if self.since is not None:
            self.gaps.append((self.since, time.time()))
            self.since = None

    def all(self) -> list[Gap]:
        """Return the gaps, the one too that has no end yet."""
        return self.gaps if self.since is None else [*self.gaps, (self.since, math.inf)]


class Kept:
    """A process that is started again whenever it ends; `note` writes a line of what happens to it."""

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
        #: How the process of now was asked to end, and when.
        self._asked: tuple[Asked | None, float] = (None, 0.0)
        self._is_open = False
        self._was_opened = asyncio.Event()
        self._is_wanted = True
        self._is_leaving = False
        self._keeper = asyncio.create_task(self._keep())

    async def opened(self) -> None:
        """Return once it has said that it is open."""
        async with asyncio.timeout(_OPEN_SECONDS):
            await self._was_opened.wait()

    async def works(self) -> None:
        """Return once it is there to work."""
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                # Its coming is noted by whoever listens to it.
                while self.away.since is not None:  # noqa: ASYNC110
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"{self.name} did not come to work within {_OPEN_SECONDS:.0f} s") from None

    async def runs(self) -> None:
        """Return once there is a process that a signal reaches."""
        # Its keeper starts one whenever it ends, an agency that is away after its while.
        while not self._runs():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_SECONDS)

    def kill(self, asked: Asked = Asked.KILL) -> bool:
        """End it as a crash does; return whether there was a process to end."""
        if self._runs():
            self._asked = asked, time.time()
        return self._leave_by(signal.SIGKILL)

    def stop(self) -> bool:
        """Ask it to end, once; return whether there was a process to ask."""
        if not self._runs() or self._asked[0] is not None:
            # A second signal would find it without its handler, about to end.
            return False
        self._asked = Asked.STOP, time.time()
        return self._leave_by(signal.SIGTERM)

    async def freeze(self, seconds: float) -> bool:
        """Have it stand still for a while."""
        stopped, begun = self._process, time.time()
        if not self._leave_by(signal.SIGSTOP):
            return False
        await asyncio.sleep(seconds)
        self.frozen.append((begun, time.time()))
        if self._process is stopped:
            self.thaw()
        return True

    def thaw(self) -> None:
        """Have it go on, where it stands still."""
        if self._signal(signal.SIGCONT) and self._is_open and self._asked[0] is None:
            self.away.come()

    async def gone(self, seconds: float) -> None:
        """End it and do not start it again for a while."""
        self._is_wanted = False
        self.kill()
        await asyncio.sleep(seconds)
        self._is_wanted = True

    async def leave(self) -> None:
        """Ask it to end for good, and return once it did; one that does not is killed."""
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
        """Start it once, and return when it ended."""
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
        # It may have been asked to end, or to be gone, while it was being started.
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
        """Read what it says until it ends; its first line says that it is open."""
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
