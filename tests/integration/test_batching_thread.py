"""Offsets without a record: control records after a batch, and a transaction that is never ended."""

import asyncio
from pathlib import Path

import pytest

from streams.runtime import Output, Record
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.transaction import TransactionalWriter
from streams.runtime.steps import Step
from tests.counting import Run
from tests.made_records import words
from tests.one_lane import lane_of
from tests.runtime_agents import Count

pytestmark = pytest.mark.integration

#: Longest time for which an open transaction hides later commits: its own limit, the period of the broker's check,
#: and the same again for a busy machine (seconds).
_HIDDEN_SECONDS = 6.0 + 1.0 + 5.0


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, begin: int, end: int, *offsets: int) -> Batch:
    records = [Record(run.routine, 0, n, 0, b"key", b"w-%d" % n, ()) for n in offsets]
    return Batch.of(run.routine, records, begin, end)


async def test_control_records_after_the_last_record_are_passed_with_it(run: Run, ended: list[BaseException]) -> None:
    async with lane_of(run, lambda: Count(run.plan())) as lane, run.reading(run.output) as out:
        lane.enqueue(batch(run, 0, 5, 0, 1, 2))
        await out.at_least(3)
        # Written alone: records that are fetched together are one batch.
        lane.enqueue(batch(run, 5, 7, 5, 6))
        await run.until(lambda: bool(ended) or lane.metrics.next_offsets[run.routine] == 7, "it is worked off or ended")
        assert ended == []
        assert [one.offset for one in (await out.to_end(), out.counted)[1]] == [0, 1, 2, 5, 6]


async def test_a_fetch_of_records_that_are_done_moves_the_position_after_them(
    run: Run, ended: list[BaseException]
) -> None:
    async with lane_of(run, lambda: Count(run.plan())) as lane, run.reading(run.output) as out:

        def is_at(offset: int) -> bool:
            return bool(ended) or lane.metrics.next_offsets.get(run.routine) == offset

        lane.enqueue(batch(run, 0, 3, 0, 1, 2))
        await run.until(lambda: is_at(3), "it is worked off")
        # Fetched again, and this time over the control records after it. Alone, as above.
        lane.enqueue(batch(run, 1, 5, 1, 2))
        await run.until(lambda: is_at(5), "it is passed", 10)
        lane.enqueue(batch(run, 5, 7, 5, 6))
        await out.at_least(5)
        assert [one.offset for one in out.counted] == [0, 1, 2, 5, 6]
    assert ended == []


async def test_an_open_transaction_hides_what_others_commit_for_seconds_at_most(run: Run) -> None:
    class Died(Exception):
        """The process that wrote the output."""

    def die(step: Step) -> None:
        if step == Step.WRITTEN:
            raise Died

    writer = TransactionalWriter(run.bootstrap, f"{run.name}-dies", run.name)
    await writer.start()
    try:
        with pytest.raises(Died):
            await writer.deliver([Output(run.output, 0, b"key", b"never committed", ())], {}, die)
        async with run.reading(run.output) as out:
            await run.write(run.output, [(key, value, ()) for key, value, _ in words(1)])
            assert await out.to_end() == []
            async with asyncio.timeout(_HIDDEN_SECONDS):
                await out.at_least(1, _HIDDEN_SECONDS)
            assert out.values == [b"w-0"]
    finally:
        await writer.stop()
