"""A stop has limits, even if a task waits for ever and ignores its cancellation."""

import asyncio
import subprocess
import sys
from contextlib import suppress

import pytest

from streams.runtime.transport.worker import is_done


async def test_what_goes_on_when_it_is_cancelled_is_not_waited_for() -> None:
    released = asyncio.Event()

    async def goes_on() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    waiting = asyncio.create_task(is_done(goes_on(), 0.01))
    done, _ = await asyncio.wait([waiting], timeout=5.0)
    released.set()
    assert done
    assert await waiting is False


async def test_what_is_done_in_time_is_done_and_what_it_raises_is_raised() -> None:
    async def fails() -> None:
        raise LookupError

    assert await is_done(asyncio.sleep(0), 5.0)
    with pytest.raises(LookupError):
        await is_done(fails(), 5.0)


#: A worker that has stopped, except for one task that goes on when it is cancelled.
_STOPPED = """
import asyncio
from streams.runtime.transport import worker

async def goes_on():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def run(config, instance, stopped):
    tasks.append(asyncio.create_task(goes_on()))
    await asyncio.sleep(0)
    stopped()
    return 0

tasks = []
worker._run, worker._STOP_SECONDS = run, 0.1
worker.run_worker("stopped", [], bootstrap="nowhere:1")
"""


def test_a_task_that_does_not_end_does_not_keep_a_process_that_has_stopped() -> None:
    ended = subprocess.run([sys.executable, "-c", _STOPPED], capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "left behind" in ended.stdout + ended.stderr


#: A worker that gets SIGTERM when its event loop runs and has no signal handlers yet.
_STOPPED_EARLY = """
import os, signal, sys
from streams.runtime.transport import worker

def hook(event, _):
    if event == "tempfile.mkdtemp":
        os.kill(os.getpid(), signal.SIGTERM)

sys.addaudithook(hook)
worker.run_worker("stopped", [], bootstrap="nowhere:1")
"""


def test_a_worker_that_is_stopped_before_its_loop_handles_signals_ends_with_status_0() -> None:
    command = [sys.executable, "-c", _STOPPED_EARLY]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 0, ended.stderr
