"""The clock of a process: the time at its start, carried on by a clock that nobody can set.

A machine's wall clock may be set at any moment, by a person, by NTP, after a migration. If waits were counted by it, a
clock that is set back an hour would make each retry wait for an hour. So this clock reads the wall clock once and goes
on by `CLOCK_BOOTTIME`, which counts time in which the machine is suspended too, or else by the monotonic clock.

| the wall clock differs by | taken for | what follows |
|---|---|---|
| at most `STEP_SECONDS` | drift, or a leap second | this clock follows, by at most a tenth of the time that passes |
| more | a step: the clock was set | this clock goes on by itself; it is logged, counted and told again and again |
| at most `STEP_SECONDS` again | the clock is right again | it is told once; this clock follows again |

This clock never comes back to a wall clock that was set: nobody here can know which of the two is right. A process that
began with a wrong clock keeps it until it is started again. See decision 0024.
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

#: A larger difference is a step (seconds). More than the leap second that a kernel inserts; far less than the shortest
#: silence that counts as an outage (10 s), so that a difference which is followed never makes one.
STEP_SECONDS = 1.5
#: How often the wall clock is looked at (seconds).
LOOK_SECONDS = 1.0
#: How much of the time that passes is given to a difference: no wait is more than a tenth too long or too short. Faster
#: than NTP ever slews a clock (chrony: a twelfth).
_FOLLOWED = 0.1
#: The two clocks are read one after the other. If that takes longer, the process stood still in between: the difference
#: tells nothing (seconds).
_AT_ONCE_SECONDS = 0.1
#: How often a step is told again while it lasts (seconds).
SAY_AGAIN_SECONDS = 60.0

#: Linux alone has the first.
_STEADY: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = structlog.get_logger("confide.runtime")
_steps = metrics.get_meter("confide.runtime").create_counter(Metric.CLOCK_STEPS, unit="{step}")


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """The wall clock was set; told again every minute for as long as it differs."""

    #: How far the wall clock is ahead of the process's clock, in seconds; negative: behind it.
    seconds: float


@dataclass(frozen=True, slots=True)
class ClockAgrees:
    """The wall clock and the process's clock agree: the process has just begun, or a step is over."""


ClockEvent = ClockStepped | ClockAgrees | StampEvent


def steady_seconds() -> float:
    """Return the seconds of a clock that nobody can set; it counts suspended time where the system can."""
    return time.clock_gettime(_STEADY)


class _Line(NamedTuple):
    """The clock from one look at the wall clock to the next, in seconds."""

    steady: float
    ours: float
    #: How far the wall clock was ahead, as far as this clock follows it.
    difference: float


class Clock:
    """Tells the time of a process; it never goes backwards.

    `wall` gives seconds since 1970 (UTC), `steady` seconds since any moment. `now` may be called in any thread, `look`
    in one.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady_seconds) -> None:
        self._wall = wall
        self._steady = steady
        self._line = _Line(steady(), wall(), 0.0)
        #: What the brokers' stamps say of this clock.
        self.stamps = Stamps(lambda: self._at(steady()), steady)
        #: When a step was told last, by the steady clock; None: there is none.
        self._told: float | None = None

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return datetime.fromtimestamp(self._at(self._steady()), UTC)

    def look(self) -> ClockEvent | None:
        """Compare with the wall clock; return what is to be told of it, None for nothing new."""
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
        if self._told is not None:
            self._told = None
            _log.warning("the machine's clock and this process's clock agree again")
            return ClockAgrees()
        return None

    async def watch(self, tell: Callable[[ClockEvent], None]) -> None:
        """Look again and again until cancelled, and tell what is to be told; first that the process has begun."""
        tell(ClockAgrees())
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (event := self.look()) is not None:
                tell(event)
            if (of_stamps := self.stamps.look()) is not None:
                tell(of_stamps)

    def _at(self, steady: float) -> float:
        line = self._line
        passed = steady - line.steady
        most = passed * _FOLLOWED
        return line.ours + passed + max(-most, min(most, line.difference))

    def _stepped(self, steady: float, difference: float) -> ClockStepped | None:
        if self._told is None:
            _steps.add(1)
            _log.critical(
                "the machine's clock was set; this process goes on by its own. Set the machine's clock right. If this "
                "does not end then, the process began with a wrong clock: start it again",
                seconds_ahead=round(difference, 3),
            )
        elif steady - self._told < SAY_AGAIN_SECONDS:
            return None
        self._told = steady
        return ClockStepped(round(difference, 3))
