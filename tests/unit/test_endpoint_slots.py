"""Slots of an endpoint: the order and the number of attempts, and the calls of its clock."""

import asyncio
from datetime import timedelta

from schemas.vocabulary import Agency
from services.connectors.endpoint import FAILURES_TO_OPEN, Endpoint
from streams.domain.delivery import RetryPolicy
from tests.endpoint_attempts import MINUTE, Attempts


async def test_no_more_attempts_go_out_at_once_than_there_are_connections() -> None:
    attempts = Attempts(connections=2)
    await attempts.wait("a", "b", "c", "d")
    assert attempts.begun == ["a", "b"]
    await attempts.answer("b")
    assert attempts.begun == ["a", "b", "c"]
    await attempts.answer("a", "c", "d")
    assert attempts.begun == ["a", "b", "c", "d"]


async def test_the_earliest_limit_goes_first_and_those_past_their_limit_go_last() -> None:
    attempts = Attempts(connections=1)
    await attempts.wait("in-its-slot")
    await attempts.wait("handed-over-late", time_left=-timedelta(seconds=1))
    await attempts.wait("handed-over-early", time_left=-timedelta(hours=1))
    await attempts.wait("overtaken-by-its-limit", time_left=timedelta(seconds=5))
    await attempts.wait("fresh", "fresh-too")
    await attempts.wait("soon-at-its-limit", time_left=timedelta(seconds=30))
    await attempts.reach(10)
    for name in (
        "in-its-slot",
        "soon-at-its-limit",
        "fresh",
        "fresh-too",
        "handed-over-early",
        "handed-over-late",
        "overtaken-by-its-limit",
    ):
        assert attempts.begun[-1] == name
        await attempts.answer(name)


async def test_a_slot_comes_back_from_one_that_gives_up_before_or_after_it_has_it() -> None:
    attempts = Attempts(connections=1)
    await attempts.wait("a", "b", "c", "d")
    await attempts.give_up("b")
    await attempts.give_up("a")
    assert attempts.begun == ["a", "c"]
    # Its slot is granted, and the attempt has not continued yet.
    attempts.after["c"] = attempts.tasks["d"].cancel
    await attempts.answer("c")
    assert attempts.tasks["d"].cancelled()
    assert attempts.begun == ["a", "c"]
    await attempts.wait("e")
    assert attempts.begun == ["a", "c", "e"]


async def test_the_clock_is_asked_to_call_only_while_there_is_one_to_wait() -> None:
    attempts = Attempts()
    await attempts.open_breaker()
    assert attempts.clock.next_call() is None
    await attempts.wait("a")
    assert attempts.clock.next_call() == 1
    await attempts.give_up("a")
    assert attempts.clock.next_call() is None


async def test_it_wakes_by_the_clock_of_the_event_loop() -> None:
    quick = RetryPolicy(
        limit=MINUTE,
        attempt_timeout=MINUTE,
        first_wait=timedelta(milliseconds=20),
        longest_wait=MINUTE,
        longest_probe_wait=MINUTE,
    )
    endpoint = Endpoint(Agency.EMERGENCY_999, quick)
    for number in range(FAILURES_TO_OPEN):
        endpoint.unanswered(str(number))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(10), endpoint.slot("a", MINUTE):
        assert loop.time() - begun >= 0.015
