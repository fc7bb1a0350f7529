"""Attempts to open a lane: one that makes no progress is cancelled, and the next one has new clients."""

import asyncio
from contextlib import suppress
from typing import NoReturn

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, NodeNotReadyError, ProducerFenced

from streams.runtime import cancelling
from streams.runtime.lane import opening_watch
from streams.runtime.lane.opening import TransactionHangs
from streams.runtime.lane.opening_watch import OpeningProgress, attempts

_SOON = 0.02


class Attempts:
    """Attempts of which the first ones never return; `renewed` counts the calls of `renew`."""

    def __init__(self, stuck: int = 1) -> None:
        self.begun = self.renewed = 0
        self._stuck = stuck

    async def attempt(self) -> str:
        self.begun += 1
        if self.begun <= self._stuck:
            await asyncio.Event().wait()
        return "opened"

    async def renew(self) -> None:
        self.renewed += 1


async def test_an_attempt_without_progress_begins_anew_with_new_clients() -> None:
    made = Attempts(stuck=2)
    assert await attempts(made.attempt, made.renew, OpeningProgress("lane-0"), _SOON) == "opened"
    assert (made.begun, made.renewed) == (3, 2)


async def test_an_attempt_that_makes_progress_goes_on_however_long_it_lasts() -> None:
    made, progress = Attempts(stuck=0), OpeningProgress("lane-0")

    async def slow() -> str:
        for _ in range(20):
            await asyncio.sleep(_SOON / 4)
            progress.moved()
        return await made.attempt()

    assert await attempts(slow, made.renew, progress, _SOON) == "opened"
    assert made.renewed == 0


@pytest.mark.parametrize("error", [KafkaConnectionError, NodeNotReadyError, KafkaTimeoutError])
async def test_an_attempt_that_kafka_cuts_off_begins_anew(
    monkeypatch: pytest.MonkeyPatch, error: type[KafkaError]
) -> None:
    monkeypatch.setattr(opening_watch, "_PAUSE_SECONDS", 0.0)
    made = Attempts(stuck=0)

    async def cut_off_twice() -> str:
        if made.renewed < 2:
            raise error
        return await made.attempt()

    assert await attempts(cut_off_twice, made.renew, OpeningProgress("lane-0"), 60.0) == "opened"
    assert made.renewed == 2


async def test_an_error_that_hides_that_it_may_pass_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_watch, "_PAUSE_SECONDS", 0.0)
    made = Attempts(stuck=0)

    async def cut_off_once() -> str:
        if not made.renewed:
            # As aiokafka does while it looks for the coordinator of a transaction.
            raise KafkaError("KafkaConnectionError") from KafkaConnectionError()
        return await made.attempt()

    assert await attempts(cut_off_once, made.renew, OpeningProgress("lane-0"), 60.0) == "opened"


@pytest.mark.parametrize("error", [LookupError, ProducerFenced, TransactionHangs])
async def test_what_an_attempt_raises_is_raised(error: type[Exception]) -> None:
    made = Attempts()

    async def raises() -> str:
        raise error

    with pytest.raises(error):
        await attempts(raises, made.renew, OpeningProgress("lane-0"), _SOON)
    assert made.renewed == 0


async def test_a_lane_that_leaves_ends_its_attempt() -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    opening = asyncio.create_task(attempts(waits, Attempts().renew, OpeningProgress("lane-0"), 60.0))
    await asyncio.sleep(0)
    opening.cancel()
    with suppress(asyncio.CancelledError):
        await opening
    assert ended.is_set()


async def test_a_lane_that_leaves_waits_for_an_attempt_that_swallows_its_cancellation() -> None:
    states: list[str] = []
    begun = asyncio.Event()

    async def swallows_one() -> None:
        states.append("begun")
        begun.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        try:
            await asyncio.Event().wait()
        finally:
            states.append("ended")

    opening = asyncio.create_task(attempts(swallows_one, Attempts().renew, OpeningProgress("lane-0"), 60.0))
    await begun.wait()
    # As a lane that closes does: again and again, until it has ended.
    while not opening.done():
        opening.cancel()
        await asyncio.wait([opening], timeout=_SOON)
    assert opening.cancelled()
    assert states == ["begun", "ended"]


async def test_an_attempt_that_swallows_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "AGAIN_SECONDS", _SOON)
    made = Attempts(stuck=0)

    async def swallows_one() -> str:
        if not made.begun:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            made.begun += 1
            await asyncio.Event().wait()
        return await made.attempt()

    assert await attempts(swallows_one, made.renew, OpeningProgress("lane-0"), _SOON) == "opened"


async def test_an_attempt_that_cannot_be_cancelled_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(BaseException):
        pass

    def end(where: str, error: BaseException) -> NoReturn:
        raise Ended(where, str(error))

    monkeypatch.setattr(opening_watch, "end_process", end)
    monkeypatch.setattr(cancelling, "AGAIN_SECONDS", _SOON)
    monkeypatch.setattr(opening_watch, "_END_SECONDS", 3 * _SOON)
    may_end = False

    async def goes_on() -> None:
        while not may_end:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(_SOON)

    with pytest.raises(Ended, match="its opening did not end"):
        await attempts(goes_on, Attempts().renew, OpeningProgress("lane-0"), _SOON)
    may_end = True
