"""Lanes that left this process at a rebalance and still finish their turns in flight.

Heartbeats stop while a rebalance waits. After a session without one the group gives this member up, and it would lose
the lanes that stay too. So a rebalance waits for no turn longer than a revoke does. A lane that comes back meanwhile
opens after its close.
"""

import asyncio
from collections.abc import Iterable

from streams.runtime.failure import end_process
from streams.runtime.lane.lane import HOLD_SECONDS, Lane

#: Lane group and partition.
Key = tuple[str, int]


class ClosingLanes:
    """The closes that have not ended, by lane."""

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    def of(self, key: Key) -> "asyncio.Task[None] | None":
        """Return the close of a lane that has not ended."""
        return self._tasks.get(key)

    async def close(self, lanes: Iterable[tuple[Key, Lane]]) -> None:
        """Close lanes; return once all closes have ended, or after as long as a revoke waits for a turn."""
        for key, lane in lanes:
            closing = self._tasks[key] = asyncio.create_task(_close(lane, after=self._tasks.get(key)))
            closing.add_done_callback(lambda done, key=key: self._has_closed(key, done))  # type: ignore[misc]
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=HOLD_SECONDS)

    async def wait(self) -> None:
        """Return once all closes have ended."""
        if self._tasks:
            await asyncio.wait(self._tasks.values())

    def _has_closed(self, key: Key, done: "asyncio.Task[None]") -> None:
        if self._tasks.get(key) is done:
            del self._tasks[key]
        if not done.cancelled() and (error := done.exception()) is not None:
            end_process(f"close of lane {key[0]}-{key[1]}", error)


async def _close(lane: Lane, after: "asyncio.Task[None] | None") -> None:
    if after is not None:
        await asyncio.wait([after])
    await lane.close()
