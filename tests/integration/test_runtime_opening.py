"""The opening of one lane on a real broker: the offset with which it begins, and the states that it refuses."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.lane_events import LaneEvent, LaneOpens, LaneRefuses
from streams.runtime.lane.opening import Opened, open_state
from tests import one_lane
from tests.administration import cut_log
from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.made_records import words
from tests.runtime_agents import Count

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("ended")]


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


ACCEPTED = frozenset({"lane-0"})


def lane_of(
    run: Run, accepted: frozenset[str] = frozenset(), *, fill: bool = True
) -> AbstractAsyncContextManager[Lane]:
    return one_lane.lane_of(run, lambda: Count(run.plan()), accepted=accepted, fill=fill)


def batch(run: Run, begin: int, end: int) -> Batch:
    made = words(end, keys=3)
    records = [Record(run.routine, 0, n, 0, made[n][0], made[n][1], ()) for n in range(begin, end)]
    return Batch.of(run.routine, records, begin, end)


def offsets_of_group(run: Run) -> Mapping[str, int]:
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        found = admin.list_group_offsets({run.name: None})[run.name]
    return {tp.topic: offset.offset for tp, offset in found.items()}


def set_offset_of_group(run: Run, offset: int) -> None:
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        admin.alter_group_offsets(run.name, {TopicPartition(run.routine, 0): OffsetAndMetadata(offset, "", None)})


async def test_where_the_changelog_is_further_than_the_group_it_counts(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The group's offset is committed when the lane opens, and then never again.
    monkeypatch.setattr("streams.runtime.lane.turn_commit._OFFSETS_SECONDS", 1_000.0)
    async with lane_of(run) as predecessor, run.reading(run.output) as out:
        predecessor.enqueue(batch(run, 0, 4))
        await out.at_least(4)
        assert (await asyncio.to_thread(offsets_of_group, run))[run.routine] == 0
        # The lane dies: a lane that closes in order would commit the group's offset.
        async with lane_of(run) as successor:
            await successor.resolved.wait()
            assert successor.metrics.refused is None
            successor.enqueue(batch(run, 0, 6))
            await out.at_least(6)
        assert_exactly_once((await out.to_end(), out.counted)[1], words(6, keys=3))


async def test_where_the_group_is_further_than_the_changelog_the_lane_refuses_until_the_loss_is_accepted(
    run: Run,
) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 4))
        await out.at_least(4)
    # The transaction that committed this group offset wrote it to the changelog too, which has lost its tail since.
    await asyncio.to_thread(set_offset_of_group, run, 6)
    async with lane_of(run) as lane:
        await lane.resolved.wait()
        assert lane.metrics.refused == (
            f"{run.changelog}-0: the group has offset 6 of {run.routine}, and the state ends at 4"
        )
    async with lane_of(run, ACCEPTED) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 8))
        await out.at_least(6)
        assert [one.offset for one in out.counted] == [0, 1, 2, 3, 6, 7]


async def test_a_log_that_lost_its_tail_is_refused_also_once_it_has_grown_again_until_the_loss_is_accepted(
    run: Run,
) -> None:
    await one_lane.fill_logs(run, [run.urgent, run.routine], 3)
    async with lane_of(run, fill=False) as lane, run.reading(run.output) as out:
        # The log had six records when the lane handled them.
        lane.enqueue(batch(run, 0, 6))
        await out.at_least(6)
    refusal = f"{run.routine}-0: the log ended at 3, before the lane's next offset 6"
    async with lane_of(run, fill=False) as lane:
        await lane.resolved.wait()
        assert lane.metrics.refused == refusal
    # Later records have the offsets of the lost ones.
    await one_lane.fill_logs(run, [run.routine], 7)
    async with lane_of(run, fill=False) as lane:
        await lane.resolved.wait()
        assert lane.metrics.refused == refusal
    async with lane_of(run, ACCEPTED, fill=False) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        assert lane.metrics.refused is None
        assert (await asyncio.to_thread(offsets_of_group, run))[run.routine] == 3
        lane.enqueue(batch(run, 6, 10))  # fetched before the seek that the lane asks for: dropped
        lane.to_seek.remove(run.routine)  # the next fetch seeks
        lane.enqueue(batch(run, 0, 10))
        await out.at_least(6 + 7)
        assert [one.offset for one in out.counted] == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8, 9]
    # The loss was accepted once and for all.
    async with lane_of(run, fill=False) as lane:
        await lane.resolved.wait()
        assert lane.metrics.refused is None


async def test_a_lane_that_reads_again_because_its_log_lost_its_tail_refuses(run: Run) -> None:
    await one_lane.fill_logs(run, [run.urgent, run.routine], 3)
    async with lane_of(run, fill=False) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 6))
        await out.at_least(6)
        # The group's offset was 2, a second ago: Faust went on there, and Kafka found no fault.
        lane.enqueue(batch(run, 2, 3))
        await run.until(lambda: lane.metrics.refused is not None, "it refuses")
        assert lane.metrics.refused == f"{run.routine}-0: the log ended at 3, before the lane's next offset 6"
        assert len(await out.to_end()) == 6


@pytest.mark.parametrize(
    ("position", "refuses"),
    [(7, False), (6, True), (5, True)],
    ids=["beyond-the-lane", "where-the-lane-is", "before-the-lane"],
)
async def test_a_position_out_of_range_is_refused_where_the_lane_has_worked_up_to_it(
    run: Run, position: int, refuses: bool
) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 6))
        await out.at_least(6)
        # By now the log has grown beyond that offset again.
        lane.note_out_of_range(run.routine, position)
        lane.enqueue(batch(run, 0, 7))
        await run.until(lambda: lane.metrics.refused is not None or lane.metrics.next_offsets[run.routine] == 7, "done")
        assert (lane.metrics.refused is not None) is refuses
    async with lane_of(run) as lane:
        await lane.resolved.wait()
        expected = f"{run.routine}-0: the log ended at {position}, before the lane's next offset 6"
        assert lane.metrics.refused == (expected if refuses else None)


async def test_a_position_out_of_range_before_the_beginning_of_the_log_is_no_lost_tail(run: Run) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 6))
        await out.at_least(6)
        await asyncio.to_thread(cut_log, run.bootstrap, TopicPartition(run.routine, 0), 5)
        lane.note_out_of_range(run.routine, 4)
        lane.enqueue(batch(run, 5, 7))
        await out.at_least(7)
        assert lane.metrics.refused is None


async def test_an_opening_that_makes_no_progress_says_so_and_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    may_open, heard = asyncio.Event(), list[LaneEvent]()

    async def open_late(*args: Any) -> Opened:
        await may_open.wait()
        return await open_state(*args)

    monkeypatch.setattr("streams.runtime.lane.lane.open_state", open_late)
    monkeypatch.setattr("streams.runtime.lane.opening_watch.STALLED_SECONDS", 0.3)
    monkeypatch.setattr("streams.runtime.lane.opening_watch._AGAIN_SECONDS", 0.1)

    def refusals() -> list[str]:
        return [event.error for event in heard if isinstance(event, LaneRefuses)]

    async with one_lane.lane_of(run, lambda: Count(run.plan()), on_lane=heard.append) as lane:
        await run.until(lambda: len(refusals()) >= 2, "it is said again and again")
        assert set(refusals()) == {"OpeningStalls"}
        assert lane.metrics.refused == "lane lane-0: its opening made no progress in 0.3 s"
        monkeypatch.setattr("streams.runtime.lane.opening_watch.STALLED_SECONDS", 60.0)
        may_open.set()
        await run.until(lambda: LaneOpens("lane-0") in heard, "it opens")
        assert heard[-1] == LaneOpens("lane-0")


async def test_an_offset_whose_state_is_gone_is_refused(run: Run) -> None:
    await asyncio.to_thread(set_offset_of_group, run, 3)
    async with lane_of(run) as lane:
        await lane.resolved.wait()
        assert lane.metrics.refused is not None
        assert f"offset 3 of {run.routine}, and the state for it is gone" in lane.metrics.refused
        assert not lane.metrics.is_open


async def test_a_changelog_whose_end_is_hidden_opens_no_lane(run: Run) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=run.bootstrap, transactional_id=f"{run.name}-lost", transaction_timeout_ms=10_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(run.changelog, key=b"skey-1", value=b"7", partition=0)
        async with lane_of(run) as lane:
            await run.until(lambda: lane.metrics.refused is not None or lane.metrics.is_open, "it is decided")
            assert lane.metrics.refused is not None
            assert "a transaction hangs at 0" in lane.metrics.refused
    finally:
        await producer.stop()


class CutOff(AIOKafkaProducer):  # type: ignore[misc]
    """A producer; that of the first attempt never starts: it is cut off, or its start never returns."""

    made = 0
    how = "cut off"

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        type(self).made += 1
        self._is_first = self.made == 1

    async def start(self) -> None:
        if not self._is_first:
            await super().start()
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.how == "cut off":
            waiting.cancel()
        await waiting


@pytest.mark.parametrize("how", ["cut off", "stalls"])
async def test_an_opening_that_its_client_cuts_off_or_stalls_begins_anew(
    run: Run, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    # As when the broker goes away while a client starts. Without a new attempt the lane would stand still for good.
    monkeypatch.setattr("streams.runtime.lane.transaction.AIOKafkaProducer", CutOff)
    monkeypatch.setattr("streams.runtime.lane.lane.ATTEMPT_SECONDS", 3.0)
    monkeypatch.setattr(CutOff, "made", 0)
    monkeypatch.setattr(CutOff, "how", how)
    async with lane_of(run) as lane, run.reading(run.output) as out:
        async with asyncio.timeout(20):
            await lane.resolved.wait()
        lane.enqueue(batch(run, 0, 4))
        await out.at_least(4)
    assert CutOff.made == 2


async def test_a_lane_whose_work_a_library_cancels_ends_its_process(
    run: Run, monkeypatch: pytest.MonkeyPatch, ended: list[BaseException]
) -> None:
    async def cut_off(*_: object) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.cancel()
        await waiting

    async with lane_of(run) as lane:
        await lane.resolved.wait()
        monkeypatch.setattr("streams.runtime.lane.transaction.TransactionalWriter.deliver", cut_off)
        lane.enqueue(batch(run, 0, 4))
        await run.until(lambda: bool(ended), "the process ends")
    assert type(ended[0]).__name__ == "LibraryCancelled"
