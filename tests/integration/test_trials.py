"""While a record is on trial, no lane of its process handles another record, so no other is blamed for its end."""

import asyncio
from pathlib import Path

import pytest

from streams.runtime.lane.trials import Trials
from streams.runtime.lane.urgency import UrgencyGate
from streams.runtime.steps import Step
from tests import one_lane
from tests.counting import Run
from tests.poison_agent import Fragile, FragileState
from tests.poison_lane import batch_of

pytestmark = pytest.mark.integration


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


async def rounds() -> None:
    """Have the event loop go round often enough for everything that is ready."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.mark.parametrize("is_urgent", [False, True])
async def test_no_other_record_is_worked_on_meanwhile(run: Run, is_urgent: bool) -> None:
    trials, steps = Trials(), list[Step]()
    state = FragileState(run.output)
    async with one_lane.lane_of(
        run,
        lambda: Fragile(state),
        trials=trials,
        urgency=UrgencyGate(),
        at_step=lambda step, _: steps.append(step),
    ) as lane:
        await lane.resolved.wait()
        async with trials.hold():
            lane.enqueue(batch_of(run, ["say:x"], topic=run.urgent if is_urgent else run.routine))
            await run.until(lambda: Step.TAKEN in steps, "the lane has taken the record")
            await rounds()
            assert Step.DECODED not in steps
        await run.until(lambda: Step.HANDLED in steps, "it is worked off")


async def test_no_result_is_worked_on_meanwhile(run: Run) -> None:
    trials, state = Trials(), FragileState(run.output)
    async with one_lane.lane_of(run, lambda: Fragile(state), trials=trials) as lane:
        lane.enqueue(batch_of(run, ["effect:x"]))
        await run.until(lambda: state.performed == ["x"], "it is performed")
        async with trials.hold():
            state.may_end.set()
            await rounds()
            assert state.settled == []
        await run.until(lambda: state.settled == ["x"], "its result is worked off")


async def test_a_lane_that_works_single_records_off_has_each_on_trial_until_it_is_committed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.lane.isolation._MOST_OPENINGS", 0)
    trials, state, seen = Trials(), FragileState(run.output), list[tuple[Step, bool]]()

    async with one_lane.lane_of(
        run, lambda: Fragile(state), trials=trials, at_step=lambda step, _: seen.append((step, trials.is_on))
    ) as lane:
        await lane.resolved.wait()
        seen.clear()
        lane.enqueue(batch_of(run, ["say:a", "say:b", "say:c"]))
        await run.until(lambda: lane.metrics.next_offsets.get(run.routine) == 3, "all are done")
    # For each record: the note, then its outputs.
    steps = [step for step, _ in seen]
    last = len(steps) - steps[::-1].index(Step.APPLIED)
    assert steps[:last].count(Step.HANDLED) == 3
    assert steps[:last].count(Step.COMMITTED) == 6
    assert all(is_on for step, is_on in seen[:last] if step is not Step.TAKEN)
    assert not trials.is_on
