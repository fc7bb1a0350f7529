"""Events that lanes report to their process, beside the log, for alarms; the process's clock reports its own."""

from dataclasses import dataclass

from streams.runtime.clock import ClockEvent
from streams.runtime.lane.backlog import Backlog


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


LaneEvent = LaneRefuses | LaneOpens | LaneCloses | LanePutsAside | ClockEvent


def ignore_event(event: LaneEvent) -> None:
    """Do nothing: no alarm is connected."""
