"""What the fetching thread needs of the lanes, so that it imports neither a lane nor the lanes' assignment."""

from collections.abc import Set as AbstractSet
from typing import Protocol

from streams.runtime.lane.timer_gate import FetchProgress


class ConsumerLanes(Protocol):
    """The lanes of one consumer. The fetching thread calls these methods, so each returns at once."""

    @property
    def followed(self) -> AbstractSet[str]:
        """Topics of the lanes whose timers follow topics: only for these is the progress of fetches noted."""

    def is_full(self, topic: str, partition: int) -> bool:
        """Return whether the topic's queue in its lane is full: the next fetch leaves the topic out."""

    def note_end(self, topic: str, partition: int, end: int | None) -> None:
        """Note the last stable offset of a source, None if no fetch response has given one."""

    def note_hidden(
        self, topic: str, partition: int, response: int | None, stable: int | None, end: int | None
    ) -> None:
        """Note the last stable offset and the end of a source in the fetch response of the time `response`."""

    def note_fetch(self, topic: str, partition: int, progress: FetchProgress) -> None:
        """Note how far a source was fetched."""

    def note_out_of_range(self, topic: str, partition: int, position: int) -> None:
        """Note that Kafka had no record at the position of a source."""

    def takes_seek(self, topic: str, partition: int) -> bool:
        """Return True once if the fetch of a source must begin anew at the group's committed offset."""


class LaneConsumer(Protocol):
    """A consumer that knows its lanes."""

    @property
    def lanes(self) -> ConsumerLanes:
        """The lanes of this process."""
