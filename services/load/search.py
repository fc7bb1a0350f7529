"""Searches the highest rate with a flat lag: tries rates in windows, first by doubling, then by narrowing the range."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import sqrt

#: Part of a window that is left out at its beginning: there the lag grows to the size of a batch at any rate.
WARM_UP = 0.2
#: The lag is flat if at most this part of the records that arrive in a second adds to it.
FLAT = 0.02
#: Relative precision of the highest rate.
PRECISION = 0.1
_LOWEST = 1.0


@dataclass(frozen=True, slots=True)
class Lag:
    """The number of disclosures that are due and not decided, at a time in seconds from the start of the window."""

    at: float
    records: int


class NoFlatRate(Exception):
    """The lag was not flat at any rate that was tried."""


def slope(lags: Sequence[Lag], seconds: float) -> float:
    """Return the growth of the lag in records per second: least squares over the window without its beginning."""
    points = [(lag.at, lag.records) for lag in lags if WARM_UP * seconds <= lag.at <= seconds]
    if len(points) < 2:
        raise ValueError("a slope needs two samples of the lag")
    middle = sum(at for at, _ in points) / len(points)
    mean = sum(records for _, records in points) / len(points)
    spread = sum((at - middle) ** 2 for at, _ in points)
    return sum((at - middle) * (records - mean) for at, records in points) / spread


def is_flat(lags: Sequence[Lag], *, rate: float, seconds: float) -> bool:
    """Return whether the lag grows by at most `FLAT` of the rate."""
    return slope(lags, seconds) <= FLAT * rate


async def highest(flat_at: Callable[[float], Awaitable[bool]], first: float, *, precision: float = PRECISION) -> float:
    """Return the highest rate found flat, within `precision` of the lowest found not flat.

    From `first` (records/s) it doubles while flat, or halves while not; then it takes the geometric middle of the
    highest flat and the lowest not flat. Raises `NoFlatRate` below one record a second.
    """
    low, high, rate = 0.0, float("inf"), first
    while True:
        if await flat_at(rate):
            low = rate
        else:
            high = rate
        if high == float("inf"):
            rate = low * 2
        elif low == 0.0:
            rate = high / 2
            if rate < _LOWEST:
                raise NoFlatRate("the lag was not flat at one record a second")
        elif high / low <= 1 + precision:
            return low
        else:
            rate = sqrt(low * high)
