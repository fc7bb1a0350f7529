"""A lane: one partition number of topics that share one state, worked off in turns of one transaction each."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from streams.runtime.agent import Timer, micros
from streams.runtime.failure import LaneRefused, describe, end_process
from streams.runtime.lane import backlog, metrics
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.changelog import Progress
from streams.runtime.lane.effects import EffectTasks
from streams.runtime.lane.groups import LaneGroup, LaneHost, LaneId
from streams.runtime.lane.item_trials import ITEMS
from streams.runtime.lane.item_turns import ItemTurns
from streams.runtime.lane.items import Effects, Item, entry_to_resume, timer_due
from streams.runtime.lane.lane_events import LaneCloses, LaneOpens, LanePutsAside, LaneRefuses, ignore_event
from streams.runtime.lane.log_ends import SourceLogs
from streams.runtime.lane.opening import TransactionHangs, open_state
from streams.runtime.lane.opening_watch import OpeningProgress, OpeningWatch
from streams.runtime.lane.poison_errors import TurnRaised, WorkRaised
from streams.runtime.lane.poison_work import KeepsRaising, PoisonWork, is_recent
from streams.runtime.lane.queues import Queues
from streams.runtime.lane.state import (
    ChangelogRecord,
    LaneState,
    LastError,
    SuspectRange,
    item_trial_note,
    last_error_note,
    openings_note,
    record_trial_note,
    suspect_note,
)
from streams.runtime.lane.timer_gate import FetchProgress, TimerGate
from streams.runtime.lane.transaction import FENCED, TransactionalWriter
from streams.runtime.lane.turn_commit import TurnCommits
from streams.runtime.lane.turns import Turns
from streams.runtime.steps import Step

#: Timers, and entries to resume, that one turn takes at most.
_ITEMS_AT_ONCE = 500
#: Ended entries that a turn of their own drops at most: some 20 ms, for which a timer or a record may wait.
_ENDED_AT_ONCE = 2_000
#: How soon after its end an entry is dropped (seconds) by a turn of its own, where not that many have ended.
_SWEEP_SECONDS = 5.0
#: How long a rebalance waits for the turns in flight (seconds): heartbeats stop meanwhile, for a session of 6.
_HOLD_SECONDS = 3.0
#: How long an idle lane waits at most before it looks at its clock again (seconds). The event loop's own clock stands
#: still while the machine is suspended.
_LOOK_SECONDS = 5.0
#: How often a refused lane says so (seconds).
_ALARM_SECONDS = 30.0
#: How soon a lane whose changelog has an open transaction tries to open again (seconds).
_OPEN_AGAIN_SECONDS = 2.0
#: How long after a timer is due a lane that waits is woken (seconds): before its time by a hair, it would wait on.
_LATER_SECONDS = 0.002

_log = structlog.get_logger("confide.runtime")


class Lane:
    """A lane while it is assigned to this process: opens, then does what is there to do, the most urgent first."""

    def __init__(self, group: LaneGroup, partition: int, host: LaneHost) -> None:
        self._id = LaneId(group, partition, host)
        self._queues = Queues(group.sources)
        #: Items of effects: that one begins, that one has ended.
        self._items: deque[Item] = deque()
        #: Items came last: a batch comes next, so that neither keeps the other waiting.
        self._had_items = False
        #: Positions of fetches at which Kafka had no record, by topic.
        self._out_of_range: dict[str, int] = {}
        #: Topics whose fetch is to begin anew, where the group's offsets are now.
        self.to_seek: set[str] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work_arrived = asyncio.Event()
        self._closing = False
        #: While the group deals its partitions out anew; and that no turn is in flight then.
        self._is_paused = False
        self._idle = asyncio.Event()
        #: Set once the state is restored and the lane takes batches, or has refused to.
        self.resolved = asyncio.Event()
        self._writer = TransactionalWriter(host.bootstrap, f"{host.application}-{self._id.name}", host.application)
        # Made when the lane opens.
        self._state: LaneState
        self._commits: TurnCommits
        self._logs: SourceLogs
        self._poison: PoisonWork
        self._turns: Turns
        self._item_turns: ItemTurns
        self._effects: EffectTasks | None = None
        self._task: asyncio.Task[None] | None = None
        self._at_work: Batch | None = None
        self._opening = OpeningProgress(self._id.name)
        self._is_pressing = False
        self._timer_gate = TimerGate(self._id.name, group.timers_follow, self._look_again)
        self._swept = 0.0
        self.metrics = metrics.LaneMetrics(
            group.name, partition, waiting_bytes=dict.fromkeys(group.sources, 0), oldest=self._oldest, now=self._id.now
        )

    def start(self, ready: asyncio.Event) -> None:
        """Open and work in a task of its own, once `ready`: no rebalance waits for it."""
        metrics.publish(self.metrics)
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(ready))

    def enqueue(self, batch: Batch) -> None:
        """Queue what was fetched."""
        self._queues.enqueue(batch)
        self._update_urgency()
        self._work_arrived.set()

    def note_out_of_range(self, topic: str, position: int) -> None:
        """Look, in the lane's next turn, why Kafka has no record at a position of the fetch; from any thread."""
        self._out_of_range[topic] = position
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._work_arrived.set)

    def note_fetch(self, topic: str, progress: FetchProgress) -> None:
        """Take note of how far a source was fetched; from any thread."""
        self._timer_gate.note_fetch(topic, progress)

    def _look_again(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._work_arrived.set)
            # It may wait for a routine turn.
            self._loop.call_soon_threadsafe(self._id.host.urgency.wake_turns)

    def is_full(self, topic: str) -> bool:
        """Return whether this topic is to be left out of the next fetch; another topic's backlog does not count."""
        return self._queues.is_full(topic)

    async def pause(self) -> None:
        """Let the turn in flight finish and begin no other until `resume`.

        The lane may be another's as soon as the group knows that this member gave it up, and that one fences at once.
        What waits stays: where the lane does too it is fetched again behind it, and skipped as done.
        """
        self._is_paused = True
        self._work_arrived.set()
        if self.metrics.is_open and self._task is not None:
            self._idle.clear()
            still = asyncio.create_task(self._idle.wait())
            # No longer than it takes a member to be given up; then it is fenced, and ends.
            await asyncio.wait([still, self._task], timeout=_HOLD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            still.cancel()

    def resume(self) -> None:
        """Take work again: the lane is still here. Nothing was fetched meanwhile."""
        self._is_paused = False
        self._timer_gate.reset()
        self._work_arrived.set()

    async def close(self) -> None:
        """Let the turn in flight finish, drop what waits, give the producer back."""
        self._closing = True
        self._work_arrived.set()
        if self._task is not None:
            if not self.metrics.is_open:
                self._task.cancel()
            await asyncio.wait([self._task])
        self._queues.clear()
        self._update_urgency()
        metrics.withdraw(self.metrics)
        for topic in self._id.group.sources:
            self._id.host.clock.stamps.forget((topic, self._id.partition))
        self._id.host.on_lane(LaneCloses(self._id.name))
        await self._writer.stop()

    async def _run(self, ready: asyncio.Event) -> None:
        try:
            await ready.wait()
            await self._open_at_last()
            while (work := await self._next_work()) is not None:
                await work()
            await self._commits.commit_group_offsets()
            await self._forget_openings()
        except asyncio.CancelledError:
            raise
        except LaneRefused as refused:
            await self._refuse(refused)
        except (TurnRaised, WorkRaised) as raised:
            await self._end_after(raised)
        except FENCED as fenced:
            await self._leave_fenced(fenced)
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"lane {self._id.name}", error)
        finally:
            self._cancel_effects()

    async def _leave_fenced(self, fenced: BaseException) -> None:
        """End the process for it, unless the lane is given away: then whoever has it now was right to fence.

        While the group deals its partitions out anew this member may not know yet that the lane is no longer its own.
        """
        _log.warning("a lane is fenced", lane=self._id.name, is_held=self._is_paused, **describe(fenced))
        self.metrics.is_open = False
        self._update_urgency()
        self._cancel_effects()
        self._idle.set()
        while self._is_paused and not self._closing:
            self._work_arrived.clear()
            await self._work_arrived.wait()
        if not self._closing:
            end_process(f"lane {self._id.name}", fenced)

    def _cancel_effects(self) -> None:
        # Their outcome is unknown: the lane's next owner starts them again from the state.
        if self._effects is not None:
            self._effects.cancel()

    async def _open_at_last(self) -> None:
        """Open; while a transaction on the changelog is open, which ends or is ended in time, try again."""
        async with OpeningWatch(self._say_refused, self._opening):
            await self._open_again_and_again()

    async def _open_again_and_again(self) -> None:
        said = float("-inf")
        while True:
            try:
                await self._open()
            except TransactionHangs as hangs:
                if time.monotonic() - said >= _ALARM_SECONDS:
                    await self._say_refused(hangs)
                    said = time.monotonic()
                await asyncio.sleep(_OPEN_AGAIN_SECONDS)
                self._opening.moved()
            else:
                self.metrics.refused = None
                return

    async def _open(self) -> None:
        found = await open_state(self._id, self._writer, self._restoring)
        state = self._state = found.state
        # Counted from here on, and no more once an offset moves; the process may end at any time.
        openings = {topic: state.openings.pop(topic, 0) + 1 for topic in (*self._id.group.sources, ITEMS)}
        self._commits = TurnCommits(self._id, self._writer, state, self.metrics)
        self._logs = SourceLogs(self._id, state, self._commits)
        notes = [*found.notes, *(openings_note(topic, count) for topic, count in openings.items())]
        turn = state.turn(self._id.now())
        if shortened := state.limit_waits(turn):
            _log.warning("the clock is behind the one by which timers were set", lane=self._id.name, timers=shortened)
        await self._commits.commit(turn, found.unwritten, notes)
        self.to_seek |= found.read_again
        state.openings.update(openings)
        self._poison = PoisonWork(self._id, self._state, found.partitions)
        self._turns = Turns(
            self._id, self._queues, state, self._commits, self._poison, self._has_to_end, self._timer_gate.waits_for
        )
        self._item_turns = ItemTurns(
            self._id,
            state,
            self._commits,
            self._poison,
            start=self._start,
            give_back=self._give_back,
            is_closing=self._has_to_end,
        )
        self._effects = EffectTasks(self._poison, self._add_item)
        self.metrics.next_offsets = state.next_offsets
        await self._resume()
        self.metrics.is_open = True
        self.resolved.set()
        self._update_urgency()
        self._id.host.on_lane(LaneOpens(self._id.name))
        if self._poison.has_put_aside:
            # The process that did so may have ended before anything outside heard of it.
            self._id.host.on_lane(LanePutsAside(self._id.name, None))
        self._id.step(Step.OPENED)

    async def _resume(self) -> None:
        """Have the agent take up the unfinished entries of the state."""
        prefix = self._poison.agent.unfinished
        if prefix is None:
            return
        keys = [key for key in self._state.entries if key.startswith(prefix)]
        for begin in range(0, len(keys), _ITEMS_AT_ONCE):
            items = [entry_to_resume(key) for key in keys[begin : begin + _ITEMS_AT_ONCE]]
            await self._item_turns.run(items)
            self._opening.moved()

    def _has_to_end(self) -> bool:
        return self._closing or self._is_paused

    async def _say_refused(self, refused: LaneRefused) -> None:
        self.metrics.refused = str(refused)
        self.resolved.set()
        _log.critical("lane refuses to work, somebody must look", lane=self._id.name, reason=str(refused))
        host, group, partition = self._id.host, self._id.group, self._id.partition
        if host.on_lane is not ignore_event:
            offsets = self.metrics.next_offsets or await self._committed()
            waiting = await backlog.measure(host.bootstrap, group.sources, partition, offsets, self._id.now)
            host.on_lane(LaneRefuses(self._id.name, type(refused).__name__, waiting))

    async def _committed(self) -> Mapping[str, int]:
        """Return the offsets that the group has of a lane that did not open; none where Kafka does not answer."""
        try:
            return await self._writer.committed(self._id.group.sources, self._id.partition)
        except Exception as error:  # noqa: BLE001 - the refusal is said all the same
            _log.warning("the offsets of a lane are not known", lane=self._id.name, **describe(error))
            return {}

    async def _refuse(self, refused: LaneRefused) -> None:
        """Work nothing off and say so again and again; the other lanes of the process go on."""
        self.metrics.is_open = False
        self._update_urgency()
        self._cancel_effects()
        if isinstance(refused, KeepsRaising):
            try:
                await self._forget_openings()
            except Exception as unsaid:  # noqa: BLE001 - it refuses all the same; the count is of use to its next owner
                _log.error("the count of openings could not be ended", lane=self._id.name, **describe(unsaid))
        while not self._closing:
            await self._say_refused(refused)
            await asyncio.sleep(_ALARM_SECONDS)

    async def _forget_openings(self) -> None:
        """End the count of openings and tries: this process does not end without a word."""
        topics = {*self._state.openings, *self._state.record_trials}
        if topics:
            notes = [note for topic in topics for note in (openings_note(topic, 0), record_trial_note(topic, None))]
            notes.append(item_trial_note(None))
            await self._commits.write_notes(*notes)

    async def _end_after(self, raised: TurnRaised | WorkRaised) -> None:
        """Record the error for the next process, then end; where the last process ended so too, refuse."""
        error = raised.__cause__ or raised
        if (before := self._state.last_error) is not None and is_recent(before, self._id.now()):
            # Not even the agent can be made: nothing is left that could be isolated.
            await self._refuse(
                KeepsRaising(f"lane {self._id.name} ended its process with {type(error).__name__} before")
            )
            return
        notes: list[ChangelogRecord] = [last_error_note(LastError(micros(self._id.now()), type(error).__name__))]
        # It does not end without a word.
        notes += [openings_note(ITEMS, 0), item_trial_note(None)]
        if isinstance(raised, TurnRaised):
            notes.append(suspect_note(raised.topic, SuspectRange(raised.begin, raised.end, type(error).__name__)))
        try:
            await self._commits.write_notes(*notes)
        except Exception as unsaid:  # noqa: BLE001 - the process ends all the same; the next one records it when it raises too
            _log.error("the error could not be recorded for the next process", lane=self._id.name, **describe(unsaid))
        end_process(f"lane {self._id.name}", error)

    def _restoring(self, progress: Progress) -> None:
        if self.metrics.restore is None or progress.passed != self.metrics.restore.passed:
            self._opening.moved()
        self.metrics.restore = progress

    async def _next_work(self) -> Callable[[], Awaitable[None]] | None:
        """Return what is to be done next: effects and timers, in turns with batches, the most urgent first."""
        while not self._closing:
            self._work_arrived.clear()
            if self._is_paused:
                if self._commits.seconds_until_stale() is not None:
                    return self._commits.commit_group_offsets
                self._idle.set()
                await self._work_arrived.wait()
                continue
            if self._out_of_range:
                return self._check_out_of_range
            until_due, until_stale = self._seconds_until_due(), self._commits.seconds_until_stale()
            has_batch = self._next_topic() is not None
            if self._has_items() and not (has_batch and self._had_items):
                return self._turn_over_items
            if has_batch:
                return self._turn_over_next
            if until_stale is not None and until_stale <= 0.0:
                return self._commits.commit_group_offsets
            until_swept = self._seconds_until_swept()
            if until_swept is not None and until_swept <= 0.0:
                return self._sweep
            waits = (until_due, until_stale, until_swept)
            wait = min([_LOOK_SECONDS, *(wait for wait in waits if wait is not None)])
            try:
                async with asyncio.timeout(wait):
                    await self._work_arrived.wait()
            except TimeoutError:
                continue
        return None

    async def _check_out_of_range(self) -> None:
        await self._logs.check_out_of_range(*self._out_of_range.popitem())

    def _seconds_until_due(self) -> float | None:
        """Return the seconds until the next timer may run, None if there is no timer."""
        at, now = self._state.next_due(), self._id.now()
        if at is None or at > now:
            # A record called the due timer off, an acknowledgement for example.
            self._timer_gate.reset()
            return None if at is None else (at - now).total_seconds()
        return self._timer_gate.seconds_to_wait(now, self._state.next_offsets)

    def _seconds_until_swept(self) -> float | None:
        """Return in how long ended entries are dropped in a turn of their own; they read as gone already."""
        at = self._state.next_end()
        if at is None:
            return None
        return max((at - self._id.now()).total_seconds(), self._swept + _SWEEP_SECONDS - time.monotonic())

    async def _sweep(self) -> None:
        """Drop entries that have ended; where more than one turn's have, the next turn follows at once."""
        turn = self._state.turn(self._id.now())
        ended = self._state.take_ended(turn.now, _ENDED_AT_ONCE)
        for key in ended:
            turn.drop(key)
        self._swept = time.monotonic() - (_SWEEP_SECONDS if len(ended) == _ENDED_AT_ONCE else 0.0)
        with self._id.host.watchdog.turn(self._id.name):
            await self._commits.commit(turn, {})

    async def _turn_over_items(self) -> None:
        """Do what effects and timers bring, in one turn: neither waits behind a stream of the other."""
        due: list[tuple[bytes, Timer]] = []
        if self._seconds_until_due() == 0.0:
            # Timers that came due during the wait start a wait of their own.
            as_of = self._timer_gate.due_at or self._id.now()
            due = self._state.take_due(as_of, _ITEMS_AT_ONCE)
            if len(due) < _ITEMS_AT_ONCE:
                self._timer_gate.reset()
        results = [self._items.popleft() for _ in range(min(len(self._items), _ITEMS_AT_ONCE))]
        items = [*results, *(timer_due(*each) for each in due)]
        self._had_items = True
        with self._id.host.watchdog.turn(self._id.name):
            await self._item_turns.run(items)

    def _give_back(self, items: Sequence[Item]) -> None:
        """Take items back that are to be done later; timers are in the state still."""
        self._items.extendleft(item for item in reversed(items) if item.timer is None)

    def _start(self, effects: Effects) -> list[asyncio.Task[None]]:
        return [] if self._effects is None else self._effects.start(effects)

    def _add_item(self, item: Item) -> None:
        self._items.append(item)
        self._work_arrived.set()

    async def _turn_over_next(self) -> None:
        topic = self._next_topic()
        if topic is None:
            return
        if topic in self._id.group.urgent or self._timer_gate.waits_for(topic):
            await self._turn_over(topic)
            return
        urgency, until_due = self._id.host.urgency, self._seconds_until_due()
        # A timer may come due while the lane waits: no batch of other lanes comes before a limit.
        due = (
            None
            if until_due is None
            else asyncio.get_running_loop().call_later(until_due + _LATER_SECONDS, urgency.wake_turns)
        )
        try:
            async with urgency.turn(lambda: self._has_other_work(topic), rank=self._id.rank) as may_begin:
                if may_begin:
                    await self._turn_over(topic)
        finally:
            if due is not None:
                due.cancel()

    def _next_topic(self) -> str | None:
        """Return the topic to work off next: an urgent one, then one that due timers wait for, then any other."""
        first = self._queues.first()
        if first is None or first in self._id.group.urgent:
            return first
        waited_for = (topic for topic in self._id.group.sources if self._timer_gate.waits_for(topic))
        return next((topic for topic in waited_for if self._queues.peek(topic)), first)

    def _has_other_work(self, topic: str) -> bool:
        if self._closing or (self._has_items() and not self._had_items) or self._next_topic() != topic:
            return True
        # Due timers wait for this topic: it needs no routine turn any more.
        return self._timer_gate.waits_for(topic)

    def _has_items(self) -> bool:
        until_due = self._seconds_until_due()
        return bool(self._items) or (until_due is not None and until_due <= 0.0)

    async def _turn_over(self, topic: str) -> None:
        self._had_items = False
        batch = self._at_work = self._queues.take(topic, self._turns.records_of_a_turn(topic))
        try:
            with self._id.host.watchdog.turn(self._id.name):
                await self._logs.check_again(batch, self.metrics.ends.get(topic))
                self._start(await self._turns.over(batch))
        finally:
            self._at_work = None
            self._update_urgency()

    def _update_urgency(self) -> None:
        """Have routine work of the process give way for as long as urgent work is waiting or under way here."""
        self.metrics.waiting_bytes.update(self._queues.waiting_bytes())
        urgent = self._id.group.urgent
        at_work = self._at_work is not None and self._at_work.topic in urgent
        presses = self.metrics.is_open and (at_work or self._queues.first() in urgent)
        if presses and not self._is_pressing:
            self._id.host.urgency.urgent_started()
        elif self._is_pressing and not presses:
            self._id.host.urgency.urgent_finished(is_last=self._id.group.is_last)
        self._is_pressing = presses

    def _oldest(self) -> int | None:
        waiting = self._queues.heads()
        if self._at_work is not None:
            waiting = [*waiting, self._at_work]
        return min((batch.records[0].timestamp for batch in waiting), default=None)
