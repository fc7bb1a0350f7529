"""Reports that a lane's opening makes no progress: a partition has no leader, or a broker does not respond.

The opening goes on, and succeeds by itself once Kafka responds. The other lanes of the process work meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from streams.runtime.failure import LaneRefused

#: Longest time without progress before it is reported, and the period of later reports (seconds).
STALLED_SECONDS = 60.0
_AGAIN_SECONDS = 30.0


class OpeningStalls(LaneRefused):
    """The opening of a lane makes no progress; it goes on as soon as Kafka responds."""


class OpeningProgress:
    """The time at which the opening of a lane last made progress."""

    def __init__(self, lane: str) -> None:
        self.lane = lane
        self.at = time.monotonic()

    def moved(self) -> None:
        """Note that the opening made progress."""
        self.at = time.monotonic()


class OpeningWatch:
    """Calls `report` periodically while an opening stalls, as long as this context is entered."""

    def __init__(self, report: Callable[[LaneRefused], Awaitable[None]], progress: OpeningProgress) -> None:
        self._report = report
        self._progress = progress
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._progress.moved()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    async def _watch(self) -> None:
        wait = STALLED_SECONDS
        while True:
            await asyncio.sleep(wait)
            stalled = time.monotonic() - self._progress.at
            wait = max(STALLED_SECONDS - stalled, 0.0)
            if stalled >= STALLED_SECONDS:
                await self._report(
                    OpeningStalls(f"lane {self._progress.lane}: its opening made no progress in {STALLED_SECONDS:g} s")
                )
                wait = _AGAIN_SECONDS
