"""Has a member coordinate with its group for as long as the process lives.

aiokafka stops the coordination at an unexpected error, until a caller of `getmany` takes the error. Faust never calls
`getmany`. Without this module such a member sends no heartbeats and never joins again, and nothing reports that.

Written against the source of aiokafka 0.14.0 (`consumer/group_coordinator.py`), and pinned to it. See decision 0027.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, NoReturn

import structlog

from streams.runtime.failure import LaneBroken, LibraryCancelled, describe, end_process

#: Pause before the member joins its group again (seconds).
_PAUSE_SECONDS = 0.5
#: How long the coordination may fail again and again before the process ends (seconds).
_LONGEST_SECONDS = 60.0
#: Errors that are further apart than this are not one series (seconds).
_APART_SECONDS = 30.0

_log = structlog.get_logger("confide.runtime")


class CoordinationErrors:
    """Has a member join its group again after each error; ends the process if the errors last."""

    def __init__(
        self,
        rejoin: Callable[[], None],
        *,
        end: Callable[[str, BaseException], NoReturn] = end_process,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rejoin = rejoin
        self._end = end
        self._clock = clock
        self._first = self._last = float("-inf")

    async def handle(self, error: BaseException) -> None:
        """Have the member join again after a pause; end the process after 60 s of errors."""
        now = self._clock()
        if now - self._last > _APART_SECONDS:
            self._first = now
        self._last = now
        if now - self._first > _LONGEST_SECONDS:
            self._end("coordination with the group", error)
        _log.error("the coordination with the group failed, this member joins again", **describe(error))
        # A new join also replaces the heartbeat and the refresh of offsets: one of them may have ended by this error.
        self._rejoin()
        await asyncio.sleep(_PAUSE_SECONDS)


def keep_coordinating(consumer: Any) -> None:
    """Have a started consumer of a group go on after every error of its coordination.

    If the coordination itself ends before the consumer stops, the process ends.
    """
    coordinator: Any = consumer._coordinator  # noqa: SLF001 - aiokafka has no public access to it
    coordinator._push_error_to_user = CoordinationErrors(coordinator.request_rejoin).handle  # noqa: SLF001
    end_process_with(consumer, coordinator._coordination_task, "coordination with the group")  # noqa: SLF001


def end_process_with(
    consumer: Any,
    task: "asyncio.Task[None]",
    what: str,
    end: Callable[[str, BaseException], NoReturn] = end_process,
) -> None:
    """End the process when a task of a consumer's own ends, unless the consumer was stopped."""

    def ended(done: "asyncio.Task[None]") -> None:
        if not consumer._closed:  # noqa: SLF001 - aiokafka has no public access to it
            end(what, LibraryCancelled() if done.cancelled() else done.exception() or LaneBroken("it stopped"))

    task.add_done_callback(ended)
