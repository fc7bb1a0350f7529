"""The processes of a deployment: started, started again when they end, and stopped, each with its own log."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import infra.broker.die_with_parent
from schemas.agencies import AGENCIES
from schemas.vocabulary import Agency

#: The processes of the demo, by the names that `docker-compose.yml` gives them.
DEMO_PROCESSES: tuple[str, ...] = (
    "kafka",
    "worker",
    *(entry.connector.value for entry in AGENCIES.values()),
    "notifier",
    "gateway",
    "agencies",
)

#: The agencies as `confide connector` and `confide agencies` spell them.
AGENCY_SLUGS: tuple[str, ...] = tuple(agency.value.replace("_", "-") for agency in Agency)

#: The slot of a process that is the only one of its kind: after a restart it has its lanes back at once.
_ONLY = ("--slot", "1")
#: Its agencies and channels are simulated, so exercises may reach them.
_SIMULATED = ("--kind", "simulated")

#: Pause before a process that ended is started again (seconds), and restarts of one process before it is given up.
_PAUSE_SECONDS = 0.2
_MOST_RESTARTS = 40
_STOP_SECONDS = 15.0
#: Interval between two checks whether all processes are open (seconds).
_POLL_SECONDS = 0.05


class ProcessLost(Exception):
    """A process ended too often to be started again, or did not open in time; the message is one line."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One process: its name and the arguments of `confide`."""

    name: str
    arguments: tuple[str, ...]


class Supervisor:
    """Starts processes and starts each one again when it ends, as the runtime expects of its supervisor."""

    def __init__(self, logs: Path, environment: Mapping[str, str], report: Callable[[str], None]) -> None:
        self._logs = logs
        self._environment = {**os.environ, **environment}
        self._report = report
        self._keepers: list[asyncio.Task[None]] = []
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._ready: dict[str, asyncio.Event] = {}
        self._stopping = False
        #: Restarts of each process.
        self.restarts: dict[str, int] = {}

    def start(self, specification: Specification) -> None:
        """Start the process and keep it running."""
        self._ready[specification.name] = asyncio.Event()
        self._keepers.append(asyncio.create_task(self._keep(specification)))

    def waiting_for(self) -> list[str]:
        """Return the names of the processes that have not reported that they are open."""
        return [name for name, ready in self._ready.items() if not ready.is_set()]

    async def opened(self, seconds: float) -> None:
        """Return once every process has reported that it is open.

        Raises `ProcessLost` if a process was given up, or is not open within `seconds`.
        """
        until = time.monotonic() + seconds
        while waiting := self.waiting_for():
            self.raise_lost()
            if time.monotonic() > until:
                raise ProcessLost(f"did not open in {seconds:.0f} s: {', '.join(waiting)}")
            await asyncio.sleep(_POLL_SECONDS)

    def raise_lost(self) -> None:
        """Raise `ProcessLost` if a process was given up."""
        for keeper in self._keepers:
            if keeper.done() and not keeper.cancelled() and (error := keeper.exception()) is not None:
                raise error

    async def stop(self) -> None:
        """Stop every process: SIGTERM first, SIGKILL after 15 s; return once all have ended."""
        self._stopping = True
        for process in self._running.values():
            if process.returncode is None:
                process.terminate()
        for process in list(self._running.values()):
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, specification: Specification) -> None:
        name = specification.name
        while True:
            process = await self._spawn(specification)
            self._running[name] = process
            await self._log_output(name, process)
            status = await process.wait()
            if self._stopping:
                return
            self.restarts[name] = self.restarts.get(name, 0) + 1
            if self.restarts[name] > _MOST_RESTARTS:
                raise ProcessLost(f"{name} ended {self.restarts[name]} times; its log: {self._logs / name}.log")
            self._report(f"{name} ended ({_status_words(status)}) and is started again")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _log_output(self, name: str, process: asyncio.subprocess.Process) -> None:
        """Write the output of the process to its log until it ends; its first line reports that it is open."""
        if process.stdout is None:
            raise RuntimeError("started without its output")
        with (self._logs / f"{name}.log").open("ab") as log:
            async for line in process.stdout:
                self._ready[name].set()
                log.write(line)
                log.flush()

    async def _spawn(self, specification: Specification) -> asyncio.subprocess.Process:
        # If this process ends for any reason, the system kills the process that is started here.
        command = [sys.executable, infra.broker.die_with_parent.__file__, str(os.getpid())]
        with (self._logs / f"{specification.name}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *command,
                *_confide(),
                *specification.arguments,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )


def specifications(
    *, workers: int, gateway_port: int, agency_ports: Mapping[str, int], agency_logs: Path, notices: Path
) -> list[Specification]:
    """Return the processes of a deployment, without Kafka; `agency_ports` has the slugs of `confide connector`."""
    agencies = [argument for slug, port in agency_ports.items() for argument in (f"--port-{slug}", str(port))]
    return [
        Specification("agencies", ("agencies", "--folder", str(agency_logs), *agencies)),
        *(Specification(f"worker-{n}", ("worker", "--slot", str(n))) for n in range(1, workers + 1)),
        *(
            Specification(
                f"connector-{slug}",
                ("connector", slug, "--agency-url", f"http://127.0.0.1:{port}", *_SIMULATED, *_ONLY),
            )
            for slug, port in agency_ports.items()
        ),
        Specification("notifier", ("notifier", "--channel", "file", "--file", str(notices), *_SIMULATED, *_ONLY)),
        Specification("gateway", ("gateway", "--port", str(gateway_port))),
    ]


def _confide() -> Sequence[str]:
    script = Path(sys.executable).with_name("confide")
    # The installed script, if there is one: then a list of processes shows the command line that a person types.
    return (sys.executable, str(script)) if script.exists() else (sys.executable, "-m", "services.cli")


def _status_words(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
