"""Trials of records and items: one at a time in a process, so that the process's death shows which work caused it.

A lane that handles records one by one notes each record before it begins it. If other lanes worked meanwhile, one of
them could end the process, and the noted record would be put aside although it is innocent.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Trials:
    """A lock: while one lane holds a trial, the agents of all other lanes of the process wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        """Return whether a trial is on."""
        return self._lock.locked()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """Hold a trial: from before the record is noted until its turn is committed."""
        async with self._lock:
            yield

    async def wait_until_free(self) -> None:
        """Wait until no record is on trial. Until the caller awaits again, no trial can begin."""
        if self._lock.locked():
            async with self._lock:
                return
