"""Commits a turn: to Kafka in one transaction, and only then to the lane's memory.

Each transaction writes the outputs and the changelog: the changes of the state and the next offsets. The consumer
group's offsets are written once a second (decision 0014). After a crash the changelog's next offsets count, so group
offsets that are a second old lose and double nothing. `TurnCommits` alone moves the next offsets of an open lane.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from aiokafka import TopicPartition

from schemas.telemetry import Attribute
from streams.runtime.agent import Output, Turn
from streams.runtime.lane import metrics
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.rejection import rejected
from streams.runtime.lane.state import ChangelogRecord, LaneState, offset_records, openings_note, turn_records
from streams.runtime.lane.transaction import TransactionalWriter
from streams.runtime.steps import Step

#: How old the group's offsets may be (seconds). Written in every transaction, they would make it take three times as
#: long: see decision 0014.
_OFFSETS_SECONDS = 1.0
#: Ended entries that the transaction of a turn drops, in addition to twice as many as the turn gave an end. So a busy
#: lane drops more entries than it adds.
_ENDED_WITH_A_TURN = 500


class TurnCommits:
    """The transactions of one lane; `shown` are the metrics that follow its state."""

    def __init__(self, lane: LaneId, writer: TransactionalWriter, state: LaneState, shown: metrics.LaneMetrics) -> None:
        self._lane = lane
        self._writer = writer
        self._state = state
        self._shown = shown
        #: Next offsets that the changelog does not have yet: the records before them had no outputs.
        self._unwritten: dict[str, int] = {}
        #: Next offsets that the group does not have yet, and when its offsets were committed last.
        self._group_lacks: dict[str, int] = {}
        self._group_committed_at = float("-inf")

    async def commit(self, turn: Turn, offsets: Mapping[str, int], notes: Sequence[ChangelogRecord] = ()) -> None:
        """Commit the turn with its next offsets, and `notes` for the changelog; then apply it to the state.

        A turn without outputs has no transaction of its own, which would cost as much as any other: its offsets are
        written with the next turn, or with the group's offsets. If the process dies before, its records are worked
        off again, without outputs again. If this raises, nothing was committed, neither to Kafka nor to the state.
        """
        group = self._lane.group.name
        is_stale = time.monotonic() - self._group_committed_at >= _OFFSETS_SECONDS
        if turn.outputs or turn.rejects or turn.changes or turn.timers or turn.effects or notes or is_stale:
            for key in self._state.take_ended(turn.now, _ENDED_WITH_A_TURN + 2 * len(turn.expiries)):
                turn.changes.setdefault(key, None)
        outputs = list(turn.outputs)
        outputs += (rejected(record, invalid, by=group, now=turn.now) for record, invalid in turn.rejects)
        outputs += self._to_changelog(chain(turn_records(turn), notes))
        group_lacks, unwritten = {**self._group_lacks, **offsets}, {**self._unwritten, **offsets}
        if outputs or turn.effects or is_stale:
            await self._deliver(outputs, unwritten, group_lacks if is_stale else {})
        else:
            self._unwritten = unwritten
        if not is_stale:
            self._group_lacks = group_lacks
        for record, _ in turn.rejects:
            metrics.rejected.add(1, {Attribute.LANE_GROUP: group, Attribute.TOPIC: record.topic})
        self._state.commit(turn)
        self._state.next_offsets.update(offsets)
        self._shown.entries, self._shown.timers = len(self._state.entries), len(self._state.timers)
        self._lane.host.watchdog.progress(self._lane.name)
        self._lane.step(Step.APPLIED)

    def pass_over(self, topic: str, offset: int) -> None:
        """Move the next offset of a topic over records that were worked off before; nothing is written."""
        self._state.next_offsets[topic] = offset

    async def write_notes(self, *notes: ChangelogRecord) -> None:
        """Write records of the changelog and nothing else."""
        await self._deliver(list(self._to_changelog(notes)), self._unwritten, {})

    def seconds_until_stale(self) -> float | None:
        """Return the seconds until the group's offsets are due; None if the group has all of them."""
        return max(0.0, self._group_committed_at + _OFFSETS_SECONDS - time.monotonic()) if self._group_lacks else None

    async def commit_group_offsets(self) -> None:
        """Commit the offsets that the group lacks, if it lacks any."""
        if self._group_lacks:
            await self._deliver([], self._unwritten, self._group_lacks)

    async def _deliver(self, outputs: Sequence[Output], unwritten: Mapping[str, int], group: Mapping[str, int]) -> None:
        """Write outputs, next offsets for the changelog and offsets for the group in one transaction."""
        moving = [topic for topic in unwritten if self._state.openings.get(topic)]
        notes = chain(offset_records(unwritten), (openings_note(topic, 0) for topic in moving))
        outputs = [*outputs, *self._to_changelog(notes)]
        if not outputs and not group:
            return
        begun = time.perf_counter()
        positions = {TopicPartition(topic, self._lane.partition): offset for topic, offset in group.items()}
        await self._writer.deliver(outputs, positions, self._lane.step)
        self._unwritten = {}
        for topic in moving:
            self._state.openings.pop(topic, None)
        if group:
            self._group_lacks = {}
            self._group_committed_at = time.monotonic()
        metrics.transaction_seconds.record(time.perf_counter() - begun, {Attribute.LANE_GROUP: self._lane.group.name})

    def _to_changelog(self, entries: Iterable[ChangelogRecord]) -> Iterable[Output]:
        for key, value, headers in entries:
            yield Output(self._lane.group.changelog, self._lane.partition, key, value, headers)
