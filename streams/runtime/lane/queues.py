"""What was fetched for a lane and waits: a queue for each topic, each bounded in bytes, the most urgent first."""

from collections import deque
from collections.abc import Mapping, Sequence

from streams.runtime.lane.batches import Batch

#: Bytes that may wait in one queue before its topic is left out of the fetch. One fetch more may come on top.
QUEUE_BYTES = 4 << 20


class Queues:
    """The queues of one lane; `topics` in order of urgency."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._queues: dict[str, deque[Batch]] = {topic: deque() for topic in topics}
        self._bytes = dict.fromkeys(topics, 0)

    def enqueue(self, batch: Batch) -> None:
        """Queue what was fetched."""
        self._queues[batch.topic].append(batch)
        self._bytes[batch.topic] += batch.size

    def put_back(self, batch: Batch) -> None:
        """Put what was taken and not worked off at the head of its queue."""
        self._queues[batch.topic].appendleft(batch)
        self._bytes[batch.topic] += batch.size

    def is_full(self, topic: str) -> bool:
        """Return whether this topic is to be left out of the next fetch; another topic's backlog does not count."""
        return self._bytes[topic] > QUEUE_BYTES

    def first(self) -> str | None:
        """Return the most urgent topic that something waits for."""
        for topic, queue in self._queues.items():
            if queue:
                return topic
        return None

    def is_outweighed(self, topic: str) -> bool:
        """Return whether something waits that is more urgent than this topic."""
        for other, queue in self._queues.items():
            if other == topic:
                break
            if queue:
                return True
        return False

    def peek(self, topic: str) -> Batch | None:
        """Return what would be taken next, as it was fetched, and leave it."""
        queue = self._queues[topic]
        return queue[0] if queue else None

    def heads(self) -> list[Batch]:
        """Return what would be taken next of each topic."""
        return [queue[0] for queue in self._queues.values() if queue]

    def take(self, topic: str, limit: int) -> Batch:
        """Return the next batch of at most `limit` records, of several fetches when that many wait."""
        queue = self._queues[topic]
        batch = queue.popleft()
        parts, count = [batch], len(batch.records)
        while count < limit and queue and queue[0].begin == parts[-1].end:
            parts.append(queue.popleft())
            count += len(parts[-1].records)
        taken = Batch.joined(parts)
        self._bytes[topic] -= taken.size
        if count > limit:
            taken, rest = taken.split(limit)
            self.put_back(rest)
        return taken

    def clear(self) -> None:
        """Drop everything: it is fetched again from the committed offsets."""
        for topic, queue in self._queues.items():
            queue.clear()
            self._bytes[topic] = 0

    def waiting_bytes(self) -> Mapping[str, int]:
        """Return the bytes that wait, by topic."""
        return self._bytes
