"""The search finds the highest rate of a service, and separates a flat lag from a growing one in spite of batches."""

import random
from statistics import fmean

import pytest

from services.load.plan import Options
from services.load.search import FLAT, Lag, NoFlatRate, highest, is_flat, slope
from services.load.window import Window

SECONDS = 20.0
SAMPLE = 0.25


def service(limit: float, rate: float, seed: int = 1) -> list[Lag]:
    """Return the lag of a service that decides at most `limit` records per second, in batches, loaded at `rate`."""
    chance = random.Random(seed)
    waiting, lags = 0.0, []
    for step in range(1, int(SECONDS / SAMPLE) + 1):
        # The number of independent arrivals varies by its square root; a normal distribution is close enough.
        arriving = rate * SAMPLE
        waiting = max(0.0, waiting + chance.gauss(arriving, arriving**0.5) - limit * SAMPLE)
        # A batch of up to a quarter of a second is in progress.
        lags.append(Lag(step * SAMPLE, round(waiting + chance.uniform(0, 0.25) * min(rate, limit))))
    return lags


@pytest.mark.parametrize("limit", [40.0, 900.0, 4_300.0])
@pytest.mark.parametrize("first", [10.0, 1_000.0, 20_000.0])
async def test_the_limit_of_a_service_is_found(limit: float, first: float) -> None:
    tried: list[float] = []

    async def flat_at(rate: float) -> bool:
        tried.append(rate)
        return is_flat(service(limit, rate), rate=rate, seconds=SECONDS)

    found = await highest(flat_at, first)
    # Up to 2 % of the arriving records may add to the lag, and the search stops within 10 %.
    assert limit / 1.12 <= found <= limit * 1.03
    assert found in tried
    assert len(tried) <= 16


async def test_a_finer_search_comes_closer() -> None:
    async def flat_at(rate: float) -> bool:
        return rate <= 1_000

    assert 1_000 / 1.01 <= await highest(flat_at, 300, precision=0.01) <= 1_000


async def test_a_service_that_holds_nothing_ends_the_search() -> None:
    async def never(rate: float) -> bool:
        return False

    with pytest.raises(NoFlatRate):
        await highest(never, 64)


@pytest.mark.parametrize(("load", "flat"), [(0.5, True), (0.95, True), (1.06, False), (2.0, False)])
def test_a_flat_backlog_is_distinguished_from_a_growing_one(load: float, flat: bool) -> None:
    assert is_flat(service(1_000, 1_000 * load), rate=1_000 * load, seconds=SECONDS) is flat


def test_the_slope_is_what_stays_behind_each_second() -> None:
    growing = [Lag(step / 4, 100 + 7 * step // 4) for step in range(81)]
    assert slope(growing, SECONDS) == pytest.approx(7, abs=0.05)


def test_the_start_and_what_drains_after_the_end_are_no_slope() -> None:
    lags = [Lag(step / 4, 50) for step in range(16, 81)]
    starting = [Lag(step / 4, 3 * step) for step in range(16)]
    draining = [Lag(20.25 + step / 4, 0) for step in range(40)]
    assert slope([*starting, *lags, *draining], SECONDS) == pytest.approx(0)
    assert fmean(lag.records for lag in lags) == 50


def test_a_lag_that_grows_by_less_than_is_let_pass_is_flat() -> None:
    def lags(each_second: float) -> list[Lag]:
        return [Lag(step / 4, round(each_second * step / 4)) for step in range(81)]

    assert is_flat(lags(0.9 * FLAT * 1_000), rate=1_000, seconds=SECONDS)
    assert not is_flat(lags(1.1 * FLAT * 1_000), rate=1_000, seconds=SECONDS)


def test_records_that_could_not_be_read_leave_ids_unaccounted_for() -> None:
    observed = {"reconciliation": {"faults": {}}, "passed_over": 2}
    window = Window(Options(rate=1, seconds=1), "run", observed, {"failed": []}, None)
    assert window.faults() == {"records that could not be read": 2}
