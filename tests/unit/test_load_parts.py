"""A part of the load test ends with the test, for any end of the test."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.load.window import WindowEnvironment, _part


class Process:
    """A process that has ended; its last line is still being read when its reader is cancelled."""

    stdin = None
    returncode = 0

    def __init__(self) -> None:
        self.stdout = self
        self.is_stopping, self.may_stop = asyncio.Event(), asyncio.Event()

    async def wait(self) -> int:
        return 0

    def __aiter__(self) -> "Process":
        return self

    async def __anext__(self) -> bytes:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.is_stopping.set()
            await self.may_stop.wait()
            raise
        raise StopAsyncIteration


async def test_a_test_that_is_cancelled_while_a_part_stops_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    process = Process()

    async def started(*_: Any, **__: Any) -> Process:
        return process

    monkeypatch.setattr("services.load.window.asyncio.create_subprocess_exec", started)

    async def test() -> str:
        async with _part("generator", WindowEnvironment({}, tmp_path, ())):
            await asyncio.sleep(0)
        return "went on"

    task = asyncio.create_task(test())
    await process.is_stopping.wait()
    task.cancel()
    process.may_stop.set()
    with pytest.raises(asyncio.CancelledError):
        await task
