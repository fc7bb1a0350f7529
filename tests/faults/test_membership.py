"""Members that restore for long, and members that join and leave: none is fenced, and each record is counted once."""

import asyncio
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.administration import members, shared_by, slow_reads
from tests.committed import Committed, assert_exactly_once
from tests.counting import Run, Worker
from tests.made_records import words

pytestmark = pytest.mark.faults

_SESSION_SECONDS = 6.0
_RESTORE_SECONDS = 3 * _SESSION_SECONDS + 1
_PERSONS = 2_000
#: Quota in bytes per second. Kafka lets a fetch pass if ten seconds of the quota cover it. A full batch of a changelog
#: (256 KiB) is more than that, so that its fetch gets an empty answer and a delay of some seconds.
_TRICKLE = 22_000


def wide_keys(count: int) -> list[bytes]:
    """Return that many keys of 1.4 kB that hardly compress, so that the state of the lanes is large."""
    chance = random.Random(count)
    return [b"%d-" % n + chance.randbytes(700).hex().encode() for n in range(count)]


async def test_two_workers_whose_restore_takes_three_sessions_keep_their_membership(run: Run) -> None:
    keys = wide_keys(_PERSONS)
    first, more = ([(key, b"%s-%d" % (prefix, n), ()) for n, key in enumerate(keys)] for prefix in (b"first", b"more"))
    await run.write(run.routine, first)
    async with run.reading(run.output) as out:
        alone = run.start()
        await out.at_least(len(first), 60)
        alone.send(signal.SIGTERM)
        assert await alone.ended() == 0
        with slow_reads(run.bootstrap, "confide-restore", _TRICKLE):
            workers = run.start(), run.start()
            joined = await shared_by(run.bootstrap, run.name, 2)
            await run.write(run.urgent, more)
            until = asyncio.get_running_loop().time() + _RESTORE_SECONDS
            while asyncio.get_running_loop().time() < until:
                await out.during(0.5)
                # Neither member was removed and joined again, and no rebalance happened.
                assert await asyncio.to_thread(members, run.bootstrap, run.name) == joined
        assert len(await out.to_end()) == len(first), "no lane was restored so soon"
        await out.at_least(len(first) + len(more), 60)
        assert_exactly_once(out.counted, [*first, *more])
        assert await asyncio.to_thread(members, run.bootstrap, run.name) == joined
        assert {one.pid for one in out.counted_from(len(first))} == {worker.pid for worker in workers}
        assert [worker.process.poll() for worker in workers] == [None, None]


async def at_work(out: Committed, since: int, *workers: Worker) -> None:
    """Wait until each of these workers has committed a new record."""
    pids = {worker.pid for worker in workers}
    await out.until(lambda _: pids <= {one.pid for one in out.counted_from(since)}, 30)


async def test_members_that_come_and_go_every_five_seconds_stop_and_double_nothing(
    bootstrap: str, tmp_path: Path, seed: int, chosen: Callable[[object], None]
) -> None:
    # Six lanes, two for each of three members: with four lanes the assignor would give the third member none. The work
    # is slow and has a backlog, so that every lane is in the middle of a long turn when it moves.
    run = Run(bootstrap, tmp_path, partitions=6, record_seconds=0.001)
    try:
        await come_and_go(run, seed, chosen)
    finally:
        run.end()


async def come_and_go(run: Run, seed: int, chosen: Callable[[object], None]) -> None:
    chance = random.Random(seed)
    ends = [signal.SIGTERM, signal.SIGKILL]
    chance.shuffle(ends)
    chosen(" ".join(end.name for end in ends))
    records = words(55_000, keys=3_000)
    await run.write(run.urgent, records[:15_000])
    await run.write(run.routine, records[15_000:])
    stayers = run.start(), run.start()
    async with run.reading(run.output) as out:
        await at_work(out, 0, *stayers)
        guests = []
        for end in ends:
            since = len(out.records)
            guests.append(guest := run.start())
            await out.during(5 + chance.random())
            await at_work(out, since, guest, *stayers)
            since = len(out.records)
            guest.send(end)
            assert await guest.ended() == (0 if end == signal.SIGTERM else -end)
            await out.during(5 + chance.random())
            await at_work(out, since, *stayers)
        assert len(out.records) < len(records), "the load lasted as long as the rebalances"
        await out.at_least(len(records), 60)
        assert_exactly_once(out.counted, records)
        assert [worker.process.poll() for worker in stayers] == [None, None]
