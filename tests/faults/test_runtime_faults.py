"""Workers are killed and frozen under load: each record is counted exactly once.

The tests compare the records that they wrote with the outputs in the topics, read with read_committed.
"""

import asyncio
import random
import signal
from collections.abc import Callable

import pytest
from aiokafka import ConsumerRecord

from tests.committed import Committed, assert_exactly_once
from tests.counting import EXIT_BROKEN, Run, Worker
from tests.faults.supervised import Supervisor, feed, load
from tests.made_records import words

pytestmark = pytest.mark.faults

RECORDS = 200_000


@pytest.mark.parametrize("named", [False, True], ids=["dynamic", "static"])
async def test_two_workers_killed_at_random_times_count_each_record_once(
    run: Run, named: bool, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    kills = [(chance.randrange(8_000, 25_000), chance.randrange(2)) for _ in range(5)]
    chosen(" ".join(f"+{records}:{slot}" for records, slot in kills))
    supervisor = Supervisor(run, 2, named=named)
    records = load(RECORDS)
    async with run.reading(run.output) as out:
        feeding = asyncio.create_task(feed(run, records))
        await out.until(lambda found: len(found) > 0)
        pids = set()
        for later, slot in kills:
            # By the count of outputs, so that on any machine the kill comes in the middle of the work.
            await out.at_least(len(out.records) + later, 60)
            victim = supervisor.workers[slot]
            pids.add(victim.pid)
            victim.send(signal.SIGKILL)
        await feeding
        await out.at_least(RECORDS, 90)
        assert_exactly_once(out.counted, [record for _, record in records])
        assert len(pids) == 5
        # No kill ended the other worker.
        assert supervisor.statuses == [-signal.SIGKILL] * 5
        assert out.counted[-1].pid not in pids
    await supervisor.stop()


async def test_a_worker_frozen_in_the_middle_of_a_turn_is_fenced_and_ends_itself(run: Run) -> None:
    written = words(5_000)
    await run.write(run.routine, written)
    run.say("hold")
    zombie = run.start()
    async with run.reading(run.output) as out:
        await run.until(lambda: bool(run.lines("holding")), "a turn is under way")
        zombie.send(signal.SIGSTOP)
        run.take_back("hold")
        successor = run.start()
        # After the session (6 s) the group removes the zombie, and the other worker gets its lanes.
        await out.at_least(5_000, 60)
        assert_exactly_once(out.counted, written)
        more = words(2_000, start=5_000)
        await run.write(run.urgent, more)
        zombie.send(signal.SIGCONT)
        assert await zombie.ended(30) == EXIT_BROKEN
        assert '"event": "process ends itself"' in zombie.log
        await out.at_least(7_000, 60)
        assert_exactly_once(out.counted, [*written, *more])
        assert {one.pid for one in out.counted} == {successor.pid}
        assert successor.process.poll() is None


async def at_work(out: Committed, supervisor: Supervisor, slot: int) -> Worker:
    """Wait until the present worker of this slot has new outputs, and return it."""
    since = len(out.records)

    def has_new(_: object) -> bool:
        return any(one.pid == supervisor.workers[slot].pid for one in out.counted_from(since))

    await out.until(has_new, 60)
    return supervisor.workers[slot]


async def taken_over(out: Committed, since: int, frozen: int) -> None:
    """Wait until every partition has new outputs of another worker than the frozen one."""

    def everywhere(_: list[ConsumerRecord]) -> bool:
        return {one.partition for one in out.counted_from(since) if one.pid != frozen} == set(range(4))

    await out.until(everywhere, 60)


async def test_workers_frozen_at_random_times_under_load_count_each_record_once(
    run: Run, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    slots = [chance.randrange(2) for _ in range(2)]
    chosen(slots)
    supervisor = Supervisor(run, 2, named=False)
    enough = asyncio.Event()
    async with run.reading(run.output) as out:
        # More records than can be written: the load lasts as long as the faults.
        feeding = asyncio.create_task(feed(run, load(300_000), rate=2_000, enough=enough))
        for slot in slots:
            frozen = await at_work(out, supervisor, slot)
            frozen.send(signal.SIGSTOP)
            # After the session (6 s): all partitions have new outputs only when the other worker has the lanes.
            await taken_over(out, len(out.records), frozen.pid)
            frozen.send(signal.SIGCONT)
            await out.at_least(len(out.records) + 1_000, 60)
        assert not feeding.done(), "the load lasted as long as the faults"
        enough.set()
        written = await feeding
        await out.at_least(len(written), 90)
        assert_exactly_once(out.counted, [record for _, record in written])
        assert set(supervisor.statuses) <= {EXIT_BROKEN}
    await supervisor.stop()
