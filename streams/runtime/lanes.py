"""A lane: one partition number of topics that share one state, worked off in turns of one transaction each.

decode each (a bad one → `.rejected`)  →  handle, against a working copy of the lane's state
→  deliver: outputs, state changes and offsets in one transaction
→  the state in memory changes, the next offsets move, effects start
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import structlog
from aiokafka import TopicPartition

from schemas.errors import Invalid
from schemas.telemetry import Attribute
from streams.runtime import figures
from streams.runtime.agent import Agent, Cause, Output, Record, Turn
from streams.runtime.batches import Batch
from streams.runtime.changelog import Progress, restore
from streams.runtime.failure import LaneBroken, describe, end_process
from streams.runtime.isolation import MOST_ISOLATED, EndsTurns, TurnRaised, halves
from streams.runtime.queues import Queues
from streams.runtime.rejection import rejected
from streams.runtime.state import Entry, LaneState, Suspect, changed, moved, suspected
from streams.runtime.steps import AtStep, Step, unwatched
from streams.runtime.tracing import TurnSpans
from streams.runtime.transaction import TransactionalWriter
from streams.runtime.turnstile import SLICE_SECONDS, Turnstile

#: The latency budget of a turn: how long an agent works at most before what it did is delivered (seconds). When idle a
#: turn has one record; behind, as many as fit in here: thousands of light ones, so that they share a transaction.
TURN_SECONDS = 0.25
#: Records of one turn at most, however light they are.
TURN_RECORDS = 10_000
#: Records of a slice at least: an agent whose every call costs something is not made slower by ever smaller ones.
_LEAST_RECORDS = 4
#: Timers and ended entries that one turn takes at most.
_DUE_AT_ONCE = 500
#: How soon after its end an entry is dropped (seconds): many together, for a transaction of their own.
_SWEEP_SECONDS = 5.0
#: Effects of one lane that are performed at the same time.
EFFECTS_AT_ONCE = 1_000
#: What a record costs an agent, before it is known (seconds), and how much the last turn counts in it.
_FIRST_GUESS_SECONDS = 0.0002
_LATEST_COUNTS = 0.3
#: How old the group's offsets may be (seconds). They are for others to see and for where to read on; the changelog has
#: the next offsets of every turn, in its transaction. In each transaction they would make it take three times as long.
_OFFSETS_SECONDS = 1.0
#: How often a refused lane says so (seconds).
_ALARM_SECONDS = 30.0

_log = structlog.get_logger("confide.runtime")


class LaneRefused(LaneBroken):
    """A lane's state and its offsets do not fit each other: going on would lose or double records."""


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
class LaneHost:
    """What the lanes of a process have in common.

    `accepted` are lanes (`group-partition`) that begin where their logs do although their state and offsets do not
    fit: somebody looked and took the loss.
    """

    application: str
    bootstrap: str
    turnstile: Turnstile
    at_step: AtStep = unwatched
    accepted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Settled:
    effect: Any
    result: Any
    cause: Cause


class Lane:
    """One partition number of a lane group, while it is assigned to this process."""

    def __init__(self, group: LaneGroup, partition: int, host: LaneHost) -> None:
        self.group = group
        self.partition = partition
        self.name = f"{group.name}-{partition}"
        self._host = host
        self._queues = Queues(group.sources)
        self._settled: deque[_Settled] = deque()
        self._work_arrived = asyncio.Event()
        self._closing = False
        #: Set once the state is restored and the lane takes batches, or has refused to.
        self.resolved = asyncio.Event()
        self._state = LaneState()
        self._writer = TransactionalWriter(host.bootstrap, f"{host.application}-{self.name}", host.application)
        self._agent: Agent[Any, Any, Any]
        self._effects: set[asyncio.Task[None]] = set()
        self._effect_slots = asyncio.Semaphore(EFFECTS_AT_ONCE)
        self._task: asyncio.Task[None] | None = None
        self._seconds_each = _FIRST_GUESS_SECONDS
        #: What was decoded ahead, by topic and offset.
        self._decoded: dict[tuple[str, int], Any] = {}
        self._at_work: Batch | None = None
        self._is_pressing = False
        self._isolated = 0
        self._swept = 0.0
        #: Next offsets that the group has not been told, and when it was told last.
        self._untold: dict[str, int] = {}
        self._told = float("-inf")
        self.figures = figures.LaneFigures(
            group.name, partition, waiting_bytes=dict.fromkeys(group.sources, 0), oldest=self._oldest
        )

    def start(self, ready: asyncio.Event) -> None:
        """Open and work in a task of its own, once `ready`: no rebalance waits for it."""
        figures.publish(self.figures)
        self._task = asyncio.create_task(self._run(ready))

    def put(self, batch: Batch) -> None:
        """Queue what was fetched."""
        self._queues.put(batch)
        self._press()
        self._work_arrived.set()

    def is_full(self, topic: str) -> bool:
        """Return whether this topic is to be left out of the next fetch; another topic's backlog does not count."""
        return self._queues.is_full(topic)

    def forget_waiting(self) -> None:
        """Drop what waits: it is fetched again from the committed offsets."""
        self._queues.clear()
        self._decoded.clear()
        self._press()

    async def close(self) -> None:
        """Let the turn in flight finish, drop what waits, give the producer back."""
        self._closing = True
        self._work_arrived.set()
        if self._task is not None:
            if not self.figures.is_open:
                self._task.cancel()
            await asyncio.wait([self._task])
        for effect in self._effects:
            effect.cancel()  # its outcome is unknown: the lane's next owner starts it again from the state
        self._queues.clear()
        self._press()
        figures.withdraw(self.figures)
        await self._writer.stop()

    async def _run(self, ready: asyncio.Event) -> None:
        try:
            await ready.wait()
            await self._open()
            while (work := await self._next_work()) is not None:
                await work()
            if self._untold:
                await self._tell_offsets()
        except asyncio.CancelledError:
            raise
        except LaneRefused as refused:
            await self._refuse(str(refused))
        except TurnRaised as raised:
            await self._note(raised)
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"lane {self.name}", error)

    async def _open(self) -> None:
        await self._writer.start()
        self._step(Step.FENCED)
        committed = await self._writer.committed(self.group.sources, self.partition)
        found = await restore(
            self._host.bootstrap, self.group.changelog, self.partition, self.group.sources, self._restoring
        )
        self._step(Step.RESTORED)
        self._state = found.state
        self._refuse_what_does_not_fit(committed, found.log_starts)
        self.figures.next_offsets.update(self._state.next_offsets)
        self._agent = self.group.agent(LaneContext(self.group.name, self.partition))
        turn = self._state.turn(_now())
        self._agent.opened(turn)
        await self._commit(turn, {})
        _log.info(
            "lane is open",
            lane=self.name,
            restored=found.progress.records,
            seconds=round(found.progress.seconds, 3),
            records_a_second=round(found.progress.rate),
        )
        self.figures.is_open = True
        self.resolved.set()
        self._press()
        self._step(Step.OPENED)

    def _refuse_what_does_not_fit(self, committed: Mapping[str, int], log_starts: Mapping[str, int]) -> None:
        offsets, changelog = self._state.next_offsets, f"{self.group.changelog}-{self.partition}"
        is_accepted = self.name in self._host.accepted
        for topic, offset in committed.items():
            if topic not in offsets and not is_accepted:
                raise LaneRefused(
                    f"{changelog}: the group is at {offset} in {topic}, but the state that goes with it is gone"
                )
            offsets[topic] = max(offset, offsets.get(topic, offset))
        if (self._state.entries or self._state.timers) and not offsets and not is_accepted:
            raise LaneRefused(f"{changelog}: there is state, but no offset it belongs to")
        for topic, start in log_starts.items():
            if (known := offsets.get(topic)) is None or start <= known:
                continue
            if not is_accepted:
                raise LaneRefused(
                    f"{topic}-{self.partition}: the log starts at {start}, beyond the lane's next offset {known}"
                )
            _log.warning("a loss was accepted", lane=self.name, topic=topic, lost_from=known, lost_to=start)
            offsets[topic] = start

    async def _refuse(self, reason: str) -> None:
        """Work nothing off and say so again and again; the other lanes of the process go on."""
        self.figures.refused = reason
        self.resolved.set()
        while not self._closing:
            _log.critical("lane refuses to work, somebody must look", lane=self.name, reason=reason)
            await asyncio.sleep(_ALARM_SECONDS)

    def _restoring(self, progress: Progress) -> None:
        self.figures.restore = progress

    async def _next_work(self) -> Callable[[], Any] | None:
        """Return what is to be done next: results of effects, what is due, then batches, the most urgent first."""
        while not self._closing:
            self._work_arrived.clear()
            if self._settled:
                return self._turn_over_settled
            first, wait = self._queues.first(), self._seconds_until_due()
            if wait is not None and wait <= 0.0:
                return self._turn_over_due
            if first is not None:
                return self._turn_over_next
            if self._untold:
                stale = self._told + _OFFSETS_SECONDS - time.monotonic()
                if stale <= 0.0:
                    return self._tell_offsets
                wait = stale if wait is None else min(wait, stale)
            try:
                async with asyncio.timeout(wait):
                    await self._work_arrived.wait()
            except TimeoutError:
                continue
        return None

    def _seconds_until_due(self) -> float | None:
        at = self._state.next_due()
        if at is None:
            return None
        seconds = (at - _now()).total_seconds()
        if not self._state.is_next_a_timer():
            # What has ended is read as gone already; dropping it can wait for others.
            seconds = max(seconds, self._swept + _SWEEP_SECONDS - time.monotonic())
        return seconds

    async def _turn_over_due(self) -> None:
        turn = self._state.turn(_now())
        timers, ended = self._state.take_due(turn.now, _DUE_AT_ONCE)
        for key in ended:
            turn.drop(key)
        for name, timer in timers:
            turn.unschedule(name)
            self._agent.due(name, turn, timer.cause)
        self._swept = time.monotonic()
        await self._commit(turn, {})

    async def _tell_offsets(self) -> None:
        self._told = float("-inf")
        await self._commit(self._state.turn(_now()), {})

    async def _turn_over_settled(self) -> None:
        settled = list(self._settled)
        self._settled.clear()
        turn = self._state.turn(_now())
        for done in settled:
            self._agent.settled(done.effect, done.result, turn, done.cause)
        await self._commit(turn, {})

    async def _turn_over_next(self) -> None:
        topic = self._queues.first()
        if topic is None:
            return
        batch = self._at_work = self._queues.take(topic, self._records_of_a_turn())
        try:
            await self._turn_over_batch(batch)
        finally:
            self._at_work = None
            self._press()

    def _records_of_a_turn(self) -> int:
        return max(1, min(TURN_RECORDS, int(TURN_SECONDS / self._seconds_each)))

    async def _turn_over_batch(self, batch: Batch) -> None:
        topic, offsets = batch.topic, self._state.next_offsets
        # None where nothing was ever committed: the lane begins wherever its log does.
        expected = offsets.get(topic, batch.begin)
        if batch.begin > expected:
            raise LaneBroken(f"{topic}-{self.partition}: expected {expected}, fetched from {batch.begin}")
        records = [record for record in batch.records if record.offset >= expected]  # Faust may have sought back
        if not records:
            # Fetched again, and this time over the control records behind it: the next batch begins there.
            offsets[topic] = self.figures.next_offsets[topic] = max(expected, batch.end)
            return
        self._step(Step.TAKEN)
        suspect = self._state.suspects.get(topic)
        if suspect is not None and records[0].offset < suspect.end:
            await self._isolate(Batch.of(topic, records, expected, batch.end), suspect)
            return
        begun = time.perf_counter()
        with TurnSpans.of_records(self.group.name, self.group.name, self.partition, records) as spans:
            turn = self._state.turn(_now())
            turn.contexts = spans.contexts
            done = await self._work_off(topic, records, turn)
            end = batch.end
            if done < len(records):
                end = records[done].offset
                self._queues.put_back(Batch.of(topic, records[done:], end, batch.end))
            spans.batch.set_attribute(Attribute.OUTPUTS, len(turn.outputs))
            spans.batch.set_attribute(Attribute.REJECTED, len(turn.rejects))
            await self._commit_decoding_ahead(turn, topic, end)
        attributes: dict[str, str] = {Attribute.LANE_GROUP: self.group.name}
        figures.processed.add(done, attributes)
        figures.batch_size.record(done, attributes)
        figures.turn_seconds.record(time.perf_counter() - begun, attributes)

    async def _work_off(self, topic: str, records: Sequence[Record], turn: Turn, *, whole: bool = False) -> int:
        """Have the agent work records off slice by slice, and return how many it did.

        All lanes of a process share one event loop. Routine slices pass it one at a time, so that between any two of
        them whatever is urgent elsewhere makes its next step. What is more urgent in this lane, its closing, or a turn
        that has lasted long enough ends the batch, unless it is to be done `whole`.
        """
        done, worked = 0, 0.0
        while done < len(records):
            if done and not whole and (self._closing or worked > TURN_SECONDS or self._queues.is_outweighed(topic)):
                break
            if topic in self.group.urgent:
                count, seconds = self._handle(topic, records, done, SLICE_SECONDS, turn)
                await asyncio.sleep(0)
            else:
                async with self._host.turnstile.slice() as allowed:
                    count, seconds = self._handle(topic, records, done, allowed, turn)
            done += count
            worked += seconds
        self._seconds_each += _LATEST_COUNTS * (worked / done - self._seconds_each)
        return done

    def _handle(
        self, topic: str, records: Sequence[Record], start: int, allowed: float, turn: Turn
    ) -> tuple[int, float]:
        """Work off as many records from `start` on as fit in the time; return how many, and the seconds it took."""
        part = records[start : start + max(_LEAST_RECORDS, int(allowed / self._seconds_each))]
        begun = time.perf_counter()
        try:
            decoded = []
            for record in part:
                try:
                    message = self._decoded.pop((topic, record.offset), None)
                    decoded.append((record, self._agent.decode(record) if message is None else message))
                except Invalid as invalid:
                    turn.reject(record, invalid)
            self._step(Step.DECODED)
            if decoded:
                self._agent.handle(decoded, turn)
        except Exception as error:
            raise TurnRaised(topic, records[0].offset, part[-1].offset + 1) from error
        self._step(Step.HANDLED)
        return len(part), time.perf_counter() - begun

    async def _commit_decoding_ahead(self, turn: Turn, topic: str, end: int) -> None:
        """Commit; what will come next is decoded while the broker is waited for."""
        commit = asyncio.create_task(self._commit(turn, {topic: end}))
        try:
            await asyncio.sleep(0)
            if topic not in self.group.urgent and (following := self._queues.peek(topic)) is not None:
                await self._decode_ahead(following, commit)
        finally:
            await commit

    async def _decode_ahead(self, batch: Batch, commit: asyncio.Task[None]) -> None:
        records = batch.records[: self._records_of_a_turn()]
        done = 0
        while done < len(records) and not commit.done() and not self._closing:
            async with self._host.turnstile.slice() as allowed:
                until = time.perf_counter() + allowed
                while done < len(records) and time.perf_counter() < until:
                    record = records[done]
                    done += 1
                    if (batch.topic, record.offset) in self._decoded:
                        continue
                    try:
                        self._decoded[batch.topic, record.offset] = self._agent.decode(record)
                    except Exception:  # noqa: BLE001 - its own turn meets it again, and says what follows
                        return

    async def _isolate(self, batch: Batch, suspect: Suspect) -> None:
        """Work a suspected range off; where it raises again, in halves, each a turn of its own."""
        topic = batch.topic
        inside = [record for record in batch.records if record.offset < suspect.end]
        end = batch.end
        if len(inside) < len(batch.records):
            end = batch.records[len(inside)].offset
            self._queues.put_back(Batch.of(topic, batch.records[len(inside) :], end, batch.end))
        parts: list[Sequence[Record]] = [inside]
        while parts and not self._closing:
            part = parts.pop()
            turn = self._state.turn(_now())
            try:
                await self._work_off(topic, part, turn, whole=True)
            except TurnRaised as raised:
                self._renew_agent()
                if len(part) > 1:
                    parts.extend(reversed(list(halves(part))))
                    continue
                turn = self._put_aside(part[0], raised.__cause__ or raised)
            done = parts[-1][0].offset if parts else end
            # A range that goes beyond what was fetched stays suspected.
            notes = [suspected(topic, None)] if done >= suspect.end else []
            await self._commit(turn, {topic: done}, notes)
            if notes:
                self._state.suspects.pop(topic, None)
            figures.processed.add(len(part), {Attribute.LANE_GROUP: self.group.name})

    def _put_aside(self, record: Record, error: BaseException) -> Turn:
        self._isolated += 1
        if self._isolated > MOST_ISOLATED:
            raise LaneBroken(f"{record.topic}-{self.partition}: more than {MOST_ISOLATED} records end their turns")
        figures.isolated.add(1, {Attribute.LANE_GROUP: self.group.name, Attribute.TOPIC: record.topic})
        _log.error("a record ends every turn it is in and is put aside", lane=self.name, **describe(error))
        turn = self._state.turn(_now())
        turn.reject(record, EndsTurns(type(error).__name__))
        return turn

    def _renew_agent(self) -> None:
        """Make the agent anew: what it remembers of a turn that was dropped never happened."""
        self._decoded.clear()
        self._agent = self.group.agent(LaneContext(self.group.name, self.partition))
        self._agent.opened(self._state.turn(_now()))

    async def _note(self, raised: TurnRaised) -> None:
        """Leave word of the turn that raised for the successor, and end."""
        error = raised.__cause__ or raised
        try:
            suspect = Suspect(raised.begin, raised.end, type(error).__name__)
            await self._writer.deliver(self._to_changelog([suspected(raised.topic, suspect)]), {}, self._step)
        except Exception as unsaid:  # noqa: BLE001 - the process ends all the same, and the successor is told the next time
            _log.error("no word could be left of the turn that raised", lane=self.name, **describe(unsaid))
        end_process(f"lane {self.name}", error)

    async def _commit(self, turn: Turn, offsets: Mapping[str, int], notes: Sequence[Entry] = ()) -> None:
        outputs = list(turn.outputs)
        for record, invalid in turn.rejects:
            outputs.append(rejected(record, invalid, by=self.group.name, now=turn.now))
            figures.rejected.add(1, {Attribute.LANE_GROUP: self.group.name, Attribute.TOPIC: record.topic})
        outputs += self._to_changelog(chain(changed(turn), moved(offsets), notes))
        self._untold.update(offsets)
        is_stale = time.monotonic() - self._told >= _OFFSETS_SECONDS
        positions = {TopicPartition(topic, self.partition): end for topic, end in self._untold.items() if is_stale}
        if outputs or positions:
            begun = time.perf_counter()
            await self._writer.deliver(outputs, positions, self._step)
            figures.transaction_seconds.record(time.perf_counter() - begun, {Attribute.LANE_GROUP: self.group.name})
        if positions:
            self._untold.clear()
            self._told = time.monotonic()
        self._state.commit(turn)
        self._state.next_offsets.update(offsets)
        self.figures.next_offsets.update(offsets)
        self.figures.entries, self.figures.timers = len(self._state.entries), len(self._state.timers)
        self._step(Step.APPLIED)
        for effect, cause in turn.effects:
            task = asyncio.create_task(self._perform(effect, cause))
            self._effects.add(task)
            task.add_done_callback(self._effects.discard)

    def _to_changelog(self, entries: Iterable[Entry]) -> Iterable[Output]:
        for key, value, headers in entries:
            yield Output(self.group.changelog, self.partition, key, value, headers)

    async def _perform(self, effect: Any, cause: Cause) -> None:
        try:
            async with self._effect_slots:
                result = await self._agent.perform(effect)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"effect of lane {self.name}", error)
        else:
            self._settled.append(_Settled(effect, result, cause))
            self._work_arrived.set()

    def _press(self) -> None:
        """Have routine work of the process give way for as long as urgent work is waiting or under way here."""
        self.figures.waiting_bytes.update(self._queues.waiting_bytes())
        urgent = self.group.urgent
        at_work = self._at_work is not None and self._at_work.topic in urgent
        presses = self.figures.is_open and (at_work or self._queues.first() in urgent)
        if presses and not self._is_pressing:
            self._host.turnstile.enter()
        elif self._is_pressing and not presses:
            self._host.turnstile.leave()
        self._is_pressing = presses

    def _oldest(self) -> int | None:
        waiting = self._queues.heads()
        if self._at_work is not None:
            waiting = [*waiting, self._at_work]
        return min((batch.records[0].timestamp for batch in waiting), default=None)

    def _step(self, step: Step) -> None:
        self._host.at_step(step, self.name)


def _now() -> datetime:
    return datetime.now(UTC)
