"""A library that cancels what a task awaits: the task does not end without a word."""

import asyncio

import pytest

from streams.runtime.failure import LibraryCancelled, cancellation_as_error


async def cancelled_future() -> None:
    """Await a future that is cancelled, as aiokafka does when a connection is lost at the wrong moment."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.cancel()
    await future


async def test_a_cancellation_by_a_library_is_an_error_with_its_place() -> None:
    with pytest.raises(LibraryCancelled) as raised, cancellation_as_error():
        await cancelled_future()
    assert raised.traceback[-1].name == "cancelled_future"


async def test_a_task_that_its_owner_cancels_is_cancelled() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        with cancellation_as_error():
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_time_limit_is_no_cancellation_by_a_library() -> None:
    with pytest.raises(TimeoutError), cancellation_as_error():
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    # The time limit cancelled this task, and took that back: a later cancellation is a library's.
    with pytest.raises(LibraryCancelled), cancellation_as_error():
        await cancelled_future()


async def test_other_errors_pass() -> None:
    with pytest.raises(LookupError), cancellation_as_error():
        raise LookupError
