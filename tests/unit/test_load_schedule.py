"""Records are due at the times of the schedule, and a record that waits for a stalled sender waits since it was due."""

from itertools import pairwise
from math import inf, nan
from statistics import fmean

import pytest

from services.load.latency import Latencies
from services.load.schedule import Arrivals, keep, schedule
from tests.fakes.clocks import SecondsClock


@pytest.mark.parametrize("arrivals", Arrivals)
@pytest.mark.parametrize(("rate", "seconds"), [(inf, 1), (nan, 1), (0, 1), (-1, 1), (1, inf), (1, nan)])
def test_a_schedule_of_no_number_is_an_error_and_no_endless_loop(
    arrivals: Arrivals, rate: float, seconds: float
) -> None:
    with pytest.raises(ValueError, match="are numbers, and the rate is above 0"):
        schedule(arrivals, rate=rate, seconds=seconds, seed=1)


def test_steady_records_are_equally_far_apart() -> None:
    due = schedule(Arrivals.STEADY, rate=50, seconds=4, seed=1)
    assert len(due) == 200
    assert due[0] == 0.0
    assert [later - earlier for earlier, later in pairwise(due)] == pytest.approx([0.02] * 199)


def test_poisson_arrivals_have_the_rate_and_the_spread_of_independent_people() -> None:
    due = schedule(Arrivals.POISSON, rate=200, seconds=100, seed=7)
    gaps = [later - earlier for earlier, later in pairwise(due)]
    assert len(due) == pytest.approx(20_000, rel=0.03)
    assert due[-1] < 100
    assert all(gap >= 0 for gap in gaps)
    # Exponential gaps: the mean is 1/rate, and e⁻¹ of them and e⁻³ of them are longer than one and three means.
    assert fmean(gaps) == pytest.approx(1 / 200, rel=0.03)
    assert sum(gap > 1 / 200 for gap in gaps) / len(gaps) == pytest.approx(0.3679, abs=0.02)
    assert sum(gap > 3 / 200 for gap in gaps) / len(gaps) == pytest.approx(0.0498, abs=0.01)


def test_a_schedule_is_of_its_seed() -> None:
    first = schedule(Arrivals.POISSON, rate=100, seconds=5, seed=3)
    assert schedule(Arrivals.POISSON, rate=100, seconds=5, seed=3) == first
    assert schedule(Arrivals.POISSON, rate=100, seconds=5, seed=4) != first


async def test_every_record_is_sent_once_in_order_and_never_before_it_is_due() -> None:
    due = schedule(Arrivals.POISSON, rate=100, seconds=10, seed=1)
    clock = SecondsClock(1_000.0)
    sent: list[tuple[int, float]] = []

    async def send(first: int, end: int) -> None:
        sent.extend((index, clock.now - 1_000.0) for index in range(first, end))

    await keep(due, send, start=1_000.0, clock=clock, sleep=clock.sleep)
    assert [index for index, _ in sent] == list(range(len(due)))
    assert all(at >= due[index] - 1e-9 for index, at in sent)


async def test_a_pause_between_sends_makes_nothing_later_than_itself_and_rare_records_no_later() -> None:
    clock = SecondsClock(0.0)
    handed: list[tuple[int, float]] = []

    async def send(first: int, end: int) -> None:
        handed.extend((index, clock.now) for index in range(first, end))

    for rate, sends in ((2_000, 201), (50, 50)):
        due = schedule(Arrivals.STEADY, rate=rate, seconds=1, seed=1)
        clock.now = 0.0
        handed.clear()
        await keep(due, send, start=0.0, clock=clock, sleep=clock.sleep, pause=0.005)
        assert [index for index, _ in handed] == list(range(rate))
        assert len({at for _, at in handed}) == pytest.approx(sends, abs=1)
        late = [at - due[index] for index, at in handed]
        assert max(late) <= (0.0051 if rate == 2_000 else 1e-5)


async def test_latency_counts_the_wait_for_a_stalled_sender() -> None:
    """Ten records per second, and one send takes three seconds: latencies must include the wait for that send."""
    due = schedule(Arrivals.STEADY, rate=10, seconds=20, seed=1)
    clock = SecondsClock(500.0)
    latencies = Latencies()
    waited: dict[int, float] = {}

    async def send(first: int, end: int) -> None:
        if first == 100:
            clock.now += 3.0
        for index in range(first, end):
            waited[index] = clock.now - 500.0 - due[index]
            latencies.record(waited[index])

    await keep(due, send, start=500.0, clock=clock, sleep=clock.sleep)
    assert sorted(waited) == list(range(200))
    # Records 100 to 130 were due during the stall, the last of them just as it ended; the next is on time again.
    assert waited[100] == pytest.approx(3.0)
    assert waited[115] == pytest.approx(1.5)
    assert waited[129] == pytest.approx(0.1)
    assert waited[131] == pytest.approx(0.0, abs=1e-6)
    result = latencies.percentiles((50.0, 99.0))
    assert result[50.0] < 1
    assert 2_700 <= result[99.0] <= 3_000
