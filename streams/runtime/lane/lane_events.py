"""Events that lanes and followers report to their process, beside the log, for alarms; its clock reports its own."""

from dataclasses import dataclass

from streams.runtime.clock import ClockEvent
from streams.runtime.lane.backlog import Backlog
from streams.runtime.lane.hidden_records import HiddenEvent


@dataclass(frozen=True, slots=True)
class LaneRefuses:
    """The lane refuses to work; reported periodically for as long as it refuses."""

    lane: str
    #: Class of the error with which it refuses.
    error: str
    #: The lane's backlog; None if it is unknown.
    backlog: Backlog | None


@dataclass(frozen=True, slots=True)
class LaneOpens:
    """The lane is open and works."""

    lane: str


@dataclass(frozen=True, slots=True)
class LaneCloses:
    """The lane is no longer in this process."""

    lane: str


@dataclass(frozen=True, slots=True)
class LanePutsAside:
    """The lane put work aside on which its agent raises; reported again if the lane opens within an hour after it."""

    lane: str
    #: Class of the error; None if the lane has just opened.
    error: str | None


@dataclass(frozen=True, slots=True)
class FollowerPassesOver:
    """A follower passed a record over that it cannot read: what the record says is missing in this process."""

    topic: str
    partition: int
    offset: int
    #: Class of the error.
    error: str


FollowerEvent = FollowerPassesOver | HiddenEvent
LaneEvent = LaneRefuses | LaneOpens | LaneCloses | LanePutsAside | FollowerPassesOver | HiddenEvent | ClockEvent


def ignore_event(event: LaneEvent) -> None:
    """Do nothing: no alarm is connected."""
