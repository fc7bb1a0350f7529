"""Compares the broker's stamps with the process's clock, to notice that one of the two clocks is wrong.

A stamp that is behind shows nothing: the record may have waited. A stamp that is far ahead means that the process's
clock is behind or that the broker's clock is ahead. If the process's clock is behind, decisions and reports get wrong
times. If the broker's clock is ahead, Kafka deletes records that are younger than their retention.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import structlog

#: Kafka's type of a timestamp that the broker set (`LogAppendTime`).
STAMPED = 1
#: A stamp that is further ahead than this is reported (seconds): far more than healthy clocks differ.
AHEAD_SECONDS = 300.0
#: A partition whose stamps are no further ahead than this agrees again (seconds). Between the two limits nothing
#: changes: else a difference of about `AHEAD_SECONDS` would raise and clear the alarm all the time.
AGREES_SECONDS = 240.0
#: Period at which the difference is reported again while it lasts (seconds).
REPORT_AGAIN_SECONDS = 60.0
#: A partition without a new record for this long no longer counts (seconds).
FORGOTTEN_SECONDS = 3_600.0

#: A topic and one of its partitions.
Source = tuple[str, int]

_log = structlog.get_logger("confide.runtime")


@dataclass(frozen=True, slots=True)
class BrokerAhead:
    """A broker's stamps are far ahead of the process's clock; reported every minute for as long as they are."""

    seconds: float


@dataclass(frozen=True, slots=True)
class BrokerAgrees:
    """The broker's stamps are no longer ahead."""


StampEvent = BrokerAhead | BrokerAgrees


class _Ahead(NamedTuple):
    seconds: float
    read_at: float


class Stamps:
    """The newest stamp of each partition, as far as it is far ahead. All methods are called in one thread.

    `now` returns the process's clock in seconds since 1970, `steady` seconds since any fixed moment.
    """

    def __init__(self, now: Callable[[], float], steady: Callable[[], float]) -> None:
        self._now = now
        self._steady = steady
        self._ahead: dict[Source, _Ahead] = {}
        #: When the difference was last reported; None: nothing is wrong.
        self._reported_at: float | None = None
        #: True once a newer stamp showed that the last partition that was ahead agrees.
        self._has_agreed = False

    def read(self, source: Source, stamp: int) -> None:
        """Note the newest stamp of a batch, in milliseconds since 1970 (UTC)."""
        seconds = stamp / 1_000 - self._now()
        if seconds > AHEAD_SECONDS or (source in self._ahead and seconds > AGREES_SECONDS):
            self._ahead[source] = _Ahead(seconds, self._steady())
        elif self._ahead.pop(source, None) is not None:
            self._has_agreed = not self._ahead

    def forget(self, source: Source) -> None:
        """Forget a partition: another process reads it now."""
        self._ahead.pop(source, None)

    def look(self) -> StampEvent | None:
        """Return the event to report, None if nothing is new."""
        at = self._steady()
        for source in [source for source, ahead in self._ahead.items() if at - ahead.read_at > FORGOTTEN_SECONDS]:
            self.forget(source)
        if not self._ahead:
            was_reported, self._reported_at = self._reported_at is not None, None
            if not was_reported or not self._has_agreed:
                # No stamp agreed, so it is unknown whether the clocks do. The alarm ends by itself without new reports.
                return None
            _log.warning("the broker's stamps and this process's clock agree again")
            return BrokerAgrees()
        self._has_agreed = False
        seconds = round(max(ahead.seconds for ahead in self._ahead.values()), 3)
        if self._reported_at is None:
            _log.critical(
                "the broker's stamps are ahead of this process's clock. Correct the wrong clock. If it is this "
                "machine's clock, start the process again afterwards",
                seconds_ahead=seconds,
            )
        elif at - self._reported_at < REPORT_AGAIN_SECONDS:
            return None
        self._reported_at = at
        return BrokerAhead(seconds)
