"""Routine slices give way to urgent work, and are not stopped by it for good."""

import asyncio
from itertools import pairwise

import pytest

from streams.runtime.turnstile import SHORT_SLICE_SECONDS, SLICE_SECONDS, Turnstile


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def passes(turnstile: Turnstile) -> float:
    async with turnstile.slice() as allowed:
        return allowed


async def is_stopped(slice_: "asyncio.Task[float]") -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not slice_.done()


async def test_without_urgent_work_a_slice_is_long(clock: Clock) -> None:
    assert await passes(Turnstile(clock)) == SLICE_SECONDS


async def test_a_slice_waits_for_urgent_work_that_is_under_way_and_for_its_next_step(clock: Clock) -> None:
    turnstile = Turnstile(clock)
    turnstile.enter()
    slice_ = asyncio.create_task(passes(turnstile))
    assert await is_stopped(slice_)
    turnstile.leave()
    # The next lane has to fetch what this one wrote.
    assert await is_stopped(slice_)
    clock.now += 1.0
    assert await slice_ == SLICE_SECONDS


async def test_urgent_work_that_does_not_end_stops_routine_work_for_half_of_the_time_at_most(clock: Clock) -> None:
    turnstile = Turnstile(clock)
    turnstile.enter()
    slice_ = asyncio.create_task(passes(turnstile))
    assert await is_stopped(slice_)
    # Stopped for as long as it may be; from then on slices are short.
    async with asyncio.timeout(5):
        assert await slice_ == SHORT_SLICE_SECONDS
    clock.now += 0.5
    stopped = asyncio.create_task(passes(turnstile))
    assert await is_stopped(stopped)
    stopped.cancel()


async def test_slices_pass_one_at_a_time_and_the_loop_goes_round_between_them(clock: Clock) -> None:
    turnstile = Turnstile(clock)
    order: list[str] = []

    async def routine(name: str) -> None:
        for _ in range(3):
            async with turnstile.slice():
                order.append(name)

    async def urgent() -> None:
        for _ in range(3):
            order.append("urgent")
            await asyncio.sleep(0)

    await asyncio.gather(routine("one"), routine("other"), urgent())
    # As long as there is urgent work, it makes a step between any two slices.
    last = max(place for place, name in enumerate(order) if name == "urgent")
    assert last >= 3
    for name, following in pairwise(order[: last + 1]):
        assert "urgent" in (name, following), order
    assert sorted(order) == sorted(["one"] * 3 + ["other"] * 3 + ["urgent"] * 3)
