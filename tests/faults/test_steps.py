"""Workers are killed between any two steps of a lane's work, in any lane: each record is counted once."""

import asyncio
import random
import signal
from collections import Counter, deque
from collections.abc import Callable

import pytest

from streams.runtime.steps import Step
from tests.committed import assert_exactly_once, state_of
from tests.counting import Run
from tests.faults.supervised import Supervisor, load
from tests.made_records import Made, writing

pytestmark = pytest.mark.faults

#: The latest pass of a step at which a worker may be killed. Each of a worker's two lanes passes the steps of opening
#: once, and commits the offsets of its group once per second; 25 passes of any other step take a few seconds.
_LATEST = {Step.FENCED: 2, Step.RESTORED: 2, Step.OPENED: 2, Step.OFFSETS: 6}
_LATEST_OF_TURNS = 25
_BURST = 400


async def test_two_workers_killed_at_every_step_count_each_record_once(
    run: Run, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    steps = list(Step)
    chance.shuffle(steps)
    kills = [(step, chance.randint(1, _LATEST.get(step, _LATEST_OF_TURNS))) for step in steps]
    # Named members keep their lanes over a restart; unnamed ones lose them to the other member after the session.
    named = seed % 2 == 1
    chosen(" ".join([*(f"{step}:{nth}" for step, nth in kills), "static" if named else "dynamic"]))
    to_come = deque(kills)
    supervisor = Supervisor(run, 2, named=named, changes=lambda: {"kill": to_come.popleft() if to_come else None})
    written: list[Made] = []
    async with run.reading(run.output) as out, run.reading(run.changelog) as changelog, asyncio.timeout(240):
        async with writing(run.bootstrap) as write:
            while len(run.lines("killed")) < len(kills):
                burst = load(_BURST, start=len(written))
                await write(run.urgent, run.partitions, [record for urgent, record in burst if urgent])
                await write(run.routine, run.partitions, [record for urgent, record in burst if not urgent])
                written += [record for _, record in burst]
                await out.during(0.1)
        await out.at_least(len(written), 60)
        assert_exactly_once(out.counted, written)
        counts = Counter(key for key, _, _ in written)
        assert {key: int(value) for key, value in state_of(await changelog.to_end()).items()} == counts
        assert sorted(line.rpartition("|")[0] for line in run.lines("killed")) == sorted(
            f"{step}|{nth}" for step, nth in kills
        )
        # No kill ended the other worker.
        assert supervisor.statuses == [-signal.SIGKILL] * len(kills)
    await supervisor.stop()
