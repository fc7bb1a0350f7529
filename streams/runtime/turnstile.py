"""How the lanes of a process share its one thread: routine work slice by slice, and none while urgent work goes on."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

#: How long a slice of routine work takes the thread (seconds): for so long urgent work may wait for its next step.
SLICE_SECONDS = 0.004
#: The same while urgent work goes on beside it.
SHORT_SLICE_SECONDS = 0.0005
#: How long urgent work is still expected after its last step here: its next lane has yet to fetch what that one wrote.
_LINGER_SECONDS = 0.06
#: How long urgent work may stop routine work at a stretch. For as long as it did, routine work goes on beside it.
_HOLD_SECONDS = 0.1


class Turnstile:
    """Routine slices of all lanes pass one at a time; they stop for urgent work, but for half of the time at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._urgent = 0
        self._expected_until = 0.0
        self._is_taken = False
        self._is_holding = False
        #: Seconds that routine work may still be stopped, as of `_counted`: used by stopping, restored by not stopping.
        self._allowance = _HOLD_SECONDS
        self._counted = clock()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._alarm: asyncio.TimerHandle | None = None

    def enter(self) -> None:
        """Say that urgent work has come."""
        self._urgent += 1
        # Whoever waits with routine work of the same lane has to make room for it.
        self._wake_all()

    def leave(self) -> None:
        """Say that urgent work was committed, or given up."""
        self._urgent -= 1
        self._expected_until = self._clock() + _LINGER_SECONDS
        self._wake_all()

    @property
    def is_pressed(self) -> bool:
        """Return whether urgent work is on its way in this process."""
        return self._urgent > 0 or self._clock() < self._expected_until

    @asynccontextmanager
    async def slice(self, is_over: Callable[[], bool]) -> AsyncIterator[float | None]:
        """Wait for the turn of a routine slice; yields how long it may take (seconds), None once `is_over` says so."""
        while not is_over():
            held = self._seconds_held()
            if not self._is_taken and not held:
                break
            await self._wait(held)
        else:
            self._wake_next()
            yield None
            return
        self._is_taken = True
        try:
            yield SHORT_SLICE_SECONDS if self.is_pressed else SLICE_SECONDS
            # Within: the next slice, of whatever lane, comes after the loop went round.
            await asyncio.sleep(0)
        finally:
            self._is_taken = False
            self._wake_next()

    def _seconds_held(self) -> float:
        """Return for how long at most routine work is stopped from now on; 0.0 when it is not."""
        now = self._clock()
        passed, self._counted = now - self._counted, now
        if self._is_holding:
            self._allowance -= passed
            self._is_holding = self.is_pressed and self._allowance > 0
        else:
            self._allowance = min(_HOLD_SECONDS, self._allowance + passed)
            self._is_holding = self.is_pressed and self._allowance >= _HOLD_SECONDS / 2
        if not self._is_holding:
            return 0.0
        return self._allowance if self._urgent else min(self._allowance, self._expected_until - now)

    async def _wait(self, held: float) -> None:
        loop = asyncio.get_running_loop()
        if held and self._alarm is None:
            self._alarm = loop.call_later(held, self._wake_all)
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake_next()
            raise

    def _wake_next(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _wake_all(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for turn in self._waiting:
            if not turn.done():
                turn.set_result(None)
        self._waiting.clear()
