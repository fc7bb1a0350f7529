"""Compares the broker's stamps with the process's clock: one that is far ahead shows that one of the two is wrong.

A stamp that is behind shows nothing: the record may have waited. One that is ahead of the process's clock, however late
the record is read, means that the process's clock is behind or that the broker's is ahead. The first writes wrong times
into decisions and reports; the second has Kafka delete what is younger than its retention.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

#: Kafka's type of a timestamp that the broker set (`LogAppendTime`).
STAMPED = 1
#: A stamp that is further ahead is told (seconds): far more than the clocks of a healthy deployment differ.
AHEAD_SECONDS = 300.0
#: A partition whose stamps are no further ahead than this agrees again (seconds). Between the two nothing changes, or a
#: difference of just `AHEAD_SECONDS` would raise and clear the alarm all the time.
AGREES_SECONDS = 240.0
#: How often it is told again while it lasts (seconds).
SAY_AGAIN_SECONDS = 60.0
#: A partition of which nothing more was read tells nothing any more (seconds).
FORGOTTEN_SECONDS = 3_600.0

#: A topic and a partition of it.
Source = tuple[str, int]

_log = structlog.get_logger("confide.runtime")


@dataclass(frozen=True, slots=True)
class BrokerAhead:
    """A broker's stamps are far ahead of the process's clock; told every minute for as long as they are."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BrokerAgrees:
    """The broker's stamps are ahead no more."""


StampEvent = BrokerAhead | BrokerAgrees


class _Ahead(NamedTuple):
    seconds: float
    read_at: float


class Stamps:
    """Knows of each partition whether its newest stamp was far ahead. All its methods are called in one thread.

    `now` gives the process's clock in seconds since 1970, `steady` seconds since any moment.
    """

    def __init__(self, now: Callable[[], float], steady: Callable[[], float]) -> None:
        self._now = now
        self._steady = steady
        self._ahead: dict[Source, _Ahead] = {}
        #: When it was told last; None: nothing is wrong.
        self._told: float | None = None
        #: A stamp showed that the last partition which was ahead agrees.
        self._has_agreed = False

    def read(self, source: Source, stamp: int) -> None:
        """Take up the newest stamp of a batch, in milliseconds since 1970 (UTC)."""
        seconds = stamp / 1_000 - self._now()
        if seconds > AHEAD_SECONDS or (source in self._ahead and seconds > AGREES_SECONDS):
            self._ahead[source] = _Ahead(seconds, self._steady())
        elif self._ahead.pop(source, None) is not None:
            self._has_agreed = not self._ahead

    def forget(self, source: Source) -> None:
        """Drop what is known of a partition: another process reads it now."""
        self._ahead.pop(source, None)

    def look(self) -> StampEvent | None:
        """Return what is to be told, None for nothing new."""
        at = self._steady()
        for source in [source for source, ahead in self._ahead.items() if at - ahead.read_at > FORGOTTEN_SECONDS]:
            self.forget(source)
        if not self._ahead:
            was_told, self._told = self._told is not None, None
            if not was_told or not self._has_agreed:
                # Without a stamp that agrees nobody knows; the alarm ends once it was not told for long enough.
                return None
            _log.warning("the broker's stamps and this process's clock agree again")
            return BrokerAgrees()
        self._has_agreed = False
        seconds = round(max(ahead.seconds for ahead in self._ahead.values()), 3)
        if self._told is None:
            _log.critical(
                "the broker's stamps are ahead of this process's clock: set the clock that is wrong right. If it "
                "is this machine's, start the process again then",
                seconds_ahead=seconds,
            )
        elif at - self._told < SAY_AGAIN_SECONDS:
            return None
        self._told = at
        return BrokerAhead(seconds)
