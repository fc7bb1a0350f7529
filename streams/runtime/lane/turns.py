"""The turns of a lane over its batches: as much as fits in one, slice by slice, and what raises put aside.

decode each (a bad one → `.rejected`)  →  handle, against a working copy of the lane's state
→  deliver: outputs, state changes and offsets in one transaction
→  the state in memory changes, the next offsets move
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from schemas.errors import Invalid
from schemas.telemetry import Attribute
from streams.runtime.agent import Record, Turn
from streams.runtime.failure import LaneBroken
from streams.runtime.lane import metrics
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.poison_errors import MOST_TRIES, EndsProcesses, TurnRaised, halves
from streams.runtime.lane.poison_work import PoisonWork
from streams.runtime.lane.queues import Queues
from streams.runtime.lane.state import Entry, LaneState, Trying, suspected, tried
from streams.runtime.lane.tracing import TurnSpans
from streams.runtime.lane.transaction import Undeliverable
from streams.runtime.lane.turn_commit import TurnCommits
from streams.runtime.lane.urgency import SLICE_SECONDS
from streams.runtime.steps import Step
from streams.runtime.unreadable import refuse_unreadable
from streams.runtime.watchdog import Hung

#: The latency budget of a turn: how long an agent works at most before what it did is delivered (seconds). When idle a
#: turn has one record; behind, as many as fit in here: thousands of light ones, so that they share a transaction.
TURN_SECONDS = 0.1
#: Records of one turn at most, however light they are.
TURN_RECORDS = 10_000
#: Records of a slice at least: an agent whose every call costs something is not made slower by ever smaller ones.
_LEAST_RECORDS = 4
#: Records that are no backlog: they need not stop for urgent work, which they could hold up for some milliseconds.
_FEW_RECORDS = 20
#: What a record costs an agent, before it is known (seconds), and how much the last turn counts in it.
_FIRST_GUESS_SECONDS = 0.0002
_LATEST_COUNTS = 0.3

#: A lane that opened so often, and whose next offset in a topic did not move, works single records off: one of them may
#: end its process without a word (memory, native code). The records of a first turn are worked off so.
_MOST_OPENINGS = 2
_SINGLY = 500
#: Enough for the event loop to go round (seconds).
_ROUND_SECONDS = 0.001


class Turns:
    """Works batches off with the lane's agent.

    `is_closing` tells when to come to an end, `comes_first` whether a topic comes before all others now.
    """

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
        self._is_closing = is_closing
        self._comes_first = comes_first
        #: Records of a topic that are worked off singly from now on.
        self._singly = {
            topic: _SINGLY for topic, count in state.openings.items() if count > _MOST_OPENINGS or topic in state.trying
        }
        self._seconds_each = _FIRST_GUESS_SECONDS
        #: What was decoded ahead, by topic and offset.
        self._decoded: dict[tuple[str, int], Any] = {}

    def seconds_of_a_turn(self, topic: str) -> float:
        """Return how long the agent may work on records of this topic before what it did is delivered."""
        routine = self._lane.group.routine_turn_seconds
        return TURN_SECONDS if routine is None or topic in self._lane.group.urgent else routine

    def records_of_a_turn(self, topic: str) -> int:
        """Return how many records of this topic fit in the latency budget."""
        return max(1, min(TURN_RECORDS, int(self.seconds_of_a_turn(topic) / self._seconds_each)))

    async def over(self, batch: Batch) -> list[tuple[Any, Any]]:
        """Work a batch off, or as much of it as one turn may; the rest goes back to the head of its queue.

        Returns the effects, each with its cause, that are to start now that it is committed. Raises `TurnRaised`
        where the agent does, and `LaneBroken` where the batch does not follow what the lane has done.
        """
        topic = batch.topic
        expected = self._state.next_offsets[topic]
        if batch.begin > expected:
            raise LaneBroken(f"{topic}-{self._lane.partition}: expected {expected}, fetched from {batch.begin}")
        records = [record for record in batch.records if record.offset >= expected]  # Faust may have sought back
        if not records:
            # Fetched again, and this time over the control records behind it: the next batch begins there.
            self._commits.pass_over(topic, max(expected, batch.end))
            return []
        if (newest := records[-1]).is_stamped:
            self._state.note_stamp(newest.timestamp)
            self._lane.host.clock.stamps.read((topic, self._lane.partition), newest.timestamp)
        self._lane.step(Step.TAKEN)
        new = Batch.of(topic, records, expected, batch.end)
        suspect = self._state.suspects.get(topic)
        if suspect is not None and records[0].offset < suspect.end:
            return await self._isolate(new, suspect.end, singly=suspect.error == Hung.__name__)
        if (count := self._singly.get(topic, 0)) > 0:
            last = records[min(count, len(records)) - 1]
            return await self._isolate(new, last.offset + 1, singly=True, beyond=max(0, count - len(records)))
        try:
            return await self._once(new)
        except TurnRaised as raised:
            if not self._poison.is_careful:
                raise
            self._renew_agent()
            return await self._isolate(raised.batch, raised.end, singly=isinstance(raised.__cause__, Hung))

    async def _once(self, batch: Batch) -> list[tuple[Any, Any]]:
        group, records = self._lane.group.name, batch.records
        begun = time.perf_counter()
        with TurnSpans.of_records(group, group, self._lane.partition, records) as spans:
            turn = self._state.turn(self._lane.now())
            turn.contexts = spans.contexts
            done = await self._work_off(batch, records, turn)
            if not done:
                self._put_back(batch, 0)
                return []
            self._follow_rejects(batch, records[:done], turn)
            end = self._put_back(batch, done)
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

    def _put_back(self, batch: Batch, done: int) -> int:
        """Put back what lies behind the first `done` records; return the position up to which they lead."""
        if done == len(batch.records):
            return batch.end
        rest = batch.records[done:]
        self._queues.put_back(Batch.of(batch.topic, rest, rest[0].offset, batch.end))
        return rest[0].offset

    async def _work_off(
        self, batch: Batch, records: Sequence[Record], turn: Turn, *, whole: bool = False, on_trial: bool = False
    ) -> int:
        """Have the agent work records off slice by slice, and return how many it did.

        All lanes of a process share one event loop. Routine slices pass it one at a time, so that between any two of
        them whatever is urgent elsewhere makes its next step. What is more urgent in this lane, its closing, or a turn
        that has lasted long enough ends the batch, unless it is to be done `whole`. None passes while a record of
        another lane is on trial; `on_trial`: these are.
        """
        topic, trials = batch.topic, self._lane.host.trials
        done, worked = 0, 0.0
        of_many = len(records) > _FEW_RECORDS
        while done < len(records):
            is_long = worked > self.seconds_of_a_turn(topic)
            if done and not whole and (is_long or self._makes_room(topic, of_many=of_many)):
                break
            if not on_trial:
                with self._lane.host.watchdog.waiting(self._lane.name):
                    await trials.over()
            if topic in self._lane.group.urgent or self._comes_first(topic):
                count, seconds = self._slice(batch, records, done, SLICE_SECONDS, turn)
                await asyncio.sleep(0)
            else:
                async with self._lane.host.urgency.slice(
                    lambda: not whole and self._has_to_stop(topic), of_many=of_many
                ) as allowed:
                    if allowed is None:
                        break
                    if trials.is_on and not on_trial:
                        # It began while the slice was waited for, and may wait for a slice itself.
                        continue
                    count, seconds = self._slice(batch, records, done, allowed, turn)
            done += count
            worked += seconds
        if done:
            self._seconds_each += _LATEST_COUNTS * (worked / done - self._seconds_each)
        return done

    def _has_to_stop(self, topic: str) -> bool:
        return self._is_closing() or self._queues.is_outweighed(topic)

    def _makes_room(self, topic: str, *, of_many: bool) -> bool:
        """Return whether to deliver what is done: something more urgent is here, or may be on its way to this lane.

        A few records are not torn apart for what may be on its way: each part would be a transaction, which costs that
        more of the machine than it gains.
        """
        group = self._lane.group
        expects = of_many and bool(group.urgent) and topic not in group.urgent
        return (expects and self._lane.host.urgency.is_holding) or self._has_to_stop(topic)

    def _slice(
        self, batch: Batch, records: Sequence[Record], start: int, allowed: float, turn: Turn
    ) -> tuple[int, float]:
        """Work off as many records from `start` on as fit in the time; return how many, and the seconds it took."""
        part = records[start : start + max(_LEAST_RECORDS, int(allowed / self._seconds_each))]
        agent = self._poison.agent
        begun = time.perf_counter()
        try:
            with self._lane.host.watchdog.call(self._lane.name):
                decoded = []
                for record in part:
                    try:
                        refuse_unreadable(record)
                        message = self._decoded.pop((batch.topic, record.offset), None)
                        decoded.append((record, agent.decode(record) if message is None else message))
                    except Invalid as invalid:
                        turn.reject(record, invalid)
                self._lane.step(Step.DECODED)
                if decoded:
                    agent.handle(decoded, turn)
        except Exception as error:
            raise TurnRaised(batch, part[-1].offset + 1) from error
        self._lane.step(Step.HANDLED)
        return len(part), time.perf_counter() - begun

    def _follow_rejects(self, batch: Batch, records: Sequence[Record], turn: Turn) -> None:
        try:
            with self._lane.host.watchdog.call(self._lane.name):
                for record, invalid in turn.rejects:
                    self._poison.agent.rejected(record, invalid, turn)
        except Exception as error:
            raise TurnRaised(batch, records[-1].offset + 1) from error

    async def _commit_decoding_ahead(self, turn: Turn, topic: str, end: int) -> None:
        """Commit; what will come next is decoded while the broker is waited for."""
        commit = asyncio.create_task(self._commits.commit(turn, {topic: end}))
        try:
            # Once round the loop: the transaction is on its way.
            await asyncio.sleep(0)
            if topic not in self._lane.group.urgent and (following := self._queues.peek(topic)) is not None:
                await self._decode_ahead(following, end, commit)
        finally:
            await commit

    async def _decode_ahead(self, batch: Batch, begin: int, commit: asyncio.Task[None]) -> None:
        # What is fetched again and done by then is skipped, and would never be taken out.
        records = [record for record in batch.records[: self.records_of_a_turn(batch.topic)] if record.offset >= begin]
        done = 0
        while done < len(records) and not commit.done() and not self._is_closing():
            async with self._lane.host.urgency.slice(
                lambda: commit.done() or self._has_to_stop(batch.topic)
            ) as allowed:
                if allowed is None:
                    return
                if self._lane.host.trials.is_on:
                    return
                until = time.perf_counter() + allowed
                while done < len(records) and time.perf_counter() < until:
                    place = batch.topic, records[done].offset
                    if place not in self._decoded:
                        try:
                            refuse_unreadable(records[done])
                            with self._lane.host.watchdog.call(self._lane.name):
                                self._decoded[place] = self._poison.agent.decode(records[done])
                        except Exception:  # noqa: BLE001 - its own turn meets it again, and says what follows
                            return
                    done += 1

    async def _isolate(self, batch: Batch, end: int, *, singly: bool = False, beyond: int = 0) -> list[tuple[Any, Any]]:
        """Work the records before offset `end` off; where they raise, in halves, each a turn of its own.

        `singly`: each record in a turn of its own from the beginning, and noted before it is begun. Where the agent
        hangs, a turn a record takes less time than to wait for it again in every half. `beyond`: so many later records
        are worked off singly too. Ends early, after a part, where it takes longer than a turn may: timers come between.
        """
        inside = [record for record in batch.records if record.offset < end]
        after = self._put_back(batch, len(inside))
        effects: list[tuple[Any, Any]] = []
        parts: list[Sequence[Record]] = [[record] for record in reversed(inside)] if singly else [inside]
        begun, has_done = time.monotonic(), False
        while parts and not self._is_closing() and not (has_done and time.monotonic() - begun > TURN_SECONDS):
            part = parts.pop()
            done = parts[-1][0].offset if parts else after
            async with self._lane.trial() if singly else nullcontext():
                found = await self._part(part, batch.topic, done, on_trial=singly)
            if found is None:
                parts.extend(reversed(list(halves(part))))
                continue
            effects += found
            metrics.processed.add(len(part), {Attribute.LANE_GROUP: self._lane.group.name})
            has_done = True
        rest = [record for part in reversed(parts) for record in part]
        if rest:
            # What stands behind begins at `after`: without the rest before it the lane would meet a hole.
            self._queues.put_back(Batch.of(batch.topic, rest, self._state.next_offsets[batch.topic], after))
        if singly:
            self._singly[batch.topic] = len(rest) + beyond
        return effects

    async def _part(
        self, part: Sequence[Record], topic: str, done: int, *, on_trial: bool
    ) -> list[tuple[Any, Any]] | None:
        """Work a part off, up to offset `done`; return its effects, None where it raised and is to be halved."""
        try:
            if on_trial:
                await self._note_try(part[0])
            turn = await self._whole(part, on_trial=on_trial)
            await self._commit_part(topic, done, turn)
        except (TurnRaised, Undeliverable, EndsProcesses) as raised:
            self._renew_agent()
            # The event loop goes round, or the watchdog takes it for hung.
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
        await self._work_off(batch, part, turn, whole=True, on_trial=on_trial)
        self._follow_rejects(batch, part, turn)
        return turn

    async def _commit_part(self, topic: str, done: int, turn: Turn, *notes: Entry) -> None:
        """Commit a part of what is isolated, up to offset `done`, and end the notes on what it is done with."""
        suspect = self._state.suspects.get(topic)
        # A range that goes beyond what was fetched stays suspected.
        is_over = suspect is not None and done >= suspect.end
        ended = [suspected(topic, None)] if is_over else []
        if topic in self._state.trying:
            ended.append(tried(topic, None))
        await self._commits.commit(turn, {topic: done}, [*notes, *ended])
        if is_over:
            self._state.suspects.pop(topic, None)
        self._state.trying.pop(topic, None)

    async def _note_try(self, record: Record) -> None:
        """Note that a record is begun; raise `EndsProcesses` where process after process ended with it."""
        before = self._state.trying.get(record.topic)
        tries = before.tries if before is not None and before.offset == record.offset else 0
        if tries >= MOST_TRIES:
            raise EndsProcesses
        trying = Trying(record.offset, tries + 1)
        await self._commits.write_notes(tried(record.topic, trying))
        self._state.trying[record.topic] = trying

    def _renew_agent(self) -> None:
        self._decoded.clear()
        self._poison.renew_agent()
