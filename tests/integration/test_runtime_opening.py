"""A lane by itself opens on a real broker: which of two offsets it takes, and what it refuses."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from streams.runtime import Record
from streams.runtime.batches import Batch
from streams.runtime.lanes import Lane
from tests import one_lane
from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.made_records import words
from tests.runtime_worker import Count

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("ended")]


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def lane_of(run: Run) -> AbstractAsyncContextManager[Lane]:
    return one_lane.lane_of(run, lambda: Count(run.plan()))


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
    # The group is told when the lane opens, and then never again.
    monkeypatch.setattr("streams.runtime.commits._OFFSETS_SECONDS", 1_000.0)
    async with lane_of(run) as predecessor, run.reading(run.output) as out:
        predecessor.put(batch(run, 0, 4))
        await out.at_least(4)
        assert (await asyncio.to_thread(offsets_of_group, run))[run.routine] == 0
        # It dies: a lane that closes tells the group.
        async with lane_of(run) as successor:
            await successor.resolved.wait()
            assert successor.figures.refused is None
            successor.put(batch(run, 0, 6))
            await out.at_least(6)
        assert_exactly_once((await out.to_end(), out.counted)[1], words(6, keys=3))


async def test_where_the_group_is_further_than_the_changelog_it_counts(run: Run) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.put(batch(run, 0, 4))
        await out.at_least(4)
    # As an operator does who has records passed over.
    await asyncio.to_thread(set_offset_of_group, run, 6)
    async with lane_of(run) as lane, run.reading(run.output) as out:
        lane.put(batch(run, 0, 8))
        await out.at_least(6)
        assert [one.offset for one in out.counted] == [0, 1, 2, 3, 6, 7]


async def test_an_offset_whose_state_is_gone_is_refused(run: Run) -> None:
    await asyncio.to_thread(set_offset_of_group, run, 3)
    async with lane_of(run) as lane:
        await lane.resolved.wait()
        assert lane.figures.refused is not None
        assert f"offset 3 of {run.routine}, and the state for it is gone" in lane.figures.refused
        assert not lane.figures.is_open


async def test_a_changelog_whose_end_is_hidden_opens_no_lane(run: Run) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=run.bootstrap, transactional_id=f"{run.name}-lost", transaction_timeout_ms=10_000
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(run.changelog, key=b"skey-1", value=b"7", partition=0)
        async with lane_of(run) as lane:
            await run.until(lambda: lane.figures.refused is not None or lane.figures.is_open, "it is decided")
            assert lane.figures.refused is not None
            assert "a transaction hangs at 0" in lane.figures.refused
    finally:
        await producer.stop()
