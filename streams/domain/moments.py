"""The times of a review outcome: those that staff enter, to the minute, and when the outcome arrived."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


class Arrival(NamedTuple):
    """The time of an outcome by the broker's clock and the worker's; either may be wrong."""

    #: When the broker appended the record. No event that the record refers to counts as later.
    at: datetime
    #: The later of both clocks: otherwise a worker whose clock is behind would reject a true outcome as of the future.
    now: datetime

    @classmethod
    def of(cls, arrived_at: datetime, now: datetime) -> "Arrival":
        """Return the arrival of a record that the worker handles at `now`."""
        return cls(arrived_at, max(arrived_at, now))

    def bounded(self, at: datetime) -> datetime:
        """Return a time of an event before the record: never later than the record's arrival."""
        return min(at, self.at)


def to_the_minute(at: datetime) -> datetime:
    """Return the beginning of the minute, because staff enter no seconds."""
    return at.replace(second=0, microsecond=0)


def as_entered(at: datetime) -> str:
    """Return a time in the form in which staff may enter it, such as `2026-07-03T22:10+01:00`."""
    return at.astimezone(LONDON).isoformat(timespec="minutes")
