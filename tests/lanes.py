"""A lane for the tests of an agent's logic: turns in order, effects and due timers on request, without Kafka.

Its state is the runtime's own, restored from the records that its turns would have written to the changelog.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from schemas.codec import decode
from schemas.errors import Invalid
from streams.runtime import Agent, Origin, Output, PutAside, Record, Turn
from streams.runtime.agent import micros
from streams.runtime.lane.items import timer_due
from streams.runtime.lane.rejection import REJECTED_SUFFIX, rejected
from streams.runtime.lane.state import ChangelogRecord, LaneState, turn_records
from tests.fakes.clocks import Clock


class Lane:
    """One lane of an agent. `changelog` survives a crash, effects do not."""

    def __init__(self, agent: Agent[Any, Any, Any], clock: Clock, changelog: Sequence[ChangelogRecord] = ()) -> None:
        self.agent = agent
        self.clock = clock
        self.changelog = list(changelog)
        self._kept = LaneState()
        for entry in self.changelog:
            self._kept.apply(*entry)
        self.outputs: list[Output] = []
        self.effects: deque[tuple[Any, Origin]] = deque()
        self._offset = 0
        turn = self._turn()
        self._kept.limit_waits(turn)
        if agent.unfinished is not None:
            for key, value in list(turn.scan(agent.unfinished)):
                agent.resume(key, value, turn)
        self._commit(turn)

    def feed(
        self,
        *values: bytes | None,
        topic: str = "source",
        traceparent: bytes | None = None,
        stamp: datetime | None = None,
    ) -> None:
        """Handle one batch of these values in one turn. `stamp` is the broker's stamp, if it set one."""
        turn = self._turn()
        decoded = []
        headers = () if traceparent is None else (("traceparent", traceparent),)
        for value in values:
            at = 0 if stamp is None else micros(stamp) // 1_000
            record = Record(topic, 0, self._offset, at, b"person", value, headers, stamp is not None)
            self._offset += 1
            try:
                decoded.append((record, self.agent.decode(record)))
            except Invalid as invalid:
                turn.reject(record, invalid)
        self.agent.handle(decoded, turn)
        for record, why in turn.rejects:
            self.agent.rejected(record, why, turn)
        self._commit(turn)

    async def settle(self) -> Any:
        """Perform the oldest effect, in its slot if it needs one, commit what follows, and return the effect."""
        effect, _ = self.effects[0]
        (await self.perform())()
        return effect

    async def perform(self) -> Callable[[], None]:
        """Perform the oldest effect; return the function that commits its result. After a crash, no test calls it."""
        effect, origin = self.effects.popleft()
        slot = self.agent.slot(effect)
        async with slot or nullcontext():
            if slot is not None and not self._begins(effect, origin):
                return lambda: None
            result = await self.agent.perform(effect)

        def commit() -> None:
            turn = self._turn()
            self.agent.effect_done(effect, result, turn, origin)
            self._commit(turn)

        return commit

    def begin(self) -> None:
        """Begin the oldest effect, and lose it before it is performed, as in a crash."""
        self._begins(*self.effects.popleft())

    def _begins(self, effect: Any, origin: Origin) -> bool:
        turn = self._turn()
        begins = self.agent.starting(effect, turn, origin)
        self._commit(turn)
        return begins

    def put_aside(self, work: PutAside) -> None:
        """Have the agent ask a human to look at work that the runtime has put aside, as a real lane does."""
        turn = self._turn()
        if work.timer is not None:
            turn.unschedule(work.timer)
        if work.entry is not None:
            turn.drop(work.entry)
        self.agent.put_aside(work, turn, Origin())
        self._commit(turn)

    @property
    def state(self) -> dict[bytes, bytes]:
        """The entries of the lane's state, ended entries that are not dropped yet included."""
        return self._kept.entries

    @property
    def timers(self) -> dict[bytes, datetime]:
        """The time at which each timer of the lane is due."""
        return {name: timer.at for name, timer in self._kept.timers.items()}

    def pass_time(self) -> None:
        """Do what is due by the clock: timers, and entries that have ended."""
        turn = self._turn()
        for key in self._kept.take_ended(turn.now, 1_000):
            turn.drop(key)
        self._run_due(turn)
        self._commit(turn)

    async def settle_as_timers_are_due(self) -> None:
        """Perform the oldest effect; commit its result in one turn with the due timers, as after a rebalance."""
        effect, origin = self.effects.popleft()
        slot = self.agent.slot(effect)
        async with slot or nullcontext():
            if slot is not None and not self._begins(effect, origin):
                return
            result = await self.agent.perform(effect)
        turn = self._turn()
        due = self._kept.take_due(turn.now, 1_000)
        self.agent.effect_done(effect, result, turn, origin)
        for name, timer in due:
            timer_due(name, timer).do(self.agent, turn)
        self._commit(turn)

    def _run_due(self, turn: Turn) -> None:
        for name, timer in self._kept.take_due(turn.now, 1_000):
            timer_due(name, timer).do(self.agent, turn)

    async def settle_all(self) -> None:
        """Perform effects until none is left."""
        while self.effects:
            await self.settle()

    def written(self, name: str) -> list[dict[str, Any]]:
        """Return the written records of one name, in order."""
        written = [output for output in self.outputs if not output.topic.endswith(REJECTED_SUFFIX)]
        decoded = [decode(output.value, *_NAMES) for output in written if output.value is not None]
        return [fields for found, fields in decoded if found == name]

    def _turn(self) -> Turn:
        now = self.clock()
        # The broker's clock shows the same time.
        self._kept.stamp = max(self._kept.stamp, micros(now))
        return self._kept.turn(now)

    def _commit(self, turn: Turn) -> None:
        self.outputs += turn.outputs
        self.outputs += (rejected(record, invalid, by="test", now=turn.now) for record, invalid in turn.rejects)
        self.changelog += turn_records(turn)
        self._kept.commit(turn)
        self.effects.extend(turn.effects)


_NAMES = ("DeliveryChanged", "NotificationDue", "NotificationSettled", "Report")
