"""Lane groups, the common parts of a process's lanes, and the identity of one lane."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streams.runtime.agent import Agent
from streams.runtime.clock import Clock
from streams.runtime.lane.lane_events import LaneEvent, ignore_event
from streams.runtime.lane.trials import Trials
from streams.runtime.lane.urgency import UrgencyGate
from streams.runtime.steps import AtStep, Step, ignore_step
from streams.runtime.watchdog import Watchdog


@dataclass(frozen=True, slots=True)
class LaneContext:
    """What an agent knows of its lane."""

    group: str
    partition: int
    #: Number of partitions of each topic of the group.
    partitions: int


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Topics in order of urgency that share one state per partition, and the agent that handles their records.

    All `sources` and `changelog` have the same partition count, which never changes; `sources` may get more topics.

    - `urgent`: topics whose records do not wait for routine work (`urgency.py`).
    - `written_outside`: topics that no lane writes in its turns; records hidden there are reported sooner
      (`hidden_records.py`).
    - `timers_follow`: due timers wait until the lane has caught up with these topics (`timer_gate.py`).
    - `is_last`: no other group of the process reads this group's outputs.
    - `routine_turn_seconds`: longest work of the agent on routine records before their turn is committed. An urgent
      record of the same lane waits for that transaction, which takes longer the more records it holds.
    """

    name: str
    sources: tuple[str, ...]
    agent: Callable[[LaneContext], Agent[Any, Any, Any]]
    changelog: str
    urgent: frozenset[str] = frozenset()
    written_outside: frozenset[str] = frozenset()
    is_last: bool = False
    routine_turn_seconds: float | None = None
    timers_follow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LaneHost:
    """The common parts of a process's lanes.

    - `groups`: names of the lane groups, the one furthest down the pipeline first: its routine turns come first.
    - `accepted`: lanes (`group-partition`) that begin where their logs do, or at the old end of a log that lost its
      tail, although their state and offsets do not fit.
      An operator has accepted the loss.
    - `on_lane`: called with each event of a lane; it must return at once.
    - `clock`: the clock of every turn.
    """

    application: str
    bootstrap: str
    urgency: UrgencyGate
    watchdog: Watchdog = field(default_factory=Watchdog)
    trials: Trials = field(default_factory=Trials)
    at_step: AtStep = ignore_step
    accepted: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    on_lane: Callable[[LaneEvent], None] = ignore_event
    clock: Clock = field(default_factory=Clock)


@dataclass(frozen=True, slots=True)
class LaneId:
    """The identity of a lane: a partition number of a group, in a process."""

    group: LaneGroup
    partition: int
    host: LaneHost

    @property
    def name(self) -> str:
        """`group-partition`, as in logs and in `accepted`."""
        return f"{self.group.name}-{self.partition}"

    @property
    def rank(self) -> int:
        """The index of the lane's group among the groups of the process."""
        return self.host.groups.index(self.group.name) if self.group.name in self.host.groups else 0

    def now(self) -> datetime:
        """Return the time by the process's clock."""
        return self.host.clock.now()

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """Hold a trial. The wait for other lanes' trials does not count as time of this lane's turn."""
        async with AsyncExitStack() as stack:
            with self.host.watchdog.waiting(self.name):
                await stack.enter_async_context(self.host.trials.hold())
            yield

    def step(self, step: Step) -> None:
        """Report that a step was done."""
        self.host.at_step(step, self.name)
