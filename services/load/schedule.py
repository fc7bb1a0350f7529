"""When each record is due, decided beforehand, and the loop that keeps to it however long a send takes.

An open loop: the people who disclose do not wait for one another. Whatever the house, the broker or this sender do, the
next record is due when the schedule says, and latency counts from there; a sender that waited for answers would leave
out just those records that had to wait (coordinated omission).
"""

import random
from array import array
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum


class Arrivals(StrEnum):
    """How far apart records are due."""

    #: All the same.
    STEADY = "steady"
    #: As independent people come: exponentially distributed.
    POISSON = "poisson"


def schedule(arrivals: Arrivals, *, rate: float, seconds: float, seed: int) -> "array[float]":
    """Return when each record is due, in seconds from the start, in order and below `seconds`; rate in records/s."""
    match arrivals:
        case Arrivals.STEADY:
            return array("d", (number / rate for number in range(int(rate * seconds))))
        case Arrivals.POISSON:
            chance = random.Random(f"arrivals {seed}")  # noqa: S311 - repeatable, guards nothing
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
    """Call `send(first, end)` for the records that have come due since, until all are sent.

    `start` is by the clock, in seconds. Between two sends are at least `pause` seconds, so that many records a second
    make few requests. What came due while a send took its time is handed over at once after it.
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
