"""Begins a lane's opening anew while it makes no progress, and reports that: Kafka or a client of it does not respond.

A partition may have no leader, or a broker may hang: then the opening succeeds once Kafka responds. A client that
starts while its broker goes away may wait for ever, also after the broker is back: so each attempt has new clients. The
other lanes of the process work meanwhile.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError

from streams.runtime.cancelling import cancel_until_done
from streams.runtime.failure import LaneBroken, LaneRefused, LibraryCancelled, awaited_at, describe, end_process

#: Longest time without progress before it is reported, and the period of later reports (seconds).
STALLED_SECONDS = 60.0
_AGAIN_SECONDS = 30.0

#: Longest time without progress of the first attempt (seconds). It doubles with each attempt, because a cluster may
#: only be slow.
ATTEMPT_SECONDS = 30.0
#: How long an attempt that was cancelled may take to end (seconds).
_END_SECONDS = 10.0
#: Pause after an attempt that was cut off (seconds).
_PAUSE_SECONDS = 0.5

_T = TypeVar("_T")

_log = structlog.get_logger("confide.runtime")


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
            await cancel_until_done(self._watching)

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


async def attempts(
    attempt: Callable[[], Coroutine[Any, Any, _T]],
    renew: Callable[[], Awaitable[None]],
    progress: OpeningProgress,
    seconds: float,
) -> _T:
    """Return the result of `attempt`; begin anew, after `renew`, while Kafka or its client cuts it off.

    An attempt is cut off by an error of Kafka that may pass, by a library's cancellation, and after `seconds` without
    progress (twice as many each time). Raises any other error of an attempt. Ends the process if an attempt does not
    end when it is cancelled.
    """
    while True:
        task = asyncio.create_task(attempt())
        try:
            if not await _ends_while_it_moves(task, progress, seconds):
                seconds *= 2
                why = {"at": awaited_at(task)}
            elif (cut_off := _cut_off_by(task)) is not None:
                why = describe(cut_off)
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return task.result()
            _log.warning("the opening of a lane begins anew", lane=progress.lane, **why)
        finally:
            await _end(task, progress.lane)
        await renew()


def _cut_off_by(task: asyncio.Task[Any]) -> BaseException | None:
    """Return why a task that has ended may begin anew; None if it may not."""
    if task.cancelled():
        return LibraryCancelled()
    error = task.exception()
    # aiokafka wraps an error that may pass in one that does not say so.
    may_pass = any(
        isinstance(each, KafkaTimeoutError) or (isinstance(each, KafkaError) and each.retriable)
        for each in (error, None if error is None else error.__cause__)
    )
    return error if may_pass else None


async def _ends_while_it_moves(task: asyncio.Task[Any], progress: OpeningProgress, seconds: float) -> bool:
    """Return True once the task has ended, or False after `seconds` without progress."""
    begun = time.monotonic()
    while not task.done():
        left = max(progress.at, begun) + seconds - time.monotonic()
        if left <= 0:
            return False
        await asyncio.wait([task], timeout=left)
    return True


async def _end(task: asyncio.Task[Any], lane: str) -> None:
    # An attempt that was left behind would fence the lane's next owner.
    if not await cancel_until_done(task, _END_SECONDS):
        end_process(f"lane {lane} at {awaited_at(task)}", LaneBroken("its opening did not end"))
