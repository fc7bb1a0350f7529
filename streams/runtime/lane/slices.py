"""Has the agent work records off slice by slice, within the turn's latency budget.

All lanes of a process share one event loop. Routine slices pass the process's urgency gate one at a time, so that
urgent work makes its next step between any two of them (`urgency.py`). While a broker commits a turn, the records of
the next turn are decoded ahead.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from schemas.errors import Invalid
from streams.runtime.agent import Record, Turn
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.poison_errors import TurnRaised
from streams.runtime.lane.poison_work import PoisonWork
from streams.runtime.lane.queues import Queues
from streams.runtime.lane.urgency import SLICE_SECONDS
from streams.runtime.steps import Step
from streams.runtime.unreadable import refuse_unreadable

#: The latency budget of a turn: how long an agent works at most before its results are delivered (seconds). An idle
#: lane has turns of one record. A lane that is behind has turns of thousands of light records, which share a
#: transaction.
TURN_SECONDS = 0.1
#: Records of one turn at most, however light they are.
TURN_RECORDS = 10_000
#: Records of a slice at least: ever smaller slices would make an agent slower if each of its calls has a fixed cost.
_LEAST_RECORDS = 4
#: So few records are no backlog: they need not stop for urgent work, which they hold up for some milliseconds at most.
_FEW_RECORDS = 20
#: The cost of a record before it is known (seconds), and the weight of the last turn in the running average.
_FIRST_GUESS_SECONDS = 0.0002
_LATEST_COUNTS = 0.3


class Slices:
    """Calls the agent of one lane on records.

    `is_closing()`: whether the lane is closing and begins no further turn. `comes_first(topic)`: whether records of
    this topic are worked off before those of all other topics now.
    """

    def __init__(
        self,
        lane: LaneId,
        queues: Queues,
        poison: PoisonWork,
        is_closing: Callable[[], bool],
        comes_first: Callable[[str], bool],
    ) -> None:
        self._lane = lane
        self._queues = queues
        self._poison = poison
        self._is_closing = is_closing
        self._comes_first = comes_first
        self._seconds_each = _FIRST_GUESS_SECONDS
        #: Messages decoded ahead, by topic and offset.
        self._decoded: dict[tuple[str, int], Any] = {}

    def seconds_of_a_turn(self, topic: str) -> float:
        """Return how long the agent may work on records of this topic before its results are delivered, in seconds."""
        routine = self._lane.group.routine_turn_seconds
        return TURN_SECONDS if routine is None or topic in self._lane.group.urgent else routine

    def records_of_a_turn(self, topic: str) -> int:
        """Return how many records of this topic fit in the latency budget."""
        return max(1, min(TURN_RECORDS, int(self.seconds_of_a_turn(topic) / self._seconds_each)))

    def renew_agent(self) -> None:
        """Make the agent anew; messages that the old one decoded ahead are dropped."""
        self._decoded.clear()
        self._poison.renew_agent()

    async def work_off(
        self, batch: Batch, records: Sequence[Record], turn: Turn, *, whole: bool = False, on_trial: bool = False
    ) -> int:
        """Have the agent work records off slice by slice, and return how many it did.

        It stops early if this lane has more urgent work, if the lane is closing, or if the turn has used up its budget.
        `whole`: it does all records and never stops early. No slice begins while a record of another lane is on trial;
        `on_trial`: these records are on trial themselves. Raises `TurnRaised` if the agent raises.
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
                    await trials.wait_until_free()
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
                        # The trial began while this slice waited, and its record may wait for a slice itself.
                        continue
                    count, seconds = self._slice(batch, records, done, allowed, turn)
            done += count
            worked += seconds
        if done:
            self._seconds_each += _LATEST_COUNTS * (worked / done - self._seconds_each)
        return done

    def follow_rejects(self, batch: Batch, records: Sequence[Record], turn: Turn) -> None:
        """Have the agent follow the rejection of records; raise `TurnRaised` if it raises."""
        try:
            with self._lane.host.watchdog.call(self._lane.name):
                for record, invalid in turn.rejects:
                    self._poison.agent.rejected(record, invalid, turn)
        except Exception as error:
            raise TurnRaised(batch, records[-1].offset + 1) from error

    async def decode_ahead(self, batch: Batch, begin: int, commit: asyncio.Task[None]) -> None:
        """Decode records of a waiting batch from offset `begin` on, until `commit` is done."""
        # The next turn skips records before `begin`: their decoded messages would stay in `_decoded` for ever.
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
                    location = batch.topic, records[done].offset
                    if location not in self._decoded:
                        try:
                            refuse_unreadable(records[done])
                            with self._lane.host.watchdog.call(self._lane.name):
                                self._decoded[location] = self._poison.agent.decode(records[done])
                        except Exception:  # noqa: BLE001 - its own turn decodes it again, and handles the error
                            return
                    done += 1

    def _slice(
        self, batch: Batch, records: Sequence[Record], start: int, allowed: float, turn: Turn
    ) -> tuple[int, float]:
        """Work as many records from `start` on off as fit in the time; return how many, and the seconds it took."""
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

    def _has_to_stop(self, topic: str) -> bool:
        return self._is_closing() or self._queues.is_outweighed(topic)

    def _makes_room(self, topic: str, *, of_many: bool) -> bool:
        """Return whether to deliver now: something more urgent is here, or may be on its way to this lane.

        A few records are not torn apart for urgent work that may be on its way: each part would be a transaction, which
        costs the machine more than it gains.
        """
        group = self._lane.group
        expects = of_many and bool(group.urgent) and topic not in group.urgent
        return (expects and self._lane.host.urgency.is_pausing) or self._has_to_stop(topic)
