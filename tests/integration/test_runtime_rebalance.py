"""A lane while its group assigns the partitions anew: its turn in flight ends, and no other turn begins."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from tests.counting import Run
from tests.held_commits import HeldCommits
from tests.one_lane import lane_of
from tests.runtime_agents import Count

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("ended")]


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, begin: int, end: int) -> Batch:
    records = [Record(run.routine, 0, n, 0, b"key", b"w-%d" % n, ()) for n in range(begin, end)]
    return Batch.of(run.routine, records, begin, end)


class CountDecoded(Count):
    """Counts how often it decoded each record."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.plan())
        self.decoded: Counter[int] = Counter()

    def decode(self, record: Record) -> str:
        self.decoded[record.offset] += 1
        return super().decode(record)


async def test_a_rebalance_waits_for_the_turn_in_flight_and_none_begins_meanwhile(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = HeldCommits(monkeypatch)
    async with lane_of(run, lambda: Count(run.plan())) as lane, run.reading(run.output) as out, asyncio.timeout(20):
        await lane.resolved.wait()
        commits.held = True
        lane.enqueue(batch(run, 0, 2))
        await commits.waiting.wait()
        held = asyncio.create_task(lane.hold())
        # As long as a request to the broker takes.
        await out.to_end()
        assert not held.done(), "the turn in flight may not be done by another member"
        commits.release()
        await held
        assert len(await out.to_end()) == 2
        # A batch that was fetched for the lane when the group revoked its partitions.
        lane.enqueue(batch(run, 2, 4))
        await out.during(0.5)
        assert len(await out.to_end()) == 2
        lane.release()
        await out.at_least(4)


async def test_what_waits_at_a_rebalance_and_is_fetched_again_is_decoded_and_worked_off_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits, agent = HeldCommits(monkeypatch), CountDecoded(run)
    async with lane_of(run, lambda: agent) as lane, run.reading(run.output) as out, asyncio.timeout(20):
        await lane.resolved.wait()
        await lane.hold()
        # The waiting batches are still here; the group's offsets are older than all of them.
        for begin, end in ((0, 4), (4, 6), (0, 3), (3, 8)):
            lane.enqueue(batch(run, begin, end))
        commits.held = True
        lane.release()
        # While the transaction of the first turn is held, the lane decodes ahead.
        await commits.waiting.wait()
        await out.to_end()
        commits.release()
        await out.at_least(8)
        assert [one.offset for one in out.counted] == list(range(8))
        assert agent.decoded == Counter(range(8))
