"""Times that staff enter, and that a refusal names, to the minute; and the time at which their outcome arrived."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


class Arrival(NamedTuple):
    """The time of an outcome by two clocks, either of which may be wrong: the broker's and the worker's."""

    #: When the broker appended the record. Nothing that the record is about counts as later.
    at: datetime
    #: The later of the two: a worker whose clock is behind does not take a true outcome for one of the future.
    now: datetime

    @classmethod
    def of(cls, arrived_at: datetime, now: datetime) -> "Arrival":
        """Return the arrival of a record that is worked off at `now`."""
        return cls(arrived_at, max(arrived_at, now))

    def bounded(self, at: datetime) -> datetime:
        """Return a time that was written before the record arrived; never one later than its arrival."""
        return min(at, self.at)


def to_the_minute(at: datetime) -> datetime:
    """Return the beginning of the minute: staff enter no seconds."""
    return at.replace(second=0, microsecond=0)


def as_entered(at: datetime) -> str:
    """Return a time in the form in which staff may enter it, such as `2026-07-03T22:10+01:00`."""
    return at.astimezone(LONDON).isoformat(timespec="minutes")
