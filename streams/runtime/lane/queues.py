"""The fetched batches that wait for a lane: one queue for each topic, each bounded in bytes, the most urgent first."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from streams.runtime.lane.batches import Batch

#: Bytes that may wait in one queue before the next fetch leaves its topic out. One fetch more may come on top.
QUEUE_BYTES = 4 << 20


class Queues:
    """The queues of one lane; `topics` in order of urgency."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._queues: dict[str, deque[Batch]] = {topic: deque() for topic in topics}
        self._bytes = dict.fromkeys(topics, 0)

    def enqueue(self, batch: Batch) -> None:
        """Add a fetched batch at the end of its queue."""
        self._queues[batch.topic].append(batch)
        self._bytes[batch.topic] += batch.size

    def put_back(self, batch: Batch) -> None:
        """Put a batch that was taken and not worked off at the head of its queue."""
        self._queues[batch.topic].appendleft(batch)
        self._bytes[batch.topic] += batch.size

    def put_rest_back(self, batch: Batch, done: int) -> int:
        """Put the records after the first `done` ones back; return the offset up to which those lead.

        If none is done, the batch goes back with its own begin: it may begin with control records, and the next offset
        is still before them.
        """
        if done == len(batch.records):
            return batch.end
        if not done:
            self.put_back(batch)
            return batch.begin
        rest = batch.records[done:]
        self.put_back(Batch.of(batch.topic, rest, rest[0].offset, batch.end))
        return rest[0].offset

    def is_full(self, topic: str) -> bool:
        """Return whether the next fetch leaves this topic out; the other topics' queues do not count."""
        return self._bytes[topic] > QUEUE_BYTES

    def first(self) -> str | None:
        """Return the most urgent topic with a waiting batch, None if there is none."""
        for topic, queue in self._queues.items():
            if queue:
                return topic
        return None

    def is_outweighed(self, topic: str) -> bool:
        """Return whether a batch of a more urgent topic waits."""
        for other, queue in self._queues.items():
            if other == topic:
                break
            if queue:
                return True
        return False

    def peek(self, topic: str) -> Batch | None:
        """Return the next batch of a topic and leave it in the queue; None if there is none."""
        queue = self._queues[topic]
        return queue[0] if queue else None

    def heads(self) -> list[Batch]:
        """Return the next batch of each topic that has one."""
        return [queue[0] for queue in self._queues.values() if queue]

    def take(self, topic: str, limit: int) -> Batch:
        """Take the next batch of at most `limit` records; it joins several fetches if that many records wait."""
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

    def clear(self, topics: Iterable[str] | None = None) -> None:
        """Drop the batches of these topics, or all: the records are fetched again from the committed offsets."""
        for topic in self._queues if topics is None else topics:
            self._queues[topic].clear()
            self._bytes[topic] = 0

    def waiting_bytes(self) -> Mapping[str, int]:
        """Return the bytes that wait, by topic; the mapping follows the queues."""
        return self._bytes
