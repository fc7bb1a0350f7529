"""The clock of a process: reads the wall clock once, and then counts by a clock that cannot be set.

A machine's wall clock may be set at any moment: by a person, by NTP, after a migration. If waits were counted by the
wall clock, setting it back an hour would make each retry wait for an hour. So this clock reads the wall clock once.
Then it counts by `CLOCK_BOOTTIME`, which includes the time in which the machine is suspended, or else by the monotonic
clock.

| the wall clock differs by | cause | result |
|---|---|---|
| at most `STEP_SECONDS` | drift, or a leap second | this clock follows, by at most a tenth of the time that passes |
| more | a step: the clock was set | this clock counts on; the step is logged, counted and reported every minute |
| at most `STEP_SECONDS` again | the step is over | reported once; this clock follows again |

This clock never jumps to a wall clock that was set, because a process cannot know which of the two is right. A process
that began with a wrong clock keeps it until the process is started again. See decision 0024.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from opentelemetry import metrics

from schemas.telemetry import Metric
from streams.runtime.stamps import StampEvent, Stamps

#: A larger difference is a step (seconds). It is more than the leap second that a kernel inserts. It is far less than
#: the shortest silence that counts as an outage (10 s), so a difference that the clock follows never looks like one.
STEP_SECONDS = 1.5
#: Period at which the wall clock is compared (seconds).
LOOK_SECONDS = 1.0
#: Share of the passing time by which this clock follows a difference: no wait is more than a tenth too long or too
#: short. Faster than NTP ever slews a clock (chrony: a twelfth).
_FOLLOWED = 0.1
#: Longest time between the reads of the two clocks (seconds). If it took longer, the process was stopped in between,
#: and the difference has no meaning.
_AT_ONCE_SECONDS = 0.1
#: Period at which a step is reported again while it lasts (seconds).
REPORT_AGAIN_SECONDS = 60.0

#: Only Linux has `CLOCK_BOOTTIME`.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = structlog.get_logger("confide.runtime")
_steps = metrics.get_meter("confide.runtime").create_counter(Metric.CLOCK_STEPS, unit="{step}")


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """The wall clock was set; reported again every minute for as long as the two clocks differ."""

    #: How far the wall clock is ahead of the process's clock, in seconds; negative if it is behind.
    seconds: float


@dataclass(frozen=True, slots=True)
class ClockAgrees:
    """The wall clock and the process's clock agree: the process has just started, or a step is over."""


ClockEvent = ClockStepped | ClockAgrees | StampEvent


def steady_seconds() -> float:
    """Return the seconds of a clock that cannot be set; it counts suspended time if the system can do so."""
    return time.clock_gettime(_STEADY)


class _Line(NamedTuple):
    """The clock between two comparisons with the wall clock, in seconds."""

    steady: float
    ours: float
    #: The part of the wall clock's lead that this clock follows.
    difference: float


class Clock:
    """The time of a process; it never goes backwards.

    `wall` returns seconds since 1970 (UTC), `steady` seconds since any fixed moment. `now` may be called in any thread,
    `look` only in one.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady_seconds) -> None:
        self._wall = wall
        self._steady = steady
        self._line = _Line(steady(), wall(), 0.0)
        #: Compares the brokers' stamps with this clock.
        self.stamps = Stamps(lambda: self._at(steady()), steady)
        #: When a step was last reported, by the steady clock; None: there is no step.
        self._reported_at: float | None = None

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self._at(self._steady()), UTC)

    def look(self) -> ClockEvent | None:
        """Compare with the wall clock; return the event to report, None if nothing is new."""
        before = self._steady()
        wall = self._wall()
        steady = self._steady()
        if steady - before > _AT_ONCE_SECONDS:
            return None
        ours = self._at(steady)
        difference = wall - ours
        is_stepped = abs(difference) > STEP_SECONDS
        self._line = _Line(steady, ours, 0.0 if is_stepped else difference)
        if is_stepped:
            return self._stepped(steady, difference)
        if self._reported_at is not None:
            self._reported_at = None
            _log.warning("the machine's clock and this process's clock agree again")
            return ClockAgrees()
        return None

    async def watch(self, report: Callable[[ClockEvent], None]) -> None:
        """Compare every `LOOK_SECONDS` until cancelled, and report each event; first that the process has started."""
        report(ClockAgrees())
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (event := self.look()) is not None:
                report(event)
            if (stamp_event := self.stamps.look()) is not None:
                report(stamp_event)

    def _at(self, steady: float) -> float:
        line = self._line
        passed = steady - line.steady
        most = passed * _FOLLOWED
        return line.ours + passed + max(-most, min(most, line.difference))

    def _stepped(self, steady: float, difference: float) -> ClockStepped | None:
        if self._reported_at is None:
            _steps.add(1)
            _log.critical(
                "the machine's clock was set; this process goes on by its own. Set the machine's clock right. If this "
                "does not end then, the process began with a wrong clock: start it again",
                seconds_ahead=round(difference, 3),
            )
        elif steady - self._reported_at < REPORT_AGAIN_SECONDS:
            return None
        self._reported_at = steady
        return ClockStepped(round(difference, 3))
