"""What lanes are made of: the groups that they belong to, and what those of a process have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.runtime.agent import Agent
from streams.runtime.lane_events import LaneEvent, unheard
from streams.runtime.steps import AtStep, Step, unwatched
from streams.runtime.trials import Trials
from streams.runtime.turnstile import Turnstile
from streams.runtime.watchdog import Watchdog


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
    `is_last` says that no other group of the process takes up what this one writes.
    """

    name: str
    sources: tuple[str, ...]
    agent: Callable[[LaneContext], Agent[Any, Any, Any]]
    changelog: str
    urgent: frozenset[str] = frozenset()
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class LaneHost:
    """What the lanes of a process have in common.

    `groups` are the names of its lane groups, what is furthest on its way first: that one's routine turns come first.
    `accepted` are lanes (`group-partition`) that begin where their logs do although their state and offsets do not
    fit: somebody looked and took the loss. `on_lane` hears what the lanes say of themselves; it returns at once.
    """

    application: str
    bootstrap: str
    turnstile: Turnstile
    watchdog: Watchdog = field(default_factory=Watchdog)
    trials: Trials = field(default_factory=Trials)
    at_step: AtStep = unwatched
    accepted: frozenset[str] = frozenset()
    groups: tuple[str, ...] = ()
    on_lane: Callable[[LaneEvent], None] = unheard


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

    def step(self, step: Step) -> None:
        """Say that a step was done."""
        self.host.at_step(step, self.name)
