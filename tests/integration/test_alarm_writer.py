"""The writer of alarms while its Kafka is unavailable, and the alarms of a lane."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.alarms import AlarmChanged
from schemas.codec import decode
from schemas.topics import TopicName
from schemas.vocabulary import AlarmKind, AlarmState
from services.alarm.alarm_writer import AlarmWriter
from streams.runtime import LaneCloses, LaneEvent, LaneOpens, LanePutsAside
from tests.counting import Run
from tests.fakes.process_ends import ProcessEnds
from tests.one_lane import lane_of
from tests.poison_agent import Fragile, FragileState
from tests.poison_lane import batch_of
from tests.tails import Tail

pytestmark = pytest.mark.integration


def change(cause: str, state: AlarmState = AlarmState.RAISED) -> AlarmChanged:
    return AlarmChanged(cause=cause, kind=AlarmKind.LANE, state=state, changed_at=datetime.now(UTC))


async def written(tail: Tail, count: int) -> list[tuple[str, str]]:
    found = []
    for record in await asyncio.to_thread(tail.take, count, 60):
        _, fields = decode(record.value, "AlarmChanged")
        assert record.key == fields["cause"].encode()
        found.append((fields["cause"], fields["state"]))
    return found


async def test_what_changes_while_kafka_is_away_is_written_once_it_is_back_the_newest_of_each_cause(
    own_broker: Callable[[], LocalBroker],
) -> None:
    broker = own_broker()
    apply(broker.bootstrap, 1)
    writer = AlarmWriter(broker.bootstrap)
    with Tail(broker.bootstrap, TopicName.ALARMS) as tail:
        async with writer.running():
            writer.put(change("lane/a"))
            assert await written(tail, 1) == [("lane/a", "raised")]
            await asyncio.to_thread(broker.kill)
            for number in range(1_000):
                writer.put(change("lane/b", AlarmState.CLEARED if number % 2 else AlarmState.RAISED))
            writer.put(change("lane/c"))
            writer.put(change("lane/d"))
            writer.forget("lane/c")
            await asyncio.to_thread(broker.start)
            assert await written(tail, 2) == [("lane/b", "cleared"), ("lane/d", "raised")]


async def test_a_process_that_stops_writes_what_it_was_given_last(bootstrap: str) -> None:
    with Tail(bootstrap, TopicName.ALARMS) as tail:
        writer = AlarmWriter(bootstrap)
        async with writer.running():
            writer.put(change("lane/last"))
        assert await written(tail, 1) == [("lane/last", "raised")]


async def test_a_process_without_kafka_stops_all_the_same() -> None:
    writer = AlarmWriter("127.0.0.1:1")
    async with asyncio.timeout(10), writer.running():
        writer.put(change("lane/lost"))


async def test_a_lane_raises_the_alarm_for_put_aside_work_and_again_when_it_opens_within_the_hour(
    bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, endings = Run(bootstrap, tmp_path, partitions=1), ProcessEnds(monkeypatch)
    fragile, heard = FragileState(run.output, raises={"handle"}), asyncio.Queue[LaneEvent]()
    async with lane_of(run, lambda: Fragile(fragile), on_lane=heard.put_nowait) as lane:
        assert await next_of(heard) == LaneOpens("lane-0")
        lane.enqueue(batch_of(run, ["say:bad"]))
        async with asyncio.timeout(30):
            while not endings.errors:  # noqa: ASYNC110 - an ending sets no event
                await asyncio.sleep(0.01)
    assert await next_of(heard) == LaneCloses("lane-0")
    # The next process runs the record alone and puts it aside.
    async with lane_of(run, lambda: Fragile(fragile), on_lane=heard.put_nowait) as lane:
        assert await next_of(heard) == LaneOpens("lane-0")
        lane.enqueue(batch_of(run, ["say:bad"]))
        assert await next_of(heard) == LanePutsAside("lane-0", "LookupError")
    assert await next_of(heard) == LaneCloses("lane-0")
    async with lane_of(run, lambda: Fragile(fragile), on_lane=heard.put_nowait):
        assert await next_of(heard) == LaneOpens("lane-0")
        assert await next_of(heard) == LanePutsAside("lane-0", None)
    assert await next_of(heard) == LaneCloses("lane-0")
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("streams.runtime.clock.Clock.now", lambda _: later)
    async with lane_of(run, lambda: Fragile(fragile), on_lane=heard.put_nowait) as lane:
        await lane.resolved.wait()
    assert [await next_of(heard), await next_of(heard)] == [LaneOpens("lane-0"), LaneCloses("lane-0")]
    assert heard.empty()


async def next_of(heard: "asyncio.Queue[LaneEvent]") -> LaneEvent:
    async with asyncio.timeout(30):
        return await heard.get()
