"""How the lanes of a process share its one thread: routine work slice by slice, and none while urgent work goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

#: How long a slice of routine work takes the thread (seconds): for so long urgent work may wait for its next step.
SLICE_SECONDS = 0.004
#: The same while urgent work goes on beside it.
SHORT_SLICE_SECONDS = 0.0005
#: How long urgent work is still expected after its last step here: its next lane has yet to fetch what that one wrote.
_LINGER_SECONDS = 0.06
#: How long urgent work may stop routine work at a stretch; as long as that, routine work then goes on beside it.
_HOLD_SECONDS = 0.5


class Turnstile:
    """Routine slices of all lanes pass one at a time; they stop for urgent work, but for half of the time at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._urgent = 0
        self._expected_until = 0.0
        self._gone = asyncio.Event()
        #: Seconds that routine work may still be stopped, as of `_counted`: used by stopping, restored by not stopping.
        self._allowance = _HOLD_SECONDS
        self._counted = clock()

    def enter(self) -> None:
        """Say that an urgent batch has come."""
        self._urgent += 1
        self._gone.clear()

    def leave(self) -> None:
        """Say that an urgent batch was committed, or given up."""
        self._urgent -= 1
        self._expected_until = self._clock() + _LINGER_SECONDS
        if not self._urgent:
            self._gone.set()

    @property
    def is_pressed(self) -> bool:
        """Return whether urgent work is on its way in this process."""
        return self._urgent > 0 or self._clock() < self._expected_until

    @asynccontextmanager
    async def slice(self) -> AsyncIterator[float]:
        """Wait for the turn of a routine slice; yields how long it may take (seconds)."""
        async with self._lock:
            await self._give_way()
            yield SHORT_SLICE_SECONDS if self.is_pressed else SLICE_SECONDS
            # Within: the next slice, of whatever lane, comes after the loop went round.
            await asyncio.sleep(0)

    async def _give_way(self) -> None:
        begun = self._clock()
        self._allowance = min(_HOLD_SECONDS, self._allowance + begun - self._counted)
        until = begun + self._allowance
        while self.is_pressed and (now := self._clock()) < until:
            if self._urgent:
                try:
                    async with asyncio.timeout(until - now):
                        await self._gone.wait()
                except TimeoutError:
                    break
            else:
                await asyncio.sleep(min(until, self._expected_until) - now)
        self._counted = self._clock()
        self._allowance -= self._counted - begun
