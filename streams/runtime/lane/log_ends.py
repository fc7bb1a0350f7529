"""Refuse a lane whose sources lost their tail.

A log may end before offsets that its lane has worked off: a power cut, an unclean election, a topic made anew. Records
written afterwards get those offsets again, and the lane would skip them as done. So the lane refuses, and notes in its
changelog where the log ended when that was seen first: the log grows on, and would soon look whole.

The end is the high watermark: control records and open transactions do not matter.
"""

from collections.abc import Mapping

from aiokafka import TopicPartition

from streams.runtime.failure import StateDoesNotFit
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.extents import Extent, extents
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.state import LaneState, log_cut_note
from streams.runtime.lane.turn_commit import TurnCommits


def cut_logs(state: LaneState, logs: Mapping[str, Extent]) -> Mapping[str, int]:
    """Return, by topic, where each log that lost its tail ended when that was first seen."""
    found = dict(state.cut)
    for topic, log in logs.items():
        if log.end < state.next_offsets.get(topic, log.end):
            found[topic] = min(log.end, found.get(topic, log.end))
    return found


def refused(lane: LaneId, cut: Mapping[str, int], next_offsets: Mapping[str, int]) -> StateDoesNotFit:
    """Return the refusal of a lane some of whose logs lost their tail."""
    topic = min(cut)
    return StateDoesNotFit(
        f"{topic}-{lane.partition}: the log ended at {cut[topic]}, before the lane's next offset {next_offsets[topic]}"
    )


class SourceLogs:
    """Notices, while a lane works, that a source has lost its tail."""

    def __init__(self, lane: LaneId, state: LaneState, commits: TurnCommits) -> None:
        self._lane = lane
        self._state = state
        self._commits = commits

    async def check_again(self, batch: Batch, end: int | None) -> None:
        """Raise `StateDoesNotFit` where a batch of what is done comes because the log lost what stood there.

        Faust may seek back, which is harmless. `end` is the last stable offset that the fetch told, if any did: where
        that is not below what is done, the broker is not asked.
        """
        expected = self._state.next_offsets[batch.topic]
        if batch.begin >= expected or (end is not None and end >= expected):
            return
        log = await self._extent(batch.topic)
        if log.end < expected:
            await self._refuse(batch.topic, log.end)

    async def check_out_of_range(self, topic: str, position: int) -> None:
        """Raise `StateDoesNotFit` where Kafka had no record at a position up to which the lane has worked.

        A position beyond the lane's next offset tells of nothing that is done. Where the log starts beyond the
        position, its beginning is lost, and the next batch shows whether the lane misses any of that.
        """
        log = await self._extent(topic)
        if position <= self._state.next_offsets[topic] and log.start <= position:
            await self._refuse(topic, min(log.end, position))

    async def _extent(self, topic: str) -> Extent:
        source = TopicPartition(topic, self._lane.partition)
        return (await extents(self._lane.host.bootstrap, [source]))[source]

    async def _refuse(self, topic: str, end: int) -> None:
        end = min(end, self._state.cut.get(topic, end))
        await self._commits.write_notes(log_cut_note(topic, end))
        self._state.cut[topic] = end
        raise refused(self._lane, {topic: end}, self._state.next_offsets)
