"""A lane that has its state: chooses what it does next, and does it in turns.

The order: a report that Kafka had no record at a position; effects and timers; batches, the most urgent topic first;
the group's offsets once they are old; entries that have ended. Items (effects, timers) and batches take turns, so that
neither keeps the other waiting.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from streams.runtime.agent import Timer
from streams.runtime.lane.effects import EffectTasks
from streams.runtime.lane.groups import LaneId
from streams.runtime.lane.item_turns import ItemTurns
from streams.runtime.lane.items import Effects, entry_to_resume, timer_due
from streams.runtime.lane.log_ends import SourceLogs
from streams.runtime.lane.pending_work import PendingWork
from streams.runtime.lane.phase import LanePhase, Phase
from streams.runtime.lane.poison_work import PoisonWork
from streams.runtime.lane.state import LaneState
from streams.runtime.lane.turn_commit import TurnCommits
from streams.runtime.lane.turns import Turns

#: Timers, and entries to resume, that one turn takes at most.
_ITEMS_AT_ONCE = 500
#: Ended entries that a turn of their own drops at most: some 20 ms, for which a timer or a record may wait.
_ENDED_AT_ONCE = 2_000
#: How soon after its end an entry is dropped (seconds) by a turn of its own, unless that many have ended.
_SWEEP_SECONDS = 5.0
#: How long an idle lane waits at most before it looks at its clock again (seconds). The event loop's own clock stands
#: still while the machine is suspended.
_LOOK_SECONDS = 5.0
#: How long after a timer is due a waiting lane is woken (seconds): woken a moment too early, it would wait again.
_LATER_SECONDS = 0.002

Work = Callable[[], Awaitable[None]]


class OpenLane:
    """The work of one lane; `idle` is set while a held lane has no turn in flight.

    Raises `WorkRaised` if the group's agent cannot be made.
    """

    def __init__(
        self,
        lane: LaneId,
        pending: PendingWork,
        phase: LanePhase,
        idle: asyncio.Event,
        state: LaneState,
        commits: TurnCommits,
        partitions: int,
    ) -> None:
        self._lane = lane
        self._pending = pending
        self._phase = phase
        self._idle = idle
        self._state = state
        self._commits = commits
        self._logs = SourceLogs(lane, state, commits)
        self._poison = PoisonWork(lane, state, partitions)
        self._turns = Turns(
            lane,
            pending.queues,
            state,
            commits,
            self._poison,
            self._begins_no_turn,
            pending.timer_gate.waits_for,
        )
        self._item_turns = ItemTurns(
            lane,
            state,
            commits,
            self._poison,
            start=self._start,
            give_back=pending.give_back,
            is_closing=self._begins_no_turn,
        )
        self._effects = EffectTasks(self._poison, pending.add_item)
        #: The last turn was over items: a batch comes next.
        self._had_items = False
        self._swept_at = 0.0

    @property
    def has_put_aside(self) -> bool:
        """Whether the lane put work aside a short time ago, in this process or the one before."""
        return self._poison.has_put_aside

    async def resume_entries(self, moved: Callable[[], None]) -> None:
        """Have the agent resume the unfinished entries of the state; `moved` is called after each turn of them."""
        prefix = self._poison.agent.unfinished
        if prefix is None:
            return
        keys = [key for key in self._state.entries if key.startswith(prefix)]
        for begin in range(0, len(keys), _ITEMS_AT_ONCE):
            items = [entry_to_resume(key) for key in keys[begin : begin + _ITEMS_AT_ONCE]]
            await self._item_turns.run(items)
            moved()

    async def work(self) -> None:
        """Work until the lane closes; then commit the group's offsets."""
        while (work := await self._next_work()) is not None:
            await work()
        await self._commits.commit_group_offsets()

    def cancel_effects(self) -> None:
        """Cancel the effects under way. Their outcome is unknown: the lane's next owner starts them again."""
        self._effects.cancel()

    def _begins_no_turn(self) -> bool:
        return self._phase.begins_no_turn

    def _start(self, effects: Effects) -> list[asyncio.Task[None]]:
        return self._effects.start(effects)

    async def _next_work(self) -> Work | None:
        """Wait for work, and return it; None once the lane closes."""
        while self._phase.now is not Phase.CLOSING:
            self._pending.clear_wake()
            if self._phase.now is Phase.HELD:
                if self._commits.seconds_until_stale() is not None:
                    return self._commits.commit_group_offsets
                self._idle.set()
                await self._pending.wait()
                continue
            if self._pending.out_of_range:
                return self._check_out_of_range
            until_due, until_stale = self._seconds_until_due(), self._commits.seconds_until_stale()
            has_batch = self._next_topic() is not None
            if self._has_items() and not (has_batch and self._had_items):
                return self._turn_over_items
            if has_batch:
                return self._turn_over_batch
            if until_stale is not None and until_stale <= 0.0:
                return self._commits.commit_group_offsets
            until_swept = self._seconds_until_swept()
            if until_swept is not None and until_swept <= 0.0:
                return self._sweep
            waits = (until_due, until_stale, until_swept)
            await self._pending.wait(min([_LOOK_SECONDS, *(wait for wait in waits if wait is not None)]))
        return None

    async def _check_out_of_range(self) -> None:
        await self._logs.check_out_of_range(*self._pending.out_of_range.popitem())

    def _seconds_until_due(self) -> float | None:
        """Return the seconds until the next timer may run, None if there is no timer."""
        gate, at, now = self._pending.timer_gate, self._state.next_due(), self._lane.now()
        if at is None or at > now:
            # A record called the due timer off, an acknowledgement for example.
            gate.reset()
            return None if at is None else (at - now).total_seconds()
        return gate.seconds_to_wait(now, self._state.next_offsets)

    def _seconds_until_swept(self) -> float | None:
        """Return the seconds until ended entries are dropped in a turn of their own; agents do not see them already."""
        at = self._state.next_end()
        if at is None:
            return None
        return max((at - self._lane.now()).total_seconds(), self._swept_at + _SWEEP_SECONDS - time.monotonic())

    async def _sweep(self) -> None:
        """Drop entries that have ended; if there are more than one turn drops, the next turn follows at once."""
        turn = self._state.turn(self._lane.now())
        ended = self._state.take_ended(turn.now, _ENDED_AT_ONCE)
        for key in ended:
            turn.drop(key)
        self._swept_at = time.monotonic() - (_SWEEP_SECONDS if len(ended) == _ENDED_AT_ONCE else 0.0)
        with self._lane.host.watchdog.turn(self._lane.name):
            await self._commits.commit(turn, {})

    def _has_items(self) -> bool:
        until_due = self._seconds_until_due()
        return bool(self._pending.items) or (until_due is not None and until_due <= 0.0)

    async def _turn_over_items(self) -> None:
        """Work effects and due timers off in one turn: neither waits behind a stream of the other."""
        gate, waiting = self._pending.timer_gate, self._pending.items
        due: list[tuple[bytes, Timer]] = []
        if self._seconds_until_due() == 0.0:
            # Timers that came due during the wait start a wait of their own.
            as_of = gate.due_at or self._lane.now()
            due = self._state.take_due(as_of, _ITEMS_AT_ONCE)
            if len(due) < _ITEMS_AT_ONCE:
                gate.reset()
        results = [waiting.popleft() for _ in range(min(len(waiting), _ITEMS_AT_ONCE))]
        items = [*results, *(timer_due(*each) for each in due)]
        self._had_items = True
        with self._lane.host.watchdog.turn(self._lane.name):
            await self._item_turns.run(items)

    def _next_topic(self) -> str | None:
        """Return the topic to work off next: an urgent one, then one that due timers wait for, then any other."""
        group, queues = self._lane.group, self._pending.queues
        first = queues.first()
        if first is None or first in group.urgent:
            return first
        waited_for = (topic for topic in group.sources if self._pending.timer_gate.waits_for(topic))
        return next((topic for topic in waited_for if queues.peek(topic)), first)

    async def _turn_over_batch(self) -> None:
        """Work a batch of the next topic off: at once if it is urgent, else when a routine turn is free."""
        topic = self._next_topic()
        if topic is None:
            return
        if topic in self._lane.group.urgent or self._pending.timer_gate.waits_for(topic):
            await self._turn_over(topic)
            return
        urgency, until_due = self._lane.host.urgency, self._seconds_until_due()
        # A timer may come due while the lane waits: no batch of other lanes comes before a limit.
        due = (
            None
            if until_due is None
            else asyncio.get_running_loop().call_later(until_due + _LATER_SECONDS, urgency.wake_turns)
        )
        try:
            async with urgency.turn(lambda: self._has_other_work(topic), rank=self._lane.rank) as may_begin:
                if may_begin:
                    await self._turn_over(topic)
        finally:
            if due is not None:
                due.cancel()

    def _has_other_work(self, topic: str) -> bool:
        closes = self._phase.now is Phase.CLOSING
        if closes or (self._has_items() and not self._had_items) or self._next_topic() != topic:
            return True
        # Due timers wait for this topic: it needs no routine turn any more.
        return self._pending.timer_gate.waits_for(topic)

    async def _turn_over(self, topic: str) -> None:
        self._had_items = False
        pending = self._pending
        batch = pending.at_work = pending.queues.take(topic, self._turns.records_of_a_turn(topic))
        try:
            with self._lane.host.watchdog.turn(self._lane.name):
                await self._logs.check_again(batch, pending.ends.get(topic))
                self._start(await self._turns.over(batch))
        finally:
            pending.at_work = None
            pending.update_urgency()
