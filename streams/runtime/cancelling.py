"""Cancels a task until it has ended: aiokafka swallows a cancellation that arrives while one of its clients stops."""

import asyncio
import time
from typing import Any

#: Period in which a task is cancelled again (seconds).
AGAIN_SECONDS = 1.0


async def cancel_until_done(task: "asyncio.Future[Any]", limit: float | None = None) -> bool:
    """Cancel a task again and again; return True once it has ended, False after `limit` seconds.

    If the caller is cancelled meanwhile, this raises `CancelledError`, but only once the task has ended.
    """
    deadline = None if limit is None else time.monotonic() + limit
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        if deadline is not None and time.monotonic() > deadline:
            return False
        task.cancel()
        try:
            await asyncio.wait([task], timeout=AGAIN_SECONDS)
        except asyncio.CancelledError as again:
            cancelled = again
    if cancelled is not None:
        raise cancelled
    return True
