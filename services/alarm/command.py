"""A command as receiver: it runs once for each call, with the JSON on its standard input."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence

from streams.domain.alarm_calls import Call

#: Time limit of one run (seconds).
RUN_SECONDS = 10.0
#: The environment variable that gives the command the idempotency key.
KEY_VARIABLE = "IDEMPOTENCY_KEY"
TIMEOUT, CANNOT_START = "timeout", "cannot_start"


class CommandAlarm:
    """Runs a program for each call, without a shell; exit status 0 means that the call is delivered.

    Its output is discarded. After its time limit it is killed together with all processes that it started.
    """

    def __init__(self, command: Sequence[str], seconds: float = RUN_SECONDS) -> None:
        self._command = tuple(command)
        self._seconds = seconds

    async def deliver(self, call: Call) -> str | None:
        """Run the command once; return None if the call was delivered, else a code for the failure."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env={**os.environ, KEY_VARIABLE: call.key},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                # A separate process group, which can be killed as a whole.
                start_new_session=True,
            )
        except OSError:
            return CANNOT_START
        try:
            async with asyncio.timeout(self._seconds):
                # A command does not have to read its input.
                await process.communicate(call.body.encode())
        except TimeoutError:
            return TIMEOUT
        finally:
            if process.returncode is None:
                _kill(process.pid)
                await process.wait()
        return None if process.returncode == 0 else f"exit_status_{process.returncode}"


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
