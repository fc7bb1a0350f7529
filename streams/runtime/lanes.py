"""A lane: one partition number of topics that share one state, worked off in turns of one transaction each."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from streams.runtime import backlog, figures
from streams.runtime.agent import micros
from streams.runtime.batches import Batch
from streams.runtime.changelog import Progress
from streams.runtime.commits import Commits
from streams.runtime.effects import EffectTasks
from streams.runtime.failure import LaneRefused, describe, end_process
from streams.runtime.groups import LaneGroup, LaneHost, LaneId
from streams.runtime.isolation import TurnRaised, WorkRaised
from streams.runtime.items import Effects, Item, ItemTurns, entry_to_resume, timer_due
from streams.runtime.lane_events import LaneCloses, LaneOpens, LanePutsAside, LaneRefuses, unheard
from streams.runtime.opening import TransactionHangs, open_state
from streams.runtime.poison import KeepsRaising, Poison, is_recent
from streams.runtime.queues import Queues
from streams.runtime.state import Entry, LaneState, Raised, Suspect, has_raised, opened, suspected, tried
from streams.runtime.steps import Step
from streams.runtime.times import utc_now
from streams.runtime.transaction import TransactionalWriter
from streams.runtime.turns import Turns

#: Timers, and entries to resume, that one turn takes at most.
_ITEMS_AT_ONCE = 500
#: Ended entries that a turn of their own drops at most: some 20 ms, for which a timer or a record may wait.
_ENDED_AT_ONCE = 2_000
#: How soon after its end an entry is dropped (seconds) by a turn of its own, where not that many have ended.
_SWEEP_SECONDS = 5.0
#: How long a rebalance waits for the turns in flight (seconds): heartbeats stop meanwhile, for a session of 6.
_HOLD_SECONDS = 3.0
#: How often a refused lane says so (seconds).
_ALARM_SECONDS = 30.0
#: How soon a lane whose changelog has an open transaction tries to open again (seconds).
_OPEN_AGAIN_SECONDS = 2.0

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
        self._work_arrived = asyncio.Event()
        self._closing = False
        #: While the group deals its partitions out anew; and that no turn is in flight then.
        self._is_held = False
        self._is_still = asyncio.Event()
        #: Set once the state is restored and the lane takes batches, or has refused to.
        self.resolved = asyncio.Event()
        self._writer = TransactionalWriter(host.bootstrap, f"{host.application}-{self._id.name}", host.application)
        # Made when the lane opens.
        self._state: LaneState
        self._commits: Commits
        self._poison: Poison
        self._turns: Turns
        self._item_turns: ItemTurns
        self._effects: EffectTasks | None = None
        self._task: asyncio.Task[None] | None = None
        self._at_work: Batch | None = None
        self._is_pressing = False
        self._swept = 0.0
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

    async def hold(self) -> None:
        """Let the turn in flight finish and begin no other until `go_on`.

        The lane may be another's as soon as the group knows that this member gave it up, and that one fences at once.
        What waits stays: where the lane does too it is fetched again behind it, and skipped as done.
        """
        self._is_held = True
        self._work_arrived.set()
        if self.figures.is_open and self._task is not None:
            self._is_still.clear()
            still = asyncio.create_task(self._is_still.wait())
            # No longer than it takes a member to be given up; then it is fenced, and ends.
            await asyncio.wait([still, self._task], timeout=_HOLD_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            still.cancel()

    def go_on(self) -> None:
        """Take work again: the lane is still here."""
        self._is_held = False
        self._work_arrived.set()

    async def close(self) -> None:
        """Let the turn in flight finish, drop what waits, give the producer back."""
        self._closing = True
        self._work_arrived.set()
        if self._task is not None:
            if not self.figures.is_open:
                self._task.cancel()
            await asyncio.wait([self._task])
        self._queues.clear()
        self._press()
        figures.withdraw(self.figures)
        self._id.host.on_lane(LaneCloses(self._id.name))
        await self._writer.stop()

    async def _run(self, ready: asyncio.Event) -> None:
        try:
            await ready.wait()
            await self._open_at_last()
            while (work := await self._next_work()) is not None:
                await work()
            await self._commits.tell_offsets()
            await self._forget_openings()
        except asyncio.CancelledError:
            raise
        except LaneRefused as refused:
            await self._refuse(refused)
        except (TurnRaised, WorkRaised) as raised:
            await self._end_after(raised)
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"lane {self._id.name}", error)
        finally:
            self._cancel_effects()

    def _cancel_effects(self) -> None:
        # Their outcome is unknown: the lane's next owner starts them again from the state.
        if self._effects is not None:
            self._effects.cancel()

    async def _open_at_last(self) -> None:
        """Open; while a transaction on the changelog is open, which ends or is ended in time, try again."""
        said = float("-inf")
        while True:
            try:
                await self._open()
            except TransactionHangs as hangs:
                if time.monotonic() - said >= _ALARM_SECONDS:
                    await self._say_refused(hangs)
                    said = time.monotonic()
                await asyncio.sleep(_OPEN_AGAIN_SECONDS)
            else:
                self.figures.refused = None
                return

    async def _open(self) -> None:
        found = await open_state(self._id, self._writer, self._restoring)
        state = self._state = found.state
        # Counted from here on, and no more once an offset moves; the process may end at any time.
        openings = {topic: state.openings.pop(topic, 0) + 1 for topic in self._id.group.sources}
        self._commits = Commits(self._id, self._writer, state, self.figures)
        notes = [opened(topic, count) for topic, count in openings.items()]
        await self._commits.commit(state.turn(utc_now()), found.unwritten, notes)
        state.openings.update(openings)
        self._poison = Poison(self._id, self._state)
        self._turns = Turns(self._id, self._queues, state, self._commits, self._poison, self._has_to_end)
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
        self.figures.next_offsets = state.next_offsets
        await self._resume()
        self.figures.is_open = True
        self.resolved.set()
        self._press()
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
            await self._item_turns.over(items)

    def _has_to_end(self) -> bool:
        return self._closing or self._is_held

    async def _say_refused(self, refused: LaneRefused) -> None:
        self.figures.refused = str(refused)
        self.resolved.set()
        _log.critical("lane refuses to work, somebody must look", lane=self._id.name, reason=str(refused))
        host, group, partition = self._id.host, self._id.group, self._id.partition
        if host.on_lane is not unheard:
            offsets = self.figures.next_offsets or await self._committed()
            waiting = await backlog.measure(host.bootstrap, group.sources, partition, offsets)
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
        self.figures.is_open = False
        self._press()
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
        topics = {*self._state.openings, *self._state.trying}
        if topics:
            notes = [note for topic in topics for note in (opened(topic, 0), tried(topic, None))]
            await self._commits.write_notes(*notes)

    async def _end_after(self, raised: TurnRaised | WorkRaised) -> None:
        """Record the error for the next process, then end; where the last process ended so too, refuse."""
        error = raised.__cause__ or raised
        if (before := self._state.raised) is not None and is_recent(before):
            # Not even the agent can be made: nothing is left that could be isolated.
            await self._refuse(
                KeepsRaising(f"lane {self._id.name} ended its process with {type(error).__name__} before")
            )
            return
        notes: list[Entry] = [has_raised(Raised(micros(utc_now()), type(error).__name__))]
        if isinstance(raised, TurnRaised):
            notes.append(suspected(raised.topic, Suspect(raised.begin, raised.end, type(error).__name__)))
        try:
            await self._commits.write_notes(*notes)
        except Exception as unsaid:  # noqa: BLE001 - the process ends all the same; the next one records it when it raises too
            _log.error("the error could not be recorded for the next process", lane=self._id.name, **describe(unsaid))
        end_process(f"lane {self._id.name}", error)

    def _restoring(self, progress: Progress) -> None:
        self.figures.restore = progress

    async def _next_work(self) -> Callable[[], Awaitable[None]] | None:
        """Return what is to be done next: effects and timers, in turns with batches, the most urgent first."""
        while not self._closing:
            self._work_arrived.clear()
            if self._is_held:
                if self._commits.seconds_until_stale() is not None:
                    return self._commits.tell_offsets
                self._is_still.set()
                await self._work_arrived.wait()
                continue
            until_due, until_stale = self._seconds_until_due(), self._commits.seconds_until_stale()
            has_items = bool(self._items) or (until_due is not None and until_due <= 0.0)
            has_batch = self._queues.first() is not None
            if has_items and not (has_batch and self._had_items):
                return self._turn_over_items
            if has_batch:
                return self._turn_over_next
            if until_stale is not None and until_stale <= 0.0:
                return self._commits.tell_offsets
            until_swept = self._seconds_until_swept()
            if until_swept is not None and until_swept <= 0.0:
                return self._sweep
            waits = (until_due, until_stale, until_swept)
            wait = min((wait for wait in waits if wait is not None), default=None)
            try:
                async with asyncio.timeout(wait):
                    await self._work_arrived.wait()
            except TimeoutError:
                continue
        return None

    def _seconds_until_due(self) -> float | None:
        at = self._state.next_due()
        return None if at is None else (at - utc_now()).total_seconds()

    def _seconds_until_swept(self) -> float | None:
        """Return in how long ended entries are dropped in a turn of their own; they read as gone already."""
        at = self._state.next_end()
        if at is None:
            return None
        return max((at - utc_now()).total_seconds(), self._swept + _SWEEP_SECONDS - time.monotonic())

    async def _sweep(self) -> None:
        """Drop entries that have ended; where more than one turn's have, the next turn follows at once."""
        turn = self._state.turn(utc_now())
        ended = self._state.take_ended(turn.now, _ENDED_AT_ONCE)
        for key in ended:
            turn.drop(key)
        self._swept = time.monotonic() - (_SWEEP_SECONDS if len(ended) == _ENDED_AT_ONCE else 0.0)
        with self._id.host.watchdog.turn(self._id.name):
            await self._commits.commit(turn, {})

    async def _turn_over_items(self) -> None:
        """Do what effects and timers bring, in one turn: neither waits behind a stream of the other."""
        due = self._state.take_due(utc_now(), _ITEMS_AT_ONCE)
        results = [self._items.popleft() for _ in range(min(len(self._items), _ITEMS_AT_ONCE))]
        items = [*results, *(timer_due(*each) for each in due)]
        self._had_items = True
        with self._id.host.watchdog.turn(self._id.name):
            await self._item_turns.over(items)

    def _give_back(self, items: Sequence[Item]) -> None:
        """Take items back that are to be done later; timers are in the state still."""
        self._items.extendleft(item for item in reversed(items) if item.timer is None)

    def _start(self, effects: Effects) -> None:
        if self._effects is not None:
            self._effects.start(effects)

    def _add_item(self, item: Item) -> None:
        self._items.append(item)
        self._work_arrived.set()

    async def _turn_over_next(self) -> None:
        topic = self._queues.first()
        if topic is None:
            return
        if topic in self._id.group.urgent:
            await self._turn_over(topic)
            return
        async with self._id.host.turnstile.turn(lambda: self._has_other_work(topic), rank=self._id.rank) as may_begin:
            if may_begin:
                await self._turn_over(topic)

    def _has_other_work(self, topic: str) -> bool:
        return self._closing or (bool(self._items) and not self._had_items) or self._queues.first() != topic

    async def _turn_over(self, topic: str) -> None:
        self._had_items = False
        batch = self._at_work = self._queues.take(topic, self._turns.records_of_a_turn)
        try:
            with self._id.host.watchdog.turn(self._id.name):
                self._start(await self._turns.over(batch))
        finally:
            self._at_work = None
            self._press()

    def _press(self) -> None:
        """Have routine work of the process give way for as long as urgent work is waiting or under way here."""
        self.figures.waiting_bytes.update(self._queues.waiting_bytes())
        urgent = self._id.group.urgent
        at_work = self._at_work is not None and self._at_work.topic in urgent
        presses = self.figures.is_open and (at_work or self._queues.first() in urgent)
        if presses and not self._is_pressing:
            self._id.host.turnstile.enter()
        elif self._is_pressing and not presses:
            self._id.host.turnstile.leave(for_good=self._id.group.is_last)
        self._is_pressing = presses

    def _oldest(self) -> int | None:
        waiting = self._queues.heads()
        if self._at_work is not None:
            waiting = [*waiting, self._at_work]
        return min((batch.records[0].timestamp for batch in waiting), default=None)
