"""Errors of the coordination with the group: the member joins again, and the process ends if they last."""

import asyncio
from typing import NoReturn

import pytest
from aiokafka.errors import KafkaError

from streams.runtime.transport import group_coordination
from streams.runtime.transport.group_coordination import CoordinationErrors, end_process_with


class Ended(Exception):
    pass


class Member:
    """A member whose coordination fails when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.joins = 0
        self.errors = CoordinationErrors(self._rejoin, end=self._end, clock=lambda: self.now)

    def _rejoin(self) -> None:
        self.joins += 1

    def _end(self, where: str, error: BaseException) -> NoReturn:
        raise Ended(where, type(error).__name__)

    async def fail(self, *, after: float) -> None:
        self.now += after
        await self.errors.handle(KafkaError("GroupLoadInProgressError"))


@pytest.fixture
def member(monkeypatch: pytest.MonkeyPatch) -> Member:
    monkeypatch.setattr(group_coordination, "_PAUSE_SECONDS", 0.0)
    return Member()


async def test_the_member_joins_again_after_each_error(member: Member) -> None:
    for _ in range(4):
        await member.fail(after=15)
    assert member.joins == 4


async def test_errors_that_last_end_the_process(member: Member) -> None:
    for _ in range(5):
        await member.fail(after=15)
    with pytest.raises(Ended, match="coordination with the group"):
        await member.fail(after=15)


async def test_an_error_after_a_quiet_time_is_the_first_of_a_series(member: Member) -> None:
    for _ in range(20):
        await member.fail(after=31)
    assert member.joins == 20


class Consumer:
    """A consumer of aiokafka; `_closed` once it was stopped."""

    _closed = False


async def ends(how: str) -> None:
    if how == "raises":
        raise AssertionError
    if how == "is cancelled":
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.cancel()
        await waiting


@pytest.mark.parametrize(
    ("how", "error"),
    [("raises", "AssertionError"), ("is cancelled", "LibraryCancelled"), ("returns", "LaneBroken")],
)
@pytest.mark.parametrize("stopped", [False, True])
async def test_a_task_of_a_consumer_that_ends_before_it_is_stopped_ends_the_process(
    how: str, error: str, stopped: bool
) -> None:
    ended: list[tuple[str, str]] = []

    def end(where: str, problem: BaseException) -> NoReturn:
        ended.append((where, type(problem).__name__))
        raise Ended

    consumer = Consumer()
    consumer._closed = stopped
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    task = asyncio.create_task(ends(how))
    end_process_with(consumer, task, "fetching", end)
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert ended == ([] if stopped else [("fetching", error)])
