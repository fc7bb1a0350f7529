"""What a lane tells its process beside the log, for an alarm; a process's clock tells what it notices there too."""

from dataclasses import dataclass

from streams.runtime.clock import ClockEvent
from streams.runtime.lane.backlog import Backlog


@dataclass(frozen=True, slots=True)
class LaneRefuses:
    """The lane refuses to work; said again and again for as long as it does."""

    lane: str
    #: Class of the error it refuses with.
    error: str
    #: What waits for the lane; None where that cannot be told.
    backlog: Backlog | None


@dataclass(frozen=True, slots=True)
class LaneOpens:
    """The lane works."""

    lane: str


@dataclass(frozen=True, slots=True)
class LaneCloses:
    """The lane is no longer in this process, which knows nothing of it any more."""

    lane: str


@dataclass(frozen=True, slots=True)
class LanePutsAside:
    """The lane put work aside on which its agent raises; said again when the lane opens within an hour after it."""

    lane: str
    #: Class of the error; None where the lane has only just opened.
    error: str | None


LaneEvent = LaneRefuses | LaneOpens | LaneCloses | LanePutsAside | ClockEvent


def ignore_event(event: LaneEvent) -> None:
    """Do nothing: no alarm is connected."""
