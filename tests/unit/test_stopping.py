"""A stop takes no longer than it may, whatever waits for ever and does not let itself be cancelled."""

import asyncio
from contextlib import suppress

import pytest

from streams.runtime.worker import is_done


async def test_what_goes_on_when_it_is_cancelled_is_not_waited_for() -> None:
    released = asyncio.Event()

    async def goes_on() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    waiting = asyncio.create_task(is_done(goes_on(), 0.01))
    done, _ = await asyncio.wait([waiting], timeout=5.0)
    released.set()
    assert done
    assert await waiting is False


async def test_what_is_done_in_time_is_done_and_what_it_raises_is_raised() -> None:
    async def fails() -> None:
        raise LookupError

    assert await is_done(asyncio.sleep(0), 5.0)
    with pytest.raises(LookupError):
        await is_done(fails(), 5.0)
