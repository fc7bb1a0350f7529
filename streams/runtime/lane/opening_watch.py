"""Say that a lane's opening makes no progress: a partition without a leader, a broker that answers nothing.

The opening goes on, and ends by itself once Kafka answers. The other lanes of the process work meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from streams.runtime.failure import LaneRefused

#: How long an opening may make no progress before that is said, and how often it is said again (seconds).
STALLED_SECONDS = 60.0
_AGAIN_SECONDS = 30.0


class OpeningStalls(LaneRefused):
    """The opening of a lane makes no progress; it goes on as soon as Kafka answers."""


class OpeningProgress:
    """When the opening of a lane last got further."""

    def __init__(self, lane: str) -> None:
        self.lane = lane
        self.at = time.monotonic()

    def moved(self) -> None:
        """Note that the opening got further."""
        self.at = time.monotonic()


class OpeningWatch:
    """While entered, says again and again of an opening that it stalls, for as long as it does."""

    def __init__(self, say: Callable[[LaneRefused], Awaitable[None]], progress: OpeningProgress) -> None:
        self._say = say
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
                await self._say(
                    OpeningStalls(f"lane {self._progress.lane}: its opening made no progress in {STALLED_SECONDS:g} s")
                )
                wait = _AGAIN_SECONDS
