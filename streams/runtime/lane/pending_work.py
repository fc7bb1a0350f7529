"""What waits for a lane: fetched batches, items of timers and effects, and what the fetching thread reports.

The fetching thread calls `note_out_of_range` and `note_fetch`. The event loop's thread calls the rest.
"""

import asyncio
from collections import deque
from collections.abc import Iterable

from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.items import Item
from streams.runtime.lane.phase import LanePhase
from streams.runtime.lane.queues import Queues
from streams.runtime.lane.timer_gate import FetchProgress, TimerGate


class PendingWork:
    """The pending work of one lane, and the batch that the lane works on."""

    def __init__(self, lane: LaneId, phase: LanePhase) -> None:
        self._lane = lane
        self._phase = phase
        self.queues = Queues(lane.group.sources)
        #: Items that came of effects.
        self.items: deque[Item] = deque()
        self.timer_gate = TimerGate(lane.name, lane.group.timers_follow, self._look_again)
        #: The batch that the lane works on now.
        self.at_work: Batch | None = None
        #: By topic: the end of the log that the last fetch response had.
        self.ends: dict[str, int] = {}
        #: By topic: a position of the fetch at which Kafka had no record.
        self.out_of_range: dict[str, int] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._is_urgent = False

    def start(self) -> None:
        """Take the running event loop for the calls of other threads."""
        self._loop = asyncio.get_running_loop()

    def enqueue(self, batch: Batch) -> None:
        """Queue a batch that was fetched."""
        self.queues.enqueue(batch)
        self.update_urgency()
        self.wake()

    def add_item(self, item: Item) -> None:
        """Queue the item of an effect that begins or has ended."""
        self.items.append(item)
        self.wake()

    def give_back(self, items: Iterable[Item]) -> None:
        """Put items back at the head of the queue, in their order; a timer is not needed here: the state has it."""
        self.items.extendleft(item for item in reversed(list(items)) if item.timer is None)

    def note_out_of_range(self, topic: str, position: int) -> None:
        """Note a position at which Kafka had no record: the lane looks why before its next turn; from any thread."""
        self.out_of_range[topic] = position
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._arrived.set)

    def note_fetch(self, topic: str, progress: FetchProgress) -> None:
        """Note how far a source was fetched; from any thread."""
        self.timer_gate.note_fetch(topic, progress)

    def wake(self) -> None:
        """Have the lane look again for work."""
        self._arrived.set()

    def clear_wake(self) -> None:
        """Begin to look for work: a `wake` from now on ends the next `wait`."""
        self._arrived.clear()

    async def wait(self, seconds: float | None = None) -> None:
        """Wait for a `wake` since `clear_wake`, at most so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _look_again(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._arrived.set)
            # The lane may wait for a routine turn.
            self._loop.call_soon_threadsafe(self._lane.host.urgency.wake_turns)

    def update_urgency(self) -> None:
        """Report to the process's urgency gate whether an urgent batch waits here or is at work (`urgency.py`)."""
        group, gate = self._lane.group, self._lane.host.urgency
        at_work = self.at_work is not None and self.at_work.topic in group.urgent
        is_urgent = self._phase.is_open and (at_work or self.queues.first() in group.urgent)
        if is_urgent and not self._is_urgent:
            gate.urgent_started()
        elif self._is_urgent and not is_urgent:
            gate.urgent_finished(is_last=group.is_last)
        self._is_urgent = is_urgent

    def oldest_stamp(self) -> int | None:
        """Return the timestamp of the oldest record that is not worked off, in milliseconds since 1970."""
        batches = self.queues.heads()
        if self.at_work is not None:
            batches = [*batches, self.at_work]
        return min((batch.records[0].timestamp for batch in batches), default=None)
