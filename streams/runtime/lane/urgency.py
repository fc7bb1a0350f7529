"""How the lanes of a process share its one thread: routine work slice by slice, and none while urgent work goes on.

Why both share a process: see decision 0016.
"""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

#: How long a slice of routine work takes the thread (seconds): for so long urgent work may wait for its next step.
SLICE_SECONDS = 0.004
#: The same while urgent work goes on beside it.
SHORT_SLICE_SECONDS = 0.0005
#: Routine turns under way at the same time, in all lanes: one has the thread while the others' transactions are made.
#: More would make many small transactions of what, waiting, becomes a few larger ones.
TURNS_AT_ONCE = 3
#: How long urgent work is still expected after its last step here: its next lane has yet to fetch what that one wrote.
_LINGER_SECONDS = 0.06
#: How long urgent work may stop routine work at a stretch: as long as its way through all stages takes where it takes
#: long. Half as much let a backlog in before the end of it, which doubled the longest of these ways.
HOLD_SECONDS = 0.2
#: Seconds that routine work goes on beside urgent work for each second that it was stopped: much urgent work, which
#: would stop it again and again, has to come with a share of the thread that keeps the rest from piling up.
GOES_ON = 2.0
#: What is not worth waiting for (seconds).
_LEAST_SECONDS = 0.001


class UrgencyGate:
    """Routine slices of all lanes pass one at a time; they stop for urgent work, a third of the time at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._urgent = 0
        self._expected_until = 0.0
        self._is_holding = False
        #: Seconds that routine work may still be stopped, as of `_counted`: used by stopping, restored by not stopping.
        self._allowance = HOLD_SECONDS
        self._counted = clock()
        self._slices = _PrioritySemaphore(1)
        self._turns = _PrioritySemaphore(TURNS_AT_ONCE)
        self._held = _PrioritySemaphore(0)
        self._alarm: asyncio.TimerHandle | None = None

    def urgent_started(self) -> None:
        """Say that urgent work has come."""
        self._urgent += 1
        # Whoever waits with routine work of the same lane has to make room for it.
        self._wake_all()

    def urgent_finished(self, *, for_good: bool = False) -> None:
        """Say that urgent work was committed, or given up; `for_good`: no other lane is about to take it up."""
        self._urgent -= 1
        if not for_good:
            self._expected_until = self._clock() + _LINGER_SECONDS
        self._wake_all()

    @property
    def is_pressed(self) -> bool:
        """Return whether urgent work is on its way in this process."""
        return self._urgent > 0 or self._clock() < self._expected_until

    @property
    def is_holding(self) -> bool:
        """Return whether routine work is stopped now."""
        return self._seconds_held() > 0

    @asynccontextmanager
    async def turn(self, is_over: Callable[[], bool], *, rank: int = 0) -> AsyncIterator[bool]:
        """Wait until a routine turn may begin; yields whether it may, False once `is_over` says that it shall not.

        Of those that wait the lowest rank is first: what is further on its way, so that a backlog is not carried
        through one stage as a whole before the next one begins.
        """
        has_place = False
        while not (is_over() or has_place):
            has_place = await self._turns.acquire(rank)
        try:
            yield has_place and not is_over()
        finally:
            if has_place:
                self._turns.release()

    def wake_turns(self) -> None:
        """Have those that wait for a routine turn look again whether it is over for them."""
        self._turns.wake_all()

    @asynccontextmanager
    async def slice(self, is_over: Callable[[], bool], *, of_many: bool = True) -> AsyncIterator[float | None]:
        """Wait for the turn of a routine slice; yields how long it may take (seconds), None once `is_over` says so.

        A slice that is not one `of_many` stops for nobody: what it could take from urgent work is over in a moment.
        """
        has_place = False
        while not is_over():
            if of_many and (held := self._seconds_held()):
                if has_place:
                    has_place = False
                    self._slices.release()
                await self._wait(held)
            elif has_place:
                break
            else:
                has_place = await self._slices.acquire()
        try:
            if has_place and not is_over():
                yield SHORT_SLICE_SECONDS if self.is_pressed else SLICE_SECONDS
                # Within: the next slice, of whatever lane, comes after the loop went round.
                await asyncio.sleep(0)
            else:
                yield None
        finally:
            if has_place:
                self._slices.release()

    def _seconds_held(self) -> float:
        """Return for how long at most routine work is stopped from now on; 0.0 when it is not."""
        now = self._clock()
        passed, self._counted = now - self._counted, now
        if self._is_holding:
            self._allowance = max(0.0, self._allowance - passed)
            self._is_holding = self.is_pressed and self._allowance > _LEAST_SECONDS
        else:
            self._allowance = min(HOLD_SECONDS, self._allowance + passed / GOES_ON)
            self._is_holding = self.is_pressed and self._allowance >= HOLD_SECONDS / 2
        if not self._is_holding:
            return 0.0
        return self._allowance if self._urgent else min(self._allowance, self._expected_until - now)

    async def _wait(self, held: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(held, self._wake_all)
        await self._held.acquire()

    def _wake_all(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        for places in (self._held, self._slices, self._turns):
            places.wake_all()


class _PrioritySemaphore:
    """So many places, and those who wait for one, by rank, then first come first served: nobody passes who waits."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._numbers = count()

    async def acquire(self, rank: int = 0) -> bool:
        """Wait for a place; return whether it was given, False for one who is to look again whether to wait."""
        if self._free and not self._waiting:
            self._free -= 1
            return True
        given: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._numbers), given))
        try:
            return await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled() and given.result():
                self.release()
            raise

    def release(self) -> None:
        """Give a place to the next who waits, if anybody does."""
        self._free += 1
        while self._free and self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                self._free -= 1
                given.set_result(True)

    def wake_all(self) -> None:
        """Have everybody who waits look again."""
        waiting, self._waiting = sorted(self._waiting), []
        for _, _, given in waiting:
            if not given.done():
                given.set_result(False)
