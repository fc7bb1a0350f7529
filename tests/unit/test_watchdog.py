"""The watchdog interrupts a call that hangs, and ends the process if the call cannot be interrupted."""

import asyncio
import contextlib
import sys
import threading
from typing import NoReturn

import pytest

from streams.runtime.failure import LaneBroken
from streams.runtime.watchdog import Hung, Watchdog

SECONDS = 0.3


class Ended(BaseException):
    """Records the ends of the process, instead of ending it."""


class Endings:
    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, where: str, error: BaseException) -> NoReturn:
        assert isinstance(error, LaneBroken)
        self.said.append(f"{where}: {error}")
        raise Ended


@pytest.fixture
def endings() -> Endings:
    return Endings()


def looking(watchdog: Watchdog, times: int) -> None:
    for _ in range(times):
        watchdog.look()


def test_a_call_that_hangs_in_python_is_interrupted_and_the_next_is_not(endings: Endings) -> None:
    watchdog = Watchdog(SECONDS, endings)
    watchdog.start()
    try:
        with pytest.raises(Hung), watchdog.call("lane-0"):
            spin()
        with watchdog.call("lane-0"):
            pass
    finally:
        watchdog.stop()
    assert endings.said == []


def test_a_call_that_waits_in_native_code_ends_the_process(endings: Endings) -> None:
    watchdog = Watchdog(SECONDS, endings)
    looker = native(watchdog, looks=21)
    with pytest.raises(Hung), watchdog.call("lane-0"):
        # The interruption arrives when this returns; in a worker, the process would have ended by then.
        wait_for(looker)
    looker.join()
    (said,) = endings.said
    assert said.startswith("lane lane-0 at ")
    assert said.endswith("a call into its agent did not return in 0.6 s")


def native(watchdog: Watchdog, looks: int) -> threading.Thread:
    """Return a thread that looks. Join it inside a call: there this thread waits in native code."""

    def look() -> None:
        with contextlib.suppress(Ended):
            looking(watchdog, looks)

    return threading.Thread(target=look)


def wait_for(thread: threading.Thread) -> None:
    # The other thread keeps the interpreter for its looks: this thread hardly runs in between.
    before = sys.getswitchinterval()
    sys.setswitchinterval(30.0)
    try:
        thread.start()
        thread.join()
    finally:
        sys.setswitchinterval(before)


def spin() -> NoReturn:
    while True:
        pass


def test_a_turn_without_progress_ends_the_process_and_one_with_progress_does_not(endings: Endings) -> None:
    watchdog = Watchdog(SECONDS, endings)
    with watchdog.turn("lane-0"), watchdog.turn("lane-1"):
        for _ in range(10):
            looking(watchdog, 4)
            watchdog.progress("lane-0")
            with watchdog.call("lane-1"):
                pass
        assert endings.said == []
        looking(watchdog, 15)
        watchdog.progress("lane-1")
        with pytest.raises(Ended):
            looking(watchdog, 6)
    assert "lane lane-0 at" in endings.said[0]
    assert endings.said[0].endswith("its turn made no progress in 0.6 s")
    looking(watchdog, 100)
    assert len(endings.said) == 1


def test_a_lane_that_waits_for_others_hangs_nowhere(endings: Endings) -> None:
    watchdog = Watchdog(SECONDS, endings)
    with watchdog.turn("lane-0"):
        looking(watchdog, 15)
        with watchdog.waiting("lane-0"):
            looking(watchdog, 100)
        looking(watchdog, 15)
        assert endings.said == []
        with pytest.raises(Ended):
            looking(watchdog, 6)
    with watchdog.waiting("lane-0"):
        pass
    looking(watchdog, 100)
    assert len(endings.said) == 1


def test_a_process_that_was_frozen_saw_no_looks_and_hung_nowhere(endings: Endings) -> None:
    watchdog = Watchdog(0.001, endings)
    with watchdog.turn("lane-0"), watchdog.call("lane-0"):
        # Much longer than a call may last, and no look meanwhile.
        threading.Event().wait(0.1)
        watchdog.look()
    assert endings.said == []


async def test_an_event_loop_that_does_not_go_round_is_interrupted(endings: Endings) -> None:
    watchdog = Watchdog(SECONDS, endings)
    watchdog.start()
    beating = asyncio.create_task(watchdog.beat())
    try:
        await asyncio.sleep(0)
        with pytest.raises(Hung):
            spin()
    finally:
        beating.cancel()
        await asyncio.wait([beating])
        watchdog.stop()
    assert endings.said == []


async def test_an_event_loop_that_cannot_be_interrupted_ends_the_process(endings: Endings) -> None:
    watchdog = Watchdog(30.0, endings)
    beating = asyncio.create_task(watchdog.beat())
    await asyncio.sleep(0)
    looker = native(watchdog, looks=21)
    try:
        with pytest.raises(Hung):
            wait_for(looker)
        looker.join()
    finally:
        beating.cancel()
        await asyncio.wait([beating])
    assert endings.said[0].endswith("the event loop did not go round in 60 s")
