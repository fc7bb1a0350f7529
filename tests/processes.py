"""Processes of the command line inside a test: started, spoken to, killed; none outlives the test."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import infra.broker.die_with_parent

CONFIDE = (sys.executable, "-m", "services.cli")


class Process:
    """One process of `confide`, with its own standard error in a file."""

    def __init__(
        self,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        errors: Path,
        program: tuple[str, ...] = CONFIDE,
    ) -> None:
        bound = (sys.executable, infra.broker.die_with_parent.__file__, str(os.getpid()))
        with errors.open("ab") as file:
            self._process = subprocess.Popen(
                [*bound, *program, *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
            )

    def announced(self) -> dict[str, Any]:
        """Return the JSON line by which it says that it is ready."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process ended before it was ready"
        said: dict[str, Any] = json.loads(line)
        return said

    def status(self) -> int | None:
        """Return its exit status if it has ended."""
        return self._process.poll()

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ask it to stop and return its exit status."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=30)

    def ends(self) -> int:
        """Wait until it ends by itself and return its exit status."""
        return self._process.wait(timeout=60)

    def close(self) -> None:
        """End it by whatever it takes."""
        if self._process.poll() is None:
            self.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Processes:
    """Starts processes with one environment; their standard errors lie in a folder."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self.started: list[Process] = []

    def start(self, *arguments: str) -> Process:
        """Start `confide` with these arguments."""
        process = Process(arguments, self._environment, self.errors(arguments[0]))
        self.started.append(process)
        return process

    def start_module(self, module: str, *arguments: str) -> Process:
        """Start a module of the tests' own that stands in for a verb."""
        program = (sys.executable, "-m", module)
        process = Process(arguments, self._environment, self.errors(module), program)
        self.started.append(process)
        return process

    def run(self, *arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """Run `confide` to its end."""
        return subprocess.run(
            [*CONFIDE, *arguments],
            env={**os.environ, **self._environment},
            input=given,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def errors(self, verb: str) -> Path:
        """Return the file of what processes of one verb said on standard error."""
        return self._folder / f"{verb}.err"

    def close(self) -> None:
        """End all of them."""
        for process in self.started:
            process.close()


@contextmanager
def processes(environment: Mapping[str, str], folder: Path) -> Iterator[Processes]:
    """Give processes that end with the context."""
    starting = Processes(environment, folder)
    try:
        yield starting
    finally:
        starting.close()


async def until(holds: Any, seconds: float = 40.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)
