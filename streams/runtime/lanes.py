"""A lane: one partition number of topics that share one state, worked off in turns of one transaction each."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import structlog

from streams.runtime import figures
from streams.runtime.agent import Cause
from streams.runtime.batches import Batch
from streams.runtime.changelog import Progress
from streams.runtime.commits import Commits
from streams.runtime.failure import describe, end_process
from streams.runtime.groups import LaneGroup, LaneHost, LaneId
from streams.runtime.isolation import TurnRaised
from streams.runtime.opening import LaneRefused, open_state
from streams.runtime.queues import Queues
from streams.runtime.state import LaneState, Suspect, suspected
from streams.runtime.steps import Step
from streams.runtime.transaction import TransactionalWriter
from streams.runtime.turns import Turns, utc_now

#: Timers and ended entries that one turn takes at most.
_DUE_AT_ONCE = 500
#: How soon after its end an entry is dropped (seconds): many together, for a transaction of their own.
_SWEEP_SECONDS = 5.0
#: Effects of one lane that are performed at the same time.
EFFECTS_AT_ONCE = 1_000
#: How long a rebalance waits for the turns in flight (seconds): heartbeats stop meanwhile, for a session of 6.
_HOLD_SECONDS = 3.0
#: How often a refused lane says so (seconds).
_ALARM_SECONDS = 30.0

_log = structlog.get_logger("confide.runtime")


class _Settled(NamedTuple):
    effect: Any
    result: Any
    cause: Cause


class Lane:
    """A lane while it is assigned to this process: opens, then does what is there to do, the most urgent first."""

    def __init__(self, group: LaneGroup, partition: int, host: LaneHost) -> None:
        self._id = LaneId(group, partition, host)
        self._queues = Queues(group.sources)
        self._settled: deque[_Settled] = deque()
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
        self._turns: Turns
        self._effects: set[asyncio.Task[None]] = set()
        self._effect_slots = asyncio.Semaphore(EFFECTS_AT_ONCE)
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
            await self._commits.tell_offsets()
        except asyncio.CancelledError:
            raise
        except LaneRefused as refused:
            await self._refuse(str(refused))
        except TurnRaised as raised:
            await self._end_after(raised)
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"lane {self._id.name}", error)

    async def _open(self) -> None:
        opened = await open_state(self._id, self._writer, self._restoring)
        self._state = opened.state
        self._commits = Commits(self._id, self._writer, self._state, self.figures)
        self._turns = Turns(self._id, self._queues, self._state, self._commits, lambda: self._closing or self._is_held)
        self.figures.next_offsets = self._state.next_offsets
        turn = self._state.turn(utc_now())
        self._turns.agent.opened(turn)
        await self._commits.commit(turn, opened.unwritten)
        self._perform_all(turn.effects)
        self.figures.is_open = True
        self.resolved.set()
        self._press()
        self._id.step(Step.OPENED)

    async def _refuse(self, reason: str) -> None:
        """Work nothing off and say so again and again; the other lanes of the process go on."""
        self.figures.refused = reason
        self.resolved.set()
        while not self._closing:
            _log.critical("lane refuses to work, somebody must look", lane=self._id.name, reason=reason)
            await asyncio.sleep(_ALARM_SECONDS)

    async def _end_after(self, raised: TurnRaised) -> None:
        """Leave word of the turn that raised for the successor, and end."""
        error = raised.__cause__ or raised
        try:
            suspect = Suspect(raised.begin, raised.end, type(error).__name__)
            await self._commits.leave_word(suspected(raised.topic, suspect))
        except Exception as unsaid:  # noqa: BLE001 - the process ends all the same; the successor leaves word when it raises too
            _log.error("no word could be left of the turn that raised", lane=self._id.name, **describe(unsaid))
        end_process(f"lane {self._id.name}", error)

    def _restoring(self, progress: Progress) -> None:
        self.figures.restore = progress

    async def _next_work(self) -> Callable[[], Awaitable[None]] | None:
        """Return what is to be done next: results of effects, what is due, then batches, the most urgent first."""
        while not self._closing:
            self._work_arrived.clear()
            if self._is_held:
                if self._commits.seconds_until_stale() is not None:
                    return self._commits.tell_offsets
                self._is_still.set()
                await self._work_arrived.wait()
                continue
            if self._settled:
                return self._turn_over_settled
            until_due, until_stale = self._seconds_until_due(), self._commits.seconds_until_stale()
            if until_due is not None and until_due <= 0.0:
                return self._turn_over_due
            if self._queues.first() is not None:
                return self._turn_over_next
            if until_stale is not None and until_stale <= 0.0:
                return self._commits.tell_offsets
            wait = min((wait for wait in (until_due, until_stale) if wait is not None), default=None)
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
        seconds = (at - utc_now()).total_seconds()
        if not self._state.is_next_a_timer():
            # What has ended is read as gone already; dropping it can wait for others.
            seconds = max(seconds, self._swept + _SWEEP_SECONDS - time.monotonic())
        return seconds

    async def _turn_over_due(self) -> None:
        turn = self._state.turn(utc_now())
        timers, ended = self._state.take_due(turn.now, _DUE_AT_ONCE)
        for key in ended:
            turn.drop(key)
        for name, timer in timers:
            turn.unschedule(name)
            self._turns.agent.due(name, turn, timer.cause)
        self._swept = time.monotonic()
        await self._commits.commit(turn, {})
        self._perform_all(turn.effects)

    async def _turn_over_settled(self) -> None:
        settled = list(self._settled)
        self._settled.clear()
        turn = self._state.turn(utc_now())
        for done in settled:
            self._turns.agent.settled(done.effect, done.result, turn, done.cause)
        await self._commits.commit(turn, {})
        self._perform_all(turn.effects)

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
        return self._closing or bool(self._settled) or self._queues.first() != topic

    async def _turn_over(self, topic: str) -> None:
        batch = self._at_work = self._queues.take(topic, self._turns.records_of_a_turn)
        try:
            self._perform_all(await self._turns.over(batch))
        finally:
            self._at_work = None
            self._press()

    def _perform_all(self, effects: Iterable[tuple[Any, Cause]]) -> None:
        for effect, cause in effects:
            task = asyncio.create_task(self._perform(effect, cause))
            self._effects.add(task)
            task.add_done_callback(self._effects.discard)

    async def _perform(self, effect: Any, cause: Cause) -> None:
        try:
            async with self._effect_slots:
                result = await self._turns.agent.perform(effect)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is ends the process
            end_process(f"effect of lane {self._id.name}", error)
        else:
            self._settled.append(_Settled(effect, result, cause))
            self._work_arrived.set()

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
