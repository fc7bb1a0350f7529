"""The turns of a lane over its batches.

decode each record (a bad one → `.rejected`)  →  handle, against a working copy of the lane's state
→  deliver: outputs, state changes and offsets in one transaction
→  the state in memory changes, the next offsets move

`slices.py` calls the agent, `turn_commit.py` commits, `isolation.py` takes over if the agent raises.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from schemas.telemetry import Attribute
from streams.runtime.agent import Turn
from streams.runtime.failure import LaneBroken
from streams.runtime.lane import metrics
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.isolation import Isolation
from streams.runtime.lane.poison_errors import TurnRaised
from streams.runtime.lane.poison_work import PoisonWork
from streams.runtime.lane.queues import Queues
from streams.runtime.lane.slices import Slices
from streams.runtime.lane.state import LaneState
from streams.runtime.lane.tracing import TurnSpans
from streams.runtime.lane.transaction import Undeliverable
from streams.runtime.lane.turn_commit import TurnCommits
from streams.runtime.steps import Step
from streams.runtime.watchdog import Hung


class Turns:
    """Works batches off with the lane's agent; for `is_closing` and `comes_first` see `Slices`."""

    def __init__(
        self,
        lane: LaneId,
        queues: Queues,
        state: LaneState,
        commits: TurnCommits,
        poison: PoisonWork,
        is_closing: Callable[[], bool],
        comes_first: Callable[[str], bool],
    ) -> None:
        self._lane = lane
        self._queues = queues
        self._state = state
        self._commits = commits
        self._poison = poison
        self._slices = Slices(lane, queues, poison, is_closing, comes_first)
        self._isolation = Isolation(lane, queues, state, commits, poison, self._slices, is_closing)

    def records_of_a_turn(self, topic: str) -> int:
        """Return how many records of this topic fit in the latency budget."""
        return self._slices.records_of_a_turn(topic)

    async def over(self, batch: Batch) -> list[tuple[Any, Any]]:
        """Work a batch off, or as much of it as one turn may; the rest goes back to the head of its queue.

        Returns the effects, each with its origin, that are to start now that the turn is committed. Raises `TurnRaised`
        if the agent raises, and `LaneBroken` if the batch does not follow the records that the lane has done.
        """
        topic = batch.topic
        expected = self._state.next_offsets[topic]
        if batch.begin > expected:
            found = f"fetched from {batch.begin}, the first record is {batch.records[0].offset}"
            raise LaneBroken(f"{topic}-{self._lane.partition}: expected {expected}, {found}")
        records = [record for record in batch.records if record.offset >= expected]  # Faust may have sought back
        if not records:
            # Fetched again, and this time over the control records after it: the next batch begins there.
            self._commits.pass_over(topic, max(expected, batch.end))
            return []
        if (newest := records[-1]).is_stamped:
            self._state.note_stamp(newest.timestamp)
            self._lane.host.clock.stamps.read((topic, self._lane.partition), newest.timestamp)
        self._lane.step(Step.TAKEN)
        new = Batch.of(topic, records, expected, batch.end)
        suspect = self._state.suspects.get(topic)
        if suspect is not None and records[0].offset < suspect.end:
            return await self._isolation.isolate(new, suspect.end, singly=suspect.error == Hung.__name__)
        if (effects := await self._isolation.first_singly(new)) is not None:
            return effects
        try:
            return await self._once(new)
        except TurnRaised as raised:
            if not self._poison.is_careful:
                raise
            self._slices.renew_agent()
            return await self._isolation.isolate(raised.batch, raised.end, singly=isinstance(raised.__cause__, Hung))

    async def _once(self, batch: Batch) -> list[tuple[Any, Any]]:
        group, records = self._lane.group.name, batch.records
        begun = time.perf_counter()
        with TurnSpans.of_records(group, group, self._lane.partition, records) as spans:
            turn = self._state.turn(self._lane.now())
            turn.contexts = spans.contexts
            done = await self._slices.work_off(batch, records, turn)
            if not done:
                self._queues.put_rest_back(batch, 0)
                return []
            self._slices.follow_rejects(batch, records[:done], turn)
            end = self._queues.put_rest_back(batch, done)
            spans.batch.set_attribute(Attribute.OUTPUTS, len(turn.outputs))
            spans.batch.set_attribute(Attribute.REJECTED, len(turn.rejects))
            try:
                await self._commit_decoding_ahead(turn, batch.topic, end)
            except Undeliverable as error:
                taken = Batch.of(batch.topic, records[:done], batch.begin, end)
                raise TurnRaised(taken, records[done - 1].offset + 1) from error
        attributes: dict[str, str] = {Attribute.LANE_GROUP: group}
        metrics.processed.add(done, attributes)
        metrics.batch_size.record(done, attributes)
        metrics.turn_seconds.record(time.perf_counter() - begun, attributes)
        return turn.effects

    async def _commit_decoding_ahead(self, turn: Turn, topic: str, end: int) -> None:
        """Commit; decode the next records while the broker is waited for."""
        commit = asyncio.create_task(self._commits.commit(turn, {topic: end}))
        try:
            # Once round the event loop: the transaction is on its way.
            await asyncio.sleep(0)
            if topic not in self._lane.group.urgent and (following := self._queues.peek(topic)) is not None:
                await self._slices.decode_ahead(following, end, commit)
        finally:
            await commit
