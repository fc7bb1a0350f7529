"""A lane: one partition number of topics that share one state, worked off in turns of one transaction each.

decode each (a bad one → `.rejected`)  →  handle, against a working copy of the lane's state
→  deliver: outputs, state changes and offsets in one transaction
→  the state in memory changes, the next offsets move, effects start
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition
from opentelemetry import metrics

from schemas.errors import Invalid
from schemas.telemetry import Attribute, Metric
from streams.runtime.agent import Agent, Cause, Output, Record, Turn
from streams.runtime.batches import Batch
from streams.runtime.changelog import entry_key, offset_key, restore
from streams.runtime.failure import LaneBroken, end_process
from streams.runtime.rejection import rejected
from streams.runtime.tracing import TurnSpans
from streams.runtime.transaction import TransactionalWriter

#: Records of one turn: many enough to share a transaction of about 30 ms, few enough for a short turn.
TURN_RECORDS = 500
#: Records that are worked off without a pause (about 10 ms): for so long urgent work of another lane waits at most.
SLICE_RECORDS = 20
#: Records that may wait in one queue of a lane before its topic is left out of the fetch.
QUEUE_RECORDS = 20_000
#: Effects of one lane that are performed at the same time.
EFFECTS_AT_ONCE = 1_000

_meter = metrics.get_meter("confide.runtime")
_processed = _meter.create_counter(Metric.PROCESSED, unit="{record}")
_rejected = _meter.create_counter(Metric.REJECTED, unit="{record}")


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What an agent may know of its lane."""

    group: str
    partition: int


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Topics that share one state by partition, in order of urgency, and who works them off.

    They have the same partition count, and so has `changelog`. `sources` may grow by topics, but its partition count
    never changes. What comes on a topic of `urgent` does not stand in line with the routine work of other lanes.
    """

    name: str
    sources: tuple[str, ...]
    agent: Callable[[LaneContext], Agent[Any, Any, Any]]
    changelog: str
    urgent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Settled:
    effect: Any
    result: Any
    cause: Cause


class Lane:
    """One partition number of a lane group, while it is assigned to this process."""

    def __init__(
        self, group: LaneGroup, partition: int, application: str, bootstrap: str, turnstile: asyncio.Lock
    ) -> None:
        self.group = group
        self.partition = partition
        self._application = application
        self._bootstrap = bootstrap
        self._turnstile = turnstile
        self._queues: dict[str, deque[Batch]] = {topic: deque() for topic in group.sources}
        self._waiting = dict.fromkeys(group.sources, 0)
        self._settled: deque[_Settled] = deque()
        self._work_arrived = asyncio.Event()
        self._closing = False
        #: Set once the state is restored and the lane takes batches.
        self.opened = asyncio.Event()
        self._state: dict[bytes, bytes] = {}
        #: None where nothing was ever committed: the lane begins wherever its log does.
        self._next_offsets: dict[str, int | None] = {}
        self._writer = TransactionalWriter(bootstrap, f"{application}-{group.name}-{partition}", application)
        self._agent: Agent[Any, Any, Any]
        self._effects: set[asyncio.Task[None]] = set()
        self._effect_slots = asyncio.Semaphore(EFFECTS_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    def start(self, ready: asyncio.Event) -> None:
        """Open and work in a task of its own, once `ready`: no rebalance waits for it."""
        self._task = asyncio.create_task(self._run(ready))

    def put(self, topic: str, batch: Batch) -> None:
        """Queue what was fetched."""
        self._queues[topic].append(batch)
        self._waiting[topic] += len(batch.records)
        self._work_arrived.set()

    def is_full(self, topic: str) -> bool:
        """Return whether this topic is to be left out of the next fetch; another topic's backlog does not count."""
        return self._waiting[topic] > QUEUE_RECORDS

    def forget_waiting(self) -> None:
        """Drop what waits: it is fetched again from the committed offsets."""
        for topic, queue in self._queues.items():
            queue.clear()
            self._waiting[topic] = 0

    async def close(self) -> None:
        """Let the turn in flight finish, drop what waits, give the producer back."""
        self._closing = True
        self._work_arrived.set()
        if self._task is not None:
            if not self.opened.is_set():
                self._task.cancel()
            await asyncio.wait([self._task])
        for effect in self._effects:
            effect.cancel()  # its outcome is unknown: the lane's next owner starts it again from the state
        await self._writer.stop()

    async def _run(self, ready: asyncio.Event) -> None:
        try:
            await ready.wait()
            await self._open()
            while (work := await self._next_work()) is not None:
                if isinstance(work, Batch):
                    await self._turn_over_batch(work)
                else:
                    await self._turn_over_settled(work)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"lane {self.group.name}-{self.partition}", error)

    async def _open(self) -> None:
        await self._writer.start()
        committed = await self._writer.committed(self.group.sources, self.partition)
        self._state, restored = await restore(self._bootstrap, self.group.changelog, self.partition)
        self._next_offsets = {
            topic: max((offsets[topic] for offsets in (committed, restored) if topic in offsets), default=None)
            for topic in self.group.sources
        }
        if self._state and all(offset is None for offset in self._next_offsets.values()):
            raise LaneBroken(f"{self.group.changelog}-{self.partition}: there is state, but no offset it belongs to")
        self._agent = self.group.agent(LaneContext(self.group.name, self.partition))
        turn = Turn(self._state, _now())
        self._agent.opened(turn)
        await self._commit(turn, {})
        self.opened.set()

    async def _next_work(self) -> Batch | list[_Settled] | None:
        """Return what is to be done next: results of effects, then batches, the most urgent topic first."""
        while not self._closing:
            if self._settled:
                settled = list(self._settled)
                self._settled.clear()
                return settled
            for topic in self.group.sources:
                if self._queues[topic]:
                    return self._next_batch(topic)
            self._work_arrived.clear()
            await self._work_arrived.wait()
        return None

    def _next_batch(self, topic: str) -> Batch:
        """Return the records of the next turn, of several fetches when many wait: a transaction costs the same."""
        queue = self._queues[topic]
        batch = queue.popleft()
        while queue and len(batch.records) < TURN_RECORDS and queue[0].begin == batch.end:
            batch = batch.joined(queue.popleft())
        if len(batch.records) > TURN_RECORDS:
            batch, rest = batch.split(TURN_RECORDS)
            queue.appendleft(rest)
        self._waiting[topic] -= len(batch.records)
        return batch

    async def _turn_over_batch(self, batch: Batch) -> None:
        known = self._next_offsets[batch.topic]
        expected = batch.begin if known is None else known
        if batch.begin > expected:
            raise LaneBroken(f"{batch.topic}-{self.partition}: expected {expected}, fetched from {batch.begin}")
        records = [record for record in batch.records if record.offset >= expected]  # Faust may have sought back
        if not records:
            # Fetched again, and this time over the control records behind it: the next batch begins there.
            self._next_offsets[batch.topic] = max(expected, batch.end)
            return
        with TurnSpans.of_records(self.group.name, self.group.name, self.partition, records) as spans:
            turn = Turn(self._state, _now())
            turn.contexts = spans.contexts
            end = await self._work_off(batch, records, turn)
            spans.batch.set_attribute(Attribute.OUTPUTS, len(turn.outputs))
            spans.batch.set_attribute(Attribute.REJECTED, len(turn.rejects))
            await self._commit(turn, {batch.topic: end})
        _processed.add(sum(record.offset < end for record in records), {Attribute.LANE_GROUP: self.group.name})

    async def _work_off(self, batch: Batch, records: list[Record], turn: Turn) -> int:
        """Have the agent work a batch off slice by slice, and return the offset up to which it did.

        All lanes of a process share one event loop. Routine slices pass it one at a time, so that between any two of
        them whatever is urgent elsewhere makes its next step. What is more urgent in this lane, or its closing, ends
        the batch: the rest goes back to the head of its queue.
        """
        topic = batch.topic
        for start in range(0, len(records), SLICE_RECORDS):
            if start and (self._closing or self._is_outweighed(topic)):
                rest = records[start:]
                self._queues[topic].appendleft(Batch(topic, rest, rest[0].offset, batch.end))
                self._waiting[topic] += len(rest)
                return rest[0].offset
            part = records[start : start + SLICE_RECORDS]
            if topic in self.group.urgent:
                self._handle(part, turn)
                await asyncio.sleep(0)
            else:
                async with self._turnstile:
                    self._handle(part, turn)
                    await asyncio.sleep(0)  # within: the next slice, of whatever lane, comes after the loop went round
        return batch.end

    def _handle(self, records: Sequence[Record], turn: Turn) -> None:
        decoded = []
        for record in records:
            try:
                decoded.append((record, self._agent.decode(record)))
            except Invalid as invalid:
                turn.reject(record, invalid)
        if decoded:
            self._agent.handle(decoded, turn)

    def _is_outweighed(self, topic: str) -> bool:
        sources = self.group.sources
        return any(self._queues[other] for other in sources[: sources.index(topic)])

    async def _turn_over_settled(self, settled: Sequence[_Settled]) -> None:
        turn = Turn(self._state, _now())
        for done in settled:
            self._agent.settled(done.effect, done.result, turn, done.cause)
        await self._commit(turn, {})

    async def _commit(self, turn: Turn, offsets: Mapping[str, int]) -> None:
        outputs = list(turn.outputs)
        for record, invalid in turn.rejects:
            outputs.append(rejected(record, invalid, by=self.group.name, now=turn.now))
            _rejected.add(1, {Attribute.LANE_GROUP: self.group.name, Attribute.TOPIC: record.topic})
        changelog, partition = self.group.changelog, self.partition
        outputs += (Output(changelog, partition, entry_key(k), v, ()) for k, v in turn.changes.items())
        outputs += (Output(changelog, partition, offset_key(t), b"%d" % end, ()) for t, end in offsets.items())
        if outputs:
            await self._writer.deliver(outputs, {TopicPartition(t, partition): end for t, end in offsets.items()})
        for key, value in turn.changes.items():
            if value is None:
                self._state.pop(key, None)
            else:
                self._state[key] = value
        self._next_offsets.update(offsets)
        for effect, cause in turn.effects:
            task = asyncio.create_task(self._perform(effect, cause))
            self._effects.add(task)
            task.add_done_callback(self._effects.discard)

    async def _perform(self, effect: Any, cause: Cause) -> None:
        try:
            async with self._effect_slots:
                result = await self._agent.perform(effect)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"effect of lane {self.group.name}-{self.partition}", error)
        else:
            self._settled.append(_Settled(effect, result, cause))
            self._work_arrived.set()


def _now() -> datetime:
    return datetime.now(UTC)
