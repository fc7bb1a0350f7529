"""Records that are written to topics from now on, read back."""

import time
from types import TracebackType
from typing import Any, Self

from kafka import TopicPartition

from services.committed_reader import committed_reader


class Tail:
    """Follows topics from their present end, read_committed; returns records in the order in which they are read."""

    def __init__(self, bootstrap: str, *topics: str) -> None:
        self._consumer = committed_reader(bootstrap)
        sources = [
            TopicPartition(str(topic), partition)
            for topic in topics
            for partition in sorted(self._consumer.partitions_for_topic(str(topic)) or ())
        ]
        self._consumer.assign(sources)
        self._consumer.seek_to_end(*sources)
        for source in sources:
            self._consumer.position(source)

    def take(self, count: int, seconds: float = 20.0) -> list[Any]:
        """Return the next `count` records; fewer only if the time has passed."""
        found: list[Any] = []
        deadline = time.monotonic() + seconds
        while len(found) < count and time.monotonic() < deadline:
            for records in self._consumer.poll(timeout_ms=200).values():
                found.extend(records)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._consumer.close()
