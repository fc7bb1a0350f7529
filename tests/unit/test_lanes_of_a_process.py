"""The lanes of a process at a rebalance, without a broker: Faust's calls return soon, and commit nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.runtime import LaneGroup
from streams.runtime.lane.lane import Lane
from streams.runtime.transport.lane_assignment import LaneAssignment, WorkerConfig

_SOON = 5.0
_SOURCES = frozenset(TP(topic, partition) for topic in ("urgent", "routine") for partition in range(3))


class Consumer:
    """Faust's consumer, which would be able to commit."""

    def __init__(self) -> None:
        self.committed: list[Any] = []

    async def _commit(self, offsets: Any) -> bool:
        self.committed.append(offsets)
        return True

    def rejoin(self) -> None:
        """Do nothing: it has no group."""


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
async def lanes(consumer: Consumer) -> AsyncIterator[LaneAssignment]:
    """Lanes that cannot open: their background is never ready, like a restore that lasts."""

    @asynccontextmanager
    async def never_ready() -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    def no_agent(_: object) -> Any:
        raise AssertionError("no lane opens")

    class Configured(LaneAssignment):
        config = WorkerConfig(
            "application",
            (LaneGroup("lane", ("urgent", "routine"), no_agent, "changelog"),),
            "127.0.0.1:1",
            (never_ready,),
            lambda: None,
        )

    made = Configured(SimpleNamespace(app=None), consumer=consumer, producer=None)
    try:
        yield made
    finally:
        async with asyncio.timeout(_SOON):
            await made.close()


async def test_a_rebalance_does_not_wait_for_lanes_to_open(lanes: LaneAssignment) -> None:
    # Heartbeats stop until this returns.
    async with asyncio.timeout(_SOON):
        await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
        # The next rebalance does not wait for lanes that are still opening either.
        await lanes.on_partitions_revoked(_SOURCES)


async def test_a_lane_that_leaves_while_it_opens_is_closed_at_once(lanes: LaneAssignment) -> None:
    async with asyncio.timeout(_SOON):
        await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
        await lanes.on_rebalance(set(), _SOURCES, set())


async def test_a_lane_whose_cancellation_is_swallowed_is_cancelled_again(
    lanes: LaneAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = asyncio.Event()

    async def swallow_once(*_: object) -> None:
        opening.set()
        # As aiokafka's clients do while they stop.
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    monkeypatch.setattr("streams.runtime.cancelling.AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(Lane, "_run", swallow_once)
    async with asyncio.timeout(_SOON):
        await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
        await opening.wait()
        await lanes.on_rebalance(set(), _SOURCES, set())


async def test_every_lane_is_held_when_partitions_are_revoked(
    lanes: LaneAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    async def hold(lane: Lane) -> None:
        held.append(lane.metrics.partition)

    monkeypatch.setattr(Lane, "hold", hold)
    await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
    await lanes.on_partitions_revoked(_SOURCES)
    assert sorted(held) == [0, 1, 2]


async def test_a_rebalance_at_a_stop_waits_for_the_turns_in_flight(
    lanes: LaneAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    finishes = asyncio.Event()
    held: list[int] = []

    async def hold(lane: Lane) -> None:
        held.append(lane.metrics.partition)

    async def close(lane: Lane) -> None:
        await finishes.wait()
        await close_now(lane)

    close_now = Lane.close
    monkeypatch.setattr(Lane, "hold", hold)
    monkeypatch.setattr(Lane, "close", close)
    await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
    stopping = asyncio.create_task(lanes.close())
    await asyncio.sleep(0)
    await lanes.on_partitions_revoked(_SOURCES)
    assert sorted(held) == [0, 1, 2]
    finishes.set()
    await stopping


async def test_what_faust_takes_for_done_is_not_committed(lanes: LaneAssignment, consumer: Consumer) -> None:
    assert await lanes.commit({TP("routine", 0): 7})
    assert consumer.committed == []


async def test_a_rebalance_waits_for_a_turn_that_lasts_no_longer_than_a_revoke(
    lanes: LaneAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lanes that stay work on meanwhile, and a lane that comes back opens only after its close."""
    finishes, is_back = asyncio.Event(), asyncio.Event()
    began: list[int] = []
    released: list[int] = []
    close_now, release_now = Lane.close, Lane.release

    async def close(lane: Lane) -> None:
        if lane.metrics.partition == 0:
            await finishes.wait()
        await close_now(lane)

    def release(lane: Lane) -> None:
        released.append(lane.metrics.partition)
        release_now(lane)

    async def live(lane: Lane) -> None:
        began.append(lane.metrics.partition)
        if finishes.is_set():
            is_back.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("streams.runtime.transport.closing_lanes.HOLD_SECONDS", 0.01)
    monkeypatch.setattr(Lane, "close", close)
    monkeypatch.setattr(Lane, "release", release)
    monkeypatch.setattr(Lane, "_live", live)
    lanes._ready.set()
    stay = frozenset(tp for tp in _SOURCES if tp.partition > 0)
    async with asyncio.timeout(_SOON):
        await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
        await lanes.on_partitions_revoked(_SOURCES)
        await lanes.on_rebalance(stay, _SOURCES - stay, set())
        assert sorted(released) == [1, 2]
        await lanes.on_rebalance(_SOURCES, set(), _SOURCES - stay)
        await asyncio.sleep(0.01)
        assert began == [0, 1, 2]
        finishes.set()
        await is_back.wait()
        assert began == [0, 1, 2, 0]
    # The background was never ready: the fixture's close cancels it.
    lanes._ready.clear()


async def test_an_error_while_a_lane_closes_ends_the_process(
    lanes: LaneAssignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    close_now = Lane.close

    async def close(lane: Lane) -> None:
        await close_now(lane)
        if lane.metrics.partition == 1 and not ended:
            raise ConnectionError

    monkeypatch.setattr(Lane, "close", close)
    monkeypatch.setattr(
        "streams.runtime.transport.closing_lanes.end_process",
        lambda what, error: ended.append(f"{what}: {type(error).__name__}"),
    )
    async with asyncio.timeout(_SOON):
        await lanes.on_rebalance(_SOURCES, set(), _SOURCES)
        await lanes.on_rebalance(set(), _SOURCES, set())
    assert ended == ["close of lane lane-1: ConnectionError"]
