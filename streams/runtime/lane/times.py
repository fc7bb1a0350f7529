"""A heap of times, each of a key: when timers are due, and when entries end."""

import heapq
from collections.abc import Callable
from datetime import datetime

from streams.runtime.agent import at_micros

#: The heap is made anew once it has more outdated times than this, and more than current ones.
_OUTDATED = 10_000


class Times:
    """A heap of (microseconds since 1970, key); `current` returns a key's present time, None if it has none.

    A changed or removed time stays in the heap. It is recognised as outdated, and skipped.
    """

    def __init__(self, current: Callable[[bytes], int | None]) -> None:
        self._current = current
        self._heap: list[tuple[int, bytes]] = []
        #: The heap is made anew beyond this size, about twice its size after the last time: so this costs little.
        self._bound = _OUTDATED

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at: int, key: bytes) -> None:
        """Add the time of a key. Its earlier times become outdated."""
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > self._bound:
            self._heap = list({each for each in self._heap if self._current(each[1]) == each[0]})
            heapq.heapify(self._heap)
            self._bound = _OUTDATED + 2 * len(self._heap)

    def next(self) -> datetime | None:
        """Return the earliest time of a key, None if no key has one."""
        while self._heap and self._current(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return at_micros(self._heap[0][0]) if self._heap else None

    def passed(self, now: int, limit: int) -> list[bytes]:
        """Return up to `limit` keys whose time has passed, earliest first; they stay in the heap."""
        # A time that was added twice is in the heap twice, and counts once.
        passed: dict[tuple[int, bytes], None] = {}
        while len(passed) < limit and self._heap and self._heap[0][0] <= now:
            each = heapq.heappop(self._heap)
            if self._current(each[1]) == each[0]:
                passed[each] = None
        for each in passed:
            heapq.heappush(self._heap, each)
        return [key for _, key in passed]
