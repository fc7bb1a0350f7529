"""What a turn collected becomes true: in Kafka, in one transaction, and only then in the lane's memory."""

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

#: How old the group's offsets may be (seconds). They are for others to see and for where to read on; the changelog has
#: the next offsets of every turn, in its transaction. In each transaction they would make it take three times as long:
#: see decision 0014.
_OFFSETS_SECONDS = 1.0
#: Ended entries that a transaction of other work drops, beside twice as many as the turn gave an end: so a busy lane
#: drops more entries than it keeps, at any rate.
_ENDED_WITH_A_TURN = 500


class TurnCommits:
    """The transactions of one lane."""

    def __init__(self, lane: LaneId, writer: TransactionalWriter, state: LaneState, shown: metrics.LaneMetrics) -> None:
        self._lane = lane
        self._writer = writer
        self._state = state
        self._shown = shown
        #: Next offsets that the changelog does not have: nothing followed from the records before them.
        self._unwritten: dict[str, int] = {}
        #: Next offsets that the group has not been told, and when it was told last.
        self._untold: dict[str, int] = {}
        self._told = float("-inf")

    async def commit(self, turn: Turn, offsets: Mapping[str, int], notes: Sequence[ChangelogRecord] = ()) -> None:
        """Deliver the turn with the next offsets it leads to, and `notes` for the changelog; then take it over.

        A turn from which nothing follows waits for the next that is delivered, or until the group is told: whoever
        reads its records again finds that nothing follows, and a transaction of its own would cost as much as any.
        If this raises, nothing was committed, in Kafka or here.
        """
        group = self._lane.group.name
        is_stale = time.monotonic() - self._told >= _OFFSETS_SECONDS
        if turn.outputs or turn.rejects or turn.changes or turn.timers or turn.effects or notes or is_stale:
            for key in self._state.take_ended(turn.now, _ENDED_WITH_A_TURN + 2 * len(turn.expiries)):
                turn.changes.setdefault(key, None)
        outputs = list(turn.outputs)
        outputs += (rejected(record, invalid, by=group, now=turn.now) for record, invalid in turn.rejects)
        outputs += self._to_changelog(chain(turn_records(turn), notes))
        untold, unwritten = {**self._untold, **offsets}, {**self._unwritten, **offsets}
        if outputs or turn.effects or is_stale:
            await self._deliver(outputs, unwritten, untold if is_stale else {})
        else:
            self._unwritten = unwritten
        if not is_stale:
            self._untold = untold
        for record, _ in turn.rejects:
            metrics.rejected.add(1, {Attribute.LANE_GROUP: group, Attribute.TOPIC: record.topic})
        self._state.commit(turn)
        self._state.next_offsets.update(offsets)
        self._shown.entries, self._shown.timers = len(self._state.entries), len(self._state.timers)
        self._lane.host.watchdog.progress(self._lane.name)
        self._lane.step(Step.APPLIED)

    def pass_over(self, topic: str, offset: int) -> None:
        """Move the next offset of a topic over records that were worked off before; nothing is written for that."""
        self._state.next_offsets[topic] = offset

    async def write_notes(self, *notes: ChangelogRecord) -> None:
        """Write records of the changelog and nothing else."""
        await self._deliver(list(self._to_changelog(notes)), self._unwritten, {})

    def seconds_until_stale(self) -> float | None:
        """Return in how long the group is to be told where the lane is, None where it knows."""
        return max(0.0, self._told + _OFFSETS_SECONDS - time.monotonic()) if self._untold else None

    async def commit_group_offsets(self) -> None:
        """Tell the group where the lane is, where it does not know."""
        if self._untold:
            await self._deliver([], self._unwritten, self._untold)

    async def _deliver(self, outputs: Sequence[Output], unwritten: Mapping[str, int], told: Mapping[str, int]) -> None:
        moving = [topic for topic in unwritten if self._state.openings.get(topic)]
        notes = chain(offset_records(unwritten), (openings_note(topic, 0) for topic in moving))
        outputs = [*outputs, *self._to_changelog(notes)]
        if not outputs and not told:
            return
        begun = time.perf_counter()
        positions = {TopicPartition(topic, self._lane.partition): offset for topic, offset in told.items()}
        await self._writer.deliver(outputs, positions, self._lane.step)
        self._unwritten = {}
        for topic in moving:
            self._state.openings.pop(topic, None)
        if told:
            self._untold = {}
            self._told = time.monotonic()
        metrics.transaction_seconds.record(time.perf_counter() - begun, {Attribute.LANE_GROUP: self._lane.group.name})

    def _to_changelog(self, entries: Iterable[ChangelogRecord]) -> Iterable[Output]:
        for key, value, headers in entries:
            yield Output(self._lane.group.changelog, self._lane.partition, key, value, headers)
