"""Urgent first: the whole rule, and the gate through which routine work passes.

A backlog of routine records never delays an urgent one. A topic is urgent if `LaneGroup.urgent` names it. All lanes of
a process share one thread and one consumer (decision 0016), so an urgent record could wait for routine records at five
points. The rule at each:

- **Fetch** (`transport/worker.py`, `transport/batching_thread.py`, `fetcher_patch.py`): fetches are small. A partition
  whose queue is full is left out, and no partition waits for another one's records. The batches of one fetch are passed
  on in order of urgency: the first topic of every group, then the second topic of every group, and so on.
- **Queues of a lane** (`queues.py`, `open_lane.py`): each topic has its own bounded queue. The next batch is that of
  the first topic in `LaneGroup.sources` that has one. Topics that due timers wait for come before other routine topics.
- **Turn of a lane** (`slices.py`): a routine turn ends after its present slice once a more urgent record waits in the
  same lane. In a lane with urgent topics, a turn of many records also ends while routine work pauses.
- **Lanes of a process** (`UrgencyGate.turn`): urgent work needs no permission. At most `TURNS_AT_ONCE` routine turns
  run at a time; the group furthest down the pipeline comes first, in the order of `LaneHost.groups` (`app.py`).
- **Slices** (`UrgencyGate.slice`): routine slices run one at a time. They pause while urgent work waits or runs in any
  lane of the process (`pending_work.py` reports it), and for `_EXPECTED_SECONDS` after it, because its next lane must
  still fetch it. A pause is limited, so routine work keeps at least two thirds of the time.

A topic that due timers wait for (`timer_gate.py`) passes turns and slices as an urgent topic does.
"""

import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

#: Length of a slice of routine work (seconds). Urgent work may wait this long for its next step.
SLICE_SECONDS = 0.004
#: The same while urgent work goes on beside it.
SHORT_SLICE_SECONDS = 0.0005
#: Routine turns in progress at the same time, in all lanes: one uses the thread while the others' transactions are
#: committed. With more, the same records would be committed in many small transactions instead of a few larger ones.
TURNS_AT_ONCE = 3
#: How long urgent work is expected after its last step in a lane (seconds): its next lane must still fetch it.
_EXPECTED_SECONDS = 0.06
#: Longest continuous pause of routine work (seconds): about the slow-case latency of one urgent record through all
#: stages. Half of it let a backlog in before the urgent record's last stage, and doubled the longest latency.
MAX_PAUSE_SECONDS = 0.2
#: Seconds for which routine work runs for each second of pause. Without it, constant urgent work would pause routine
#: work for ever, and routine records would pile up.
RUN_PER_PAUSE = 2.0
#: A pause shorter than this is left out (seconds).
_LEAST_SECONDS = 0.001


class UrgencyGate:
    """Runs the routine slices of all lanes one by one, and pauses them for urgent work, a third of the time at most."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._urgent = 0
        self._expected_until = 0.0
        self._is_pausing = False
        #: Seconds for which routine work may still pause, as of `_counted`: used up by a pause, restored otherwise.
        self._allowance = MAX_PAUSE_SECONDS
        self._counted = clock()
        self._slices = _PrioritySemaphore(1)
        self._turns = _PrioritySemaphore(TURNS_AT_ONCE)
        self._paused = _PrioritySemaphore(0)
        self._wake_timer: asyncio.TimerHandle | None = None

    def urgent_started(self) -> None:
        """Note that a lane has urgent work."""
        self._urgent += 1
        # Routine work of the same lane that waits here must check its `is_over` again, and give way.
        self._wake_all()

    def urgent_finished(self, *, is_last: bool = False) -> None:
        """Note that a lane's urgent work was committed, or given up; `is_last`: no other lane reads its outputs."""
        self._urgent -= 1
        if not is_last:
            self._expected_until = self._clock() + _EXPECTED_SECONDS
        self._wake_all()

    @property
    def has_urgent_work(self) -> bool:
        """Return whether urgent work waits, runs or is expected in this process."""
        return self._urgent > 0 or self._clock() < self._expected_until

    @property
    def is_pausing(self) -> bool:
        """Return whether routine work pauses now."""
        return self._seconds_to_pause() > 0

    @asynccontextmanager
    async def turn(self, is_over: Callable[[], bool], *, rank: int = 0) -> AsyncIterator[bool]:
        """Wait until a routine turn may begin; yield True if it may, False once `is_over` returns True.

        Of the turns that wait, the lowest rank comes first: it is furthest down the pipeline. Otherwise a whole backlog
        would pass one stage before the next stage began.
        """
        is_acquired = False
        while not (is_over() or is_acquired):
            is_acquired = await self._turns.acquire(rank)
        try:
            yield is_acquired and not is_over()
        finally:
            if is_acquired:
                self._turns.release()

    def wake_turns(self) -> None:
        """Have all callers that wait for a routine turn check their `is_over` again."""
        self._turns.wake_all()

    @asynccontextmanager
    async def slice(self, is_over: Callable[[], bool], *, of_many: bool = True) -> AsyncIterator[float | None]:
        """Wait until a routine slice may run; yield how long it may take (seconds), None once `is_over` returns True.

        A slice of a few records (not `of_many`) does not pause: it delays urgent work by some milliseconds only.
        """
        is_acquired = False
        while not is_over():
            if of_many and (pause := self._seconds_to_pause()):
                if is_acquired:
                    is_acquired = False
                    self._slices.release()
                await self._wait(pause)
            elif is_acquired:
                break
            else:
                is_acquired = await self._slices.acquire()
        try:
            if is_acquired and not is_over():
                yield SHORT_SLICE_SECONDS if self.has_urgent_work else SLICE_SECONDS
                # Still inside the slice: the event loop goes round before the next slice of any lane begins.
                await asyncio.sleep(0)
            else:
                yield None
        finally:
            if is_acquired:
                self._slices.release()

    def _seconds_to_pause(self) -> float:
        """Return how long routine work pauses at most from now on (seconds); 0.0 if it does not pause."""
        now = self._clock()
        passed, self._counted = now - self._counted, now
        if self._is_pausing:
            self._allowance = max(0.0, self._allowance - passed)
            self._is_pausing = self.has_urgent_work and self._allowance > _LEAST_SECONDS
        else:
            self._allowance = min(MAX_PAUSE_SECONDS, self._allowance + passed / RUN_PER_PAUSE)
            self._is_pausing = self.has_urgent_work and self._allowance >= MAX_PAUSE_SECONDS / 2
        if not self._is_pausing:
            return 0.0
        return self._allowance if self._urgent else min(self._allowance, self._expected_until - now)

    async def _wait(self, pause: float) -> None:
        if self._wake_timer is None:
            self._wake_timer = asyncio.get_running_loop().call_later(pause, self._wake_all)
        await self._paused.acquire()

    def _wake_all(self) -> None:
        if self._wake_timer is not None:
            self._wake_timer.cancel()
            self._wake_timer = None
        for semaphore in (self._paused, self._slices, self._turns):
            semaphore.wake_all()


class _PrioritySemaphore:
    """Priority semaphore: first come, first served within a rank. A new caller never passes one that waits."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._waiting: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._numbers = count()

    async def acquire(self, rank: int = 0) -> bool:
        """Wait for the semaphore; return True once acquired, False if the caller must check whether to wait on."""
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
        """Release the semaphore; the next caller that waits acquires it."""
        self._free += 1
        while self._free and self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                self._free -= 1
                given.set_result(True)

    def wake_all(self) -> None:
        """End the wait of all callers; `acquire` returns False to them."""
        waiting, self._waiting = sorted(self._waiting), []
        for _, _, given in waiting:
            if not given.done():
                given.set_result(False)
