"""Workers killed, frozen and robbed of their broker under load: each record still counts exactly once.

What came out is compared with what went in by what the topics hold, read_committed.
"""

import asyncio
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord

from infra.broker import LocalBroker
from tests.counting import EXIT_BROKEN, Committed, Counted, Made, Run, Worker, assert_exactly_once, words

pytestmark = pytest.mark.faults

RECORDS = 200_000
#: Records a second while a fault is on its way: the load lasts as long as the kills do.
_RATE = 6_000
_BURST_SECONDS = 0.25


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=4)
    yield made
    made.end()


class Supervisor:
    """Starts a worker again whenever it ends, as every process of the project is supervised."""

    def __init__(self, run: Run, workers: int, *, named: bool) -> None:
        self._run = run
        self._named = named
        self.statuses: list[int] = []
        self.workers = [self._start(slot) for slot in range(workers)]
        self._watching = [asyncio.create_task(self._watch(slot)) for slot in range(workers)]

    def _start(self, slot: int) -> Worker:
        return self._run.start(instance=f"{self._run.name}-{slot}" if self._named else None)

    async def _watch(self, slot: int) -> None:
        while True:
            worker = self.workers[slot]
            while worker.process.poll() is None:  # noqa: ASYNC110 - a process that ends sets no event
                await asyncio.sleep(0.05)
            self.statuses.append(worker.process.returncode)
            self.workers[slot] = self._start(slot)

    async def stop(self) -> None:
        for watch in self._watching:
            watch.cancel()
        for watch in self._watching:
            with suppress(asyncio.CancelledError):
                await watch
        for worker in self.workers:
            worker.send(signal.SIGTERM)
        for worker in self.workers:
            # One that was started a moment ago does not handle the signal yet.
            assert await worker.ended(20) in (0, -signal.SIGTERM)


def load() -> list[tuple[bool, Made]]:
    """Return the records to write, a tenth of them urgent, over 3,000 keys."""
    return [(n % 10 == 0, record) for n, record in enumerate(words(RECORDS, keys=3_000))]


async def feed(run: Run, records: list[tuple[bool, Made]], rate: int = _RATE) -> None:
    """Write at a steady rate: every fault meets turns that are under way."""
    step = int(rate * _BURST_SECONDS)
    for start in range(0, len(records), step):
        part = records[start : start + step]
        await run.write(run.urgent, [record for urgent, record in part if urgent])
        await run.write(run.routine, [record for urgent, record in part if not urgent])
        await asyncio.sleep(_BURST_SECONDS)


@pytest.mark.parametrize("named", [False, True], ids=["dynamic", "static"])
async def test_two_workers_killed_at_random_times_count_each_record_once(run: Run, named: bool) -> None:
    chance = random.Random(20260203 + named)
    supervisor = Supervisor(run, 2, named=named)
    records = load()
    async with run.reading(run.output) as out:
        feeding = asyncio.create_task(feed(run, records))
        await out.until(lambda found: len(found) > 0)
        pids = set()
        for _ in range(5):
            # By the records that were read, so that on any machine the kill comes in the middle of work.
            await out.at_least(len(out.records) + chance.randrange(8_000, 25_000), 60)
            victim = supervisor.workers[chance.randrange(2)]
            pids.add(victim.pid)
            victim.send(signal.SIGKILL)
        await feeding
        await out.at_least(RECORDS, 90)
        assert_exactly_once(out.counted, [record for _, record in records])
        assert len(pids) == 5
        # No kill of one brought the other down.
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
        # The group gives the zombie up after the session's 6 s; its lanes are worked off by the other.
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


async def at_work(out: Committed, since: int, pid: int) -> None:
    """Wait until this worker has new outputs."""
    await out.until(lambda found: any(Counted.of(record.value).pid == pid for record in found[since:]), 60)


async def taken_over(out: Committed, since: int, frozen: int) -> None:
    """Wait until every partition has new outputs of another worker than the frozen one."""

    def everywhere(found: list[ConsumerRecord]) -> bool:
        late = (Counted.of(record.value) for record in found[since:])
        return {one.partition for one in late if one.pid != frozen} == set(range(4))

    await out.until(everywhere, 60)


async def test_workers_frozen_at_random_times_under_load_count_each_record_once(run: Run) -> None:
    chance = random.Random(31)
    supervisor = Supervisor(run, 2, named=False)
    records = load()[:60_000]
    async with run.reading(run.output) as out:
        feeding = asyncio.create_task(feed(run, records, rate=2_000))
        for _ in range(2):
            frozen = supervisor.workers[chance.randrange(2)]
            await at_work(out, len(out.records), frozen.pid)
            frozen.send(signal.SIGSTOP)
            # Past the session's 6 s: all partitions go on only once the other has the frozen one's lanes.
            await taken_over(out, len(out.records), frozen.pid)
            frozen.send(signal.SIGCONT)
            await out.at_least(len(out.records) + 1_000, 60)
        assert not feeding.done(), "the load lasted as long as the faults"
        await feeding
        await out.at_least(len(records), 90)
        assert_exactly_once(out.counted, [record for _, record in records])
        assert set(supervisor.statuses) <= {EXIT_BROKEN}
    await supervisor.stop()


async def test_a_broker_killed_under_load_and_started_again_loses_and_doubles_nothing(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=4, turn_seconds=0.05)
    try:
        records = words(60_000, keys=3_000)
        await run.write(run.routine, records)
        supervisor = Supervisor(run, 2, named=False)
        async with run.reading(run.output) as out:
            await out.until(lambda found: len(found) > 2_000)
        address = broker.bootstrap
        broker.kill()
        await asyncio.to_thread(broker.start)
        assert broker.bootstrap == address
        async with run.reading(run.output) as out:
            assert len(await out.to_end()) < len(records), "the broker was killed in the middle of the work"
            await out.at_least(len(records), 120)
            assert_exactly_once(out.counted, records)
        assert set(supervisor.statuses) <= {EXIT_BROKEN}
        await supervisor.stop()
    finally:
        run.end()
