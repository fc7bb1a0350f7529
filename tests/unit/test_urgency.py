"""Routine slices pause for urgent work, but never for ever."""

import asyncio
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from streams.runtime.lane.urgency import (
    MAX_PAUSE_SECONDS,
    SHORT_SLICE_SECONDS,
    SLICE_SECONDS,
    TURNS_AT_ONCE,
    UrgencyGate,
)
from tests.fakes.clocks import SecondsClock


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


async def passes(urgency: UrgencyGate) -> float:
    async with urgency.slice(lambda: False) as allowed:
        assert allowed is not None
        return allowed


async def is_stopped(slice_: "asyncio.Task[float]") -> bool:
    for _ in range(5):
        await asyncio.sleep(0)
    return not slice_.done()


async def test_without_urgent_work_a_slice_is_long(clock: SecondsClock) -> None:
    assert await passes(UrgencyGate(clock)) == SLICE_SECONDS


async def test_a_slice_waits_for_urgent_work_that_is_under_way_and_for_its_next_step(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    urgency.urgent_started()
    slice_ = asyncio.create_task(passes(urgency))
    assert await is_stopped(slice_)
    urgency.urgent_finished()
    # The next lane must still fetch the outputs of this one.
    assert await is_stopped(slice_)
    clock.now += 1.0
    assert await slice_ == SLICE_SECONDS


async def test_after_the_last_stage_no_slice_waits_for_a_next_step(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    urgency.urgent_started()
    slice_ = asyncio.create_task(passes(urgency))
    assert await is_stopped(slice_)
    urgency.urgent_finished(is_last=True)
    assert await slice_ == SLICE_SECONDS


async def test_urgent_work_that_does_not_end_stops_routine_work_for_a_third_of_the_time_at_most(
    clock: SecondsClock,
) -> None:
    urgency = UrgencyGate(clock)
    urgency.urgent_started()
    slice_ = asyncio.create_task(passes(urgency))
    assert await is_stopped(slice_)
    # The pause has its longest length. From then on slices are short, until half of the allowance is restored.
    clock.now += MAX_PAUSE_SECONDS
    urgency.urgent_started()
    assert await slice_ == SHORT_SLICE_SECONDS
    clock.now += MAX_PAUSE_SECONDS * 0.9
    assert await passes(urgency) == SHORT_SLICE_SECONDS
    clock.now += MAX_PAUSE_SECONDS * 0.2
    stopped = asyncio.create_task(passes(urgency))
    assert await is_stopped(stopped)
    stopped.cancel()


async def test_what_waits_makes_room_for_more_urgent_work_of_its_own_lane(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    urgency.urgent_started()
    outweighed = False

    async def routine() -> float | None:
        async with urgency.slice(lambda: outweighed) as allowed:
            return allowed

    waiting = [asyncio.create_task(routine()) for _ in range(3)]
    await asyncio.sleep(0)
    outweighed = True
    urgency.urgent_started()
    assert await asyncio.gather(*waiting) == [None, None, None]


async def test_one_that_gives_up_waiting_does_not_lose_the_others(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    async with urgency.slice(lambda: False):
        given_up = asyncio.create_task(passes(urgency))
        waiting = asyncio.create_task(passes(urgency))
        await asyncio.sleep(0)
        given_up.cancel()
    async with asyncio.timeout(5):
        assert await waiting == SLICE_SECONDS


async def test_slices_pass_one_at_a_time_and_the_loop_goes_round_between_them(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    order: list[str] = []

    async def routine(name: str) -> None:
        for _ in range(3):
            async with urgency.slice(lambda: False):
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


async def test_a_few_routine_turns_are_under_way_at_once_and_the_next_one_has_the_next_place(
    clock: SecondsClock,
) -> None:
    urgency = UrgencyGate(clock)
    release = asyncio.Event()
    began: list[int] = []

    async def turn(number: int) -> None:
        async with urgency.turn(lambda: False) as may_begin:
            assert may_begin
            began.append(number)
            await release.wait()

    turns = [asyncio.create_task(turn(number)) for number in range(TURNS_AT_ONCE + 2)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert began == list(range(TURNS_AT_ONCE))
    release.set()
    await asyncio.gather(*turns)
    assert began == list(range(TURNS_AT_ONCE + 2))


async def test_a_turn_that_waits_is_given_up_for_what_is_more_urgent(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    is_over = False

    async def waiting() -> bool:
        async with urgency.turn(lambda: is_over) as may_begin:
            return may_begin

    async with AsyncExitStack() as under_way:
        for _ in range(TURNS_AT_ONCE):
            await under_way.enter_async_context(urgency.turn(lambda: False))
        task = asyncio.create_task(waiting())
        await asyncio.sleep(0)
        is_over = True
        urgency.urgent_started()
        assert await task is False


async def test_a_few_records_never_stop_and_take_little(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    urgency.urgent_started()
    assert urgency.is_pausing
    async with asyncio.timeout(5), urgency.slice(lambda: False, of_many=False) as allowed:
        assert allowed == SHORT_SLICE_SECONDS


async def test_of_the_turns_that_wait_the_one_furthest_on_its_way_is_first(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    began: list[tuple[int, str]] = []

    async def turn(rank: int, name: str) -> None:
        async with urgency.turn(lambda: False, rank=rank):
            began.append((rank, name))

    async with AsyncExitStack() as under_way:
        for _ in range(TURNS_AT_ONCE):
            await under_way.enter_async_context(urgency.turn(lambda: False))
        turns = [asyncio.create_task(turn(rank, name)) for name in ("a", "b") for rank in (2, 0, 1)]
        await asyncio.sleep(0)
    await asyncio.gather(*turns)
    assert began == [(0, "a"), (0, "b"), (1, "a"), (1, "b"), (2, "a"), (2, "b")]


async def test_who_comes_again_does_not_pass_who_waits(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    began: list[str] = []

    async def again_and_again(name: str) -> None:
        for _ in range(3):
            async with urgency.turn(lambda: False):
                began.append(name)
                await asyncio.sleep(0)

    async with AsyncExitStack() as under_way:
        for _ in range(TURNS_AT_ONCE - 1):
            await under_way.enter_async_context(urgency.turn(lambda: False))
        await asyncio.gather(again_and_again("one"), again_and_again("other"))
    assert began == ["one", "other"] * 3


async def test_a_slice_that_never_stops_passes_those_that_are_stopped(clock: SecondsClock) -> None:
    urgency = UrgencyGate(clock)
    urgency.urgent_started()
    stopped = asyncio.create_task(passes(urgency))
    assert await is_stopped(stopped)
    async with asyncio.timeout(5):
        for _ in range(3):
            async with urgency.slice(lambda: False, of_many=False) as allowed:
                assert allowed == SHORT_SLICE_SECONDS
    assert not stopped.done()
    urgency.urgent_finished()
    clock.now += 1
    urgency._wake_all()
    assert await stopped == SLICE_SECONDS
