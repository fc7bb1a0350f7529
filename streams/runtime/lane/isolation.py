"""Finds the poison records among records on which the agent raised, hung or died (decision 0021).

The records are worked off in halves, or one by one, each part in a turn of its own with an agent made anew. A single
record that raises alone is put aside; all others are done.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from schemas.telemetry import Attribute
from streams.runtime.agent import Record, Turn
from streams.runtime.lane import metrics
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.poison_errors import MOST_TRIES, EndsProcesses, TurnRaised, split_in_half
from streams.runtime.lane.poison_work import PoisonWork
from streams.runtime.lane.queues import Queues
from streams.runtime.lane.slices import TURN_SECONDS, Slices
from streams.runtime.lane.state import ChangelogRecord, LaneState, RecordTrial, record_trial_note, suspect_note
from streams.runtime.lane.transaction import Undeliverable
from streams.runtime.lane.turn_commit import TurnCommits

#: After more openings than this without progress in a topic, the lane works its records off one by one: one of them
#: may end the process without a word (memory, native code). It does so with the next `_SINGLY` records.
_MOST_OPENINGS = 2
_SINGLY = 500
#: Enough for the event loop to go round (seconds).
_ROUND_SECONDS = 0.001


class Isolation:
    """Isolates the poison records of one lane; `is_closing` returns whether the lane begins no turn any more."""

    def __init__(
        self,
        lane: LaneId,
        queues: Queues,
        state: LaneState,
        commits: TurnCommits,
        poison: PoisonWork,
        slices: Slices,
        is_closing: Callable[[], bool],
    ) -> None:
        self._lane = lane
        self._queues = queues
        self._state = state
        self._commits = commits
        self._poison = poison
        self._slices = slices
        self._is_closing = is_closing
        #: By topic: how many records are worked off singly from now on.
        self._singly = {
            topic: _SINGLY
            for topic, count in state.openings.items()
            if count > _MOST_OPENINGS or topic in state.record_trials
        }

    async def first_singly(self, batch: Batch) -> list[tuple[Any, Any]] | None:
        """Work the first records of a batch off singly, if records of its topic have to be; None if they need not.

        Returns the effects that are to start. What is not done goes back to the head of the queue.
        """
        count, records = self._singly.get(batch.topic, 0), batch.records
        if count <= 0:
            return None
        last = records[min(count, len(records)) - 1]
        return await self.isolate(batch, last.offset + 1, singly=True, beyond=max(0, count - len(records)))

    async def isolate(self, batch: Batch, end: int, *, singly: bool = False, beyond: int = 0) -> list[tuple[Any, Any]]:
        """Work the records before offset `end` off; if they raise, in halves, each in a turn of its own.

        `singly`: each record in a turn of its own from the beginning, and noted before it is begun. If the agent hangs,
        that takes less time than to wait for the hanging record in every half. `beyond`: so many later records are
        worked off singly too. Returns the effects that are to start. Ends early, after a part, if it takes longer than
        a turn may: timers come between.
        """
        inside = [record for record in batch.records if record.offset < end]
        after = self._queues.put_rest_back(batch, len(inside))
        effects: list[tuple[Any, Any]] = []
        parts: list[Sequence[Record]] = [[record] for record in reversed(inside)] if singly else [inside]
        begun, has_done = time.monotonic(), False
        while parts and not self._is_closing() and not (has_done and time.monotonic() - begun > TURN_SECONDS):
            part = parts.pop()
            done = parts[-1][0].offset if parts else after
            async with self._lane.trial() if singly else nullcontext():
                found = await self._part(part, batch.topic, done, on_trial=singly)
            if found is None:
                parts.extend(reversed(list(split_in_half(part))))
                continue
            effects += found
            metrics.processed.add(len(part), {Attribute.LANE_GROUP: self._lane.group.name})
            has_done = True
        rest = [record for part in reversed(parts) for record in part]
        if rest:
            # The next batch begins at `after`: without these records before it the lane would find a hole.
            self._queues.put_back(Batch.of(batch.topic, rest, self._state.next_offsets[batch.topic], after))
        if singly:
            self._singly[batch.topic] = len(rest) + beyond
        return effects

    async def _part(
        self, part: Sequence[Record], topic: str, done: int, *, on_trial: bool
    ) -> list[tuple[Any, Any]] | None:
        """Work a part off, up to offset `done`; return its effects, None if it raised and is to be halved."""
        try:
            if on_trial:
                await self._note_try(part[0])
            turn = await self._whole(part, on_trial=on_trial)
            await self._commit_part(topic, done, turn)
        except (TurnRaised, Undeliverable, EndsProcesses) as raised:
            self._slices.renew_agent()
            # The event loop has to go round, or the watchdog takes it for hung.
            await asyncio.sleep(_ROUND_SECONDS)
            if len(part) > 1:
                return None
            aside = self._poison.record_put_aside(part[0], raised.__cause__ or raised)
            return await aside.commit(partial(self._commit_part, topic, done))
        return turn.effects

    async def _whole(self, part: Sequence[Record], *, on_trial: bool) -> Turn:
        """Return a turn over all of these records."""
        turn = self._state.turn(self._lane.now())
        batch = Batch.of(part[0].topic, list(part), part[0].offset, part[-1].offset + 1)
        await self._slices.work_off(batch, part, turn, whole=True, on_trial=on_trial)
        self._slices.follow_rejects(batch, part, turn)
        return turn

    async def _commit_part(self, topic: str, done: int, turn: Turn, *notes: ChangelogRecord) -> None:
        """Commit a part, up to offset `done`, and end the notes on the records that it is done with."""
        suspect = self._state.suspects.get(topic)
        # A range that goes beyond the fetched records stays suspected.
        is_over = suspect is not None and done >= suspect.end
        ended = [suspect_note(topic, None)] if is_over else []
        if topic in self._state.record_trials:
            ended.append(record_trial_note(topic, None))
        await self._commits.commit(turn, {topic: done}, [*notes, *ended])
        if is_over:
            self._state.suspects.pop(topic, None)
        self._state.record_trials.pop(topic, None)

    async def _note_try(self, record: Record) -> None:
        """Note that a record is begun; raise `EndsProcesses` if process after process ended with it."""
        before = self._state.record_trials.get(record.topic)
        tries = before.tries if before is not None and before.offset == record.offset else 0
        if tries >= MOST_TRIES:
            raise EndsProcesses
        trying = RecordTrial(record.offset, tries + 1)
        await self._commits.write_notes(record_trial_note(record.topic, trying))
        self._state.record_trials[record.topic] = trying
