"""Transactions that a test delays before they begin, or lets fail."""

import asyncio
from typing import Any

import pytest

from streams.runtime.lane.transaction import TransactionalWriter

#: Longest delay of a transaction (seconds).
_HELD_SECONDS = 10.0


class HeldCommits:
    """While `held`, every lane's transaction waits before it begins; with an `error` it fails instead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.held = False
        self.error: Exception | None = None
        #: Set once a transaction waits.
        self.waiting = asyncio.Event()
        self._released = asyncio.Event()
        deliver = TransactionalWriter.deliver

        async def wait_and_deliver(writer: TransactionalWriter, *args: Any) -> None:
            if self.held:
                self.waiting.set()
                # Not for ever: a lane closes once its turn has ended, even if the test fails.
                async with asyncio.timeout(_HELD_SECONDS):
                    await self._released.wait()
                if self.error is not None:
                    raise self.error
            await deliver(writer, *args)

        monkeypatch.setattr(TransactionalWriter, "deliver", wait_and_deliver)

    def release(self, error: Exception | None = None) -> None:
        """Let the transactions go on, or fail with `error`."""
        self.held, self.error = False, error
        self._released.set()
