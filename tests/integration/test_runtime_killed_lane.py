"""A lane that dies after any step of its work: its successor loses nothing, doubles nothing, and restores its state."""

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from streams.runtime.steps import AtStep, Step, ignore_step
from tests import one_lane
from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.made_records import Made, words
from tests.runtime_agents import Count

pytestmark = pytest.mark.integration

OPENING = (Step.FENCED, Step.RESTORED, Step.OPENED)


class Died(BaseException):
    """The end of a process, which no agent could raise."""


class Dies:
    """Ends the lane at a step, once it is `armed`; other lanes go on."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.armed = step in OPENING

    def __call__(self, reached: Step, lane: str) -> None:
        if self.armed and reached == self._step:
            raise Died


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def lane_of(run: Run, at_step: AtStep = ignore_step) -> AbstractAsyncContextManager[Lane]:
    return one_lane.lane_of(run, lambda: Count(run.plan()), at_step=at_step)


def batch(run: Run, made: list[Made], begin: int = 0) -> Batch:
    records = [Record(run.routine, 0, n, 0, made[n][0], made[n][1], ()) for n in range(begin, len(made))]
    return Batch.of(run.routine, records, begin, len(made))


@pytest.mark.parametrize("step", list(Step))
async def test_a_lane_that_dies_after_a_step_loses_and_doubles_nothing(
    run: Run, ended: list[BaseException], monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    # Group offsets in every transaction, so that each one passes every step.
    monkeypatch.setattr("streams.runtime.lane.turn_commit._OFFSETS_SECONDS", 0.0)
    made, dies = words(7, keys=3), Dies(step)
    async with run.reading(run.output) as out, asyncio.timeout(60):
        async with lane_of(run, dies) as lane:
            if step not in OPENING:
                lane.enqueue(batch(run, made[:3]))
                # Wait for its last step, not only for its outputs: the next turn is the one that dies.
                await run.until(lambda: lane.metrics.next_offsets.get(run.routine) == 3, "the first turn is done")
                dies.armed = True
                lane.enqueue(batch(run, made[:6], 3))
            await run.until(lambda: bool(ended), "the lane dies")
        assert [type(error) for error in ended] == [Died]
        async with lane_of(run) as successor:
            # From the beginning, so that the lane must know what was done, and one record more.
            successor.enqueue(batch(run, made))
            await out.at_least(7)
        assert_exactly_once((await out.to_end(), out.counted)[1], made)
    assert len(ended) == 1


async def test_a_turn_that_was_dropped_leaves_no_state(run: Run, ended: list[BaseException]) -> None:
    made = words(12, keys=2)
    made[7] = (b"key-1", b"handle:always", ())
    async with run.reading(run.output) as out, asyncio.timeout(60):
        async with lane_of(run) as lane:
            lane.enqueue(batch(run, made))
            await run.until(lambda: bool(ended), "the turn raises")
        # Its successor tries all, then halves, and counts each record once, although it handled some several times.
        async with lane_of(run) as successor:
            successor.enqueue(batch(run, made))
            await out.at_least(11)
        assert_exactly_once((await out.to_end(), out.counted)[1], made[:7] + made[8:])
    assert len(ended) == 1
