"""What a lane does while its group deals the partitions out: its turn in flight ends, and no other begins."""

import asyncio
from pathlib import Path

import pytest

from streams.runtime import Record
from streams.runtime.batches import Batch
from tests.counting import Run
from tests.held_commits import HeldCommits
from tests.one_lane import lane_of
from tests.runtime_worker import Count

pytestmark = pytest.mark.integration


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, begin: int, end: int) -> Batch:
    records = [Record(run.routine, 0, n, 0, b"key", b"w-%d" % n, ()) for n in range(begin, end)]
    return Batch.of(run.routine, records, begin, end)


async def test_a_rebalance_waits_for_the_turn_in_flight_and_none_begins_meanwhile(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = HeldCommits(monkeypatch)
    async with lane_of(run, lambda: Count(run.plan())) as lane, run.reading(run.output) as out, asyncio.timeout(20):
        await lane.resolved.wait()
        commits.held = True
        lane.put(batch(run, 0, 2))
        await commits.waiting.wait()
        held = asyncio.create_task(lane.hold())
        # As long as a request to the broker takes.
        await out.to_end()
        assert not held.done(), "the turn in flight may not be done by another member"
        commits.release()
        await held
        assert len(await out.to_end()) == 2
        # What was on its way to the lane when the group took its partitions back.
        lane.put(batch(run, 2, 4))
        await out.during(0.5)
        assert len(await out.to_end()) == 2
        lane.go_on()
        await out.at_least(4)
