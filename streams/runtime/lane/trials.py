"""Records on trial: one at a time in a process, so that its death without a word tells which record it was.

A lane that works single records off notes each before it is begun. If other lanes worked on meanwhile, one of them
could end the process, and the record that happened to be noted would be put aside in its stead.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Trials:
    """Keeps the agents of all other lanes of a process still while a record is on trial."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        """Return whether a record is on trial."""
        return self._lock.locked()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Hold a trial: from before its note until what came of it is committed."""
        async with self._lock:
            yield

    async def over(self) -> None:
        """Wait until no record is on trial: none is until the caller waits for something again."""
        if self._lock.locked():
            async with self._lock:
                return
