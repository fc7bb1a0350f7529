"""The schedule of a load test, fixed before it starts, and the loop that keeps to it.

It is an open loop: people who disclose do not wait for one another. The next record is due at its time in the schedule,
even if the workers, the broker or this sender are slow, and its latency begins then. A sender that waited for answers
would leave out the very records that had to wait (coordinated omission).
"""

import math
import random
from array import array
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum

#: The largest test: records a second, seconds of a window (a week), and records. Each record takes 34 bytes of memory.
MAX_RATE = 1_000_000.0
MAX_SECONDS = 604_800.0
MAX_RECORDS = 100_000_000


class Arrivals(StrEnum):
    """The distribution of the times between two records."""

    #: Equal times.
    STEADY = "steady"
    #: Exponentially distributed times, as between independent people.
    POISSON = "poisson"


def schedule(arrivals: Arrivals, *, rate: float, seconds: float, seed: int) -> "array[float]":
    """Return when each record is due, in seconds from the start, in order and below `seconds`; rate in records/s.

    Raises `ValueError` for a rate or a time that is no number: an infinite rate would never get beyond its start.
    """
    if not (math.isfinite(rate) and rate > 0 and math.isfinite(seconds)):
        raise ValueError("rate and seconds of a schedule are numbers, and the rate is above 0")
    match arrivals:
        case Arrivals.STEADY:
            return array("d", (number / rate for number in range(int(rate * seconds))))
        case Arrivals.POISSON:
            chance = random.Random(f"arrivals {seed}")  # noqa: S311 - repeatable, not a secret
            due = array("d")
            at = chance.expovariate(rate)
            while at < seconds:
                due.append(at)
                at += chance.expovariate(rate)
            return due


async def keep(
    due: Sequence[float],
    send: Callable[[int, int], Awaitable[None]],
    *,
    start: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]],
    pause: float = 0.0,
) -> None:
    """Call `send(first, end)` for the records that have become due since the last call, until all are sent.

    `start` is a time of `clock`, in seconds. Two sends are at least `pause` seconds apart, so that many records per
    second need few requests. Records that become due during a send are sent right after it.
    """
    first, paused_until = 0, 0.0
    while first < len(due):
        elapsed = clock() - start
        wait = max(due[first], paused_until) - elapsed
        if wait > 0:
            await sleep(wait)
            continue
        end = bisect_right(due, elapsed, first)
        await send(first, end)
        first, paused_until = end, elapsed + pause
