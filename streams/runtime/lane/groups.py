"""What lanes are made of: the groups that they belong to, and what those of a process have in common."""

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
    """What an agent may know of its lane."""

    group: str
    partition: int
    #: How many partitions each topic of the group has.
    partitions: int


@dataclass(frozen=True, slots=True)
class LaneGroup:
    """Topics that share one state by partition, in order of urgency, and who works them off.

    They have the same partition count, and so has `changelog`. `sources` may grow by topics, but its partition count
    never changes. What comes on a topic of `urgent` does not stand in line with the routine work of other lanes.
    Due timers wait until the lane has caught up with the topics of `timers_follow` (`timer_gate.py`).
    `is_last` says that no other group of the process takes up what this one writes. `routine_turn_seconds` is how long
    the agent works at most on routine records before they are delivered: an urgent record of the same lane waits for
    the transaction of that turn, which takes longer the more is in it.
    """

    name: str
    sources: tuple[str, ...]
    agent: Callable[[LaneContext], Agent[Any, Any, Any]]
    changelog: str
    urgent: frozenset[str] = frozenset()
    is_last: bool = False
    routine_turn_seconds: float | None = None
    timers_follow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LaneHost:
    """What the lanes of a process have in common.

    `groups` are the names of its lane groups, what is furthest on its way first: that one's routine turns come first.
    `accepted` are lanes (`group-partition`) that begin where their logs do although their state and offsets do not
    fit: somebody looked and took the loss. `on_lane` hears what the lanes say of themselves; it returns at once.
    `clock` tells the time of every turn.
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
    """Which lane: a partition number of a group, in a process."""

    group: LaneGroup
    partition: int
    host: LaneHost

    @property
    def name(self) -> str:
        """`group-partition`, as logs and `accepted` have it."""
        return f"{self.group.name}-{self.partition}"

    @property
    def rank(self) -> int:
        """The place of the lane's group among those of the process."""
        return self.host.groups.index(self.group.name) if self.group.name in self.host.groups else 0

    def now(self) -> datetime:
        """Return the time by the process's clock."""
        return self.host.clock.now()

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[None]:
        """Hold a trial; the time until others of the process are over is not the lane's."""
        async with AsyncExitStack() as held:
            with self.host.watchdog.waiting(self.name):
                await held.enter_async_context(self.host.trials.one())
            yield

    def step(self, step: Step) -> None:
        """Say that a step was done."""
        self.host.at_step(step, self.name)
