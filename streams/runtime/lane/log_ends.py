"""Refuses a lane whose sources lost their tail.

A log may end before offsets that its lane has handled: after a power cut, an unclean election, a topic made anew. Later
records get the same offsets again, and the lane would skip them as done. So the lane refuses. It also notes in its
changelog where the log ended when the loss was first seen: the log grows on, and would soon look complete.

The end is the high watermark, so control records and open transactions do not matter.
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
    """Return, by topic, where each log that lost its tail ended when the loss was first seen."""
    found = dict(state.cut)
    for topic, log in logs.items():
        if log.end < state.next_offsets.get(topic, log.end):
            found[topic] = min(log.end, found.get(topic, log.end))
    return found


def refused(lane: LaneId, cut: Mapping[str, int], next_offsets: Mapping[str, int]) -> StateDoesNotFit:
    """Return the error with which a lane refuses because logs in `cut` lost their tail."""
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
        """Raise `StateDoesNotFit` if a batch begins before the lane's next offset because the log lost its tail.

        Faust may also seek back, which is harmless. `end` is the last stable offset of the last fetch response, None if
        there was none: if it is not below the next offset, the broker need not be asked.
        """
        expected = self._state.next_offsets[batch.topic]
        if batch.begin >= expected or (end is not None and end >= expected):
            return
        log = await self._extent(batch.topic)
        if log.end < expected:
            await self._refuse(batch.topic, log.end)

    async def check_out_of_range(self, topic: str, position: int) -> None:
        """Raise `StateDoesNotFit` if Kafka had no record at a position that the lane has reached.

        A position beyond the lane's next offset does not concern handled records. If the log starts beyond the
        position, its beginning is lost: the next batch shows whether the lane misses any of those records.
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
