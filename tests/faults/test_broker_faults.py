"""A broker is stopped, killed or out of space under load: no record is lost or counted twice."""

import asyncio
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from kafka.admin import KafkaAdminClient

from infra.broker import LocalBroker
from streams.runtime.lane.transaction import TRANSACTION_TIMEOUT_MS
from streams.runtime.steps import Step
from tests.committed import assert_exactly_once
from tests.counting import EXIT_BROKEN, Run
from tests.faults.supervised import Supervisor, feed, load
from tests.made_records import Made, words

pytestmark = pytest.mark.faults


async def test_a_broker_killed_under_load_and_started_again_loses_and_doubles_nothing(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=4, record_seconds=0.0001)
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


async def test_what_was_open_when_a_broker_went_away_for_long_does_not_hang(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=1)
    try:
        records = words(1_000)
        await run.write(run.routine, records)
        worker = run.start(kill=(Step.WRITTEN, 2))
        assert await worker.ended() == -signal.SIGKILL
        broker.kill()
        gone = time.monotonic()
        await run.until(lambda: time.monotonic() - gone > TRANSACTION_TIMEOUT_MS / 1000, "its time is over")
        await asyncio.to_thread(broker.start)
        worker = run.start()
        async with run.reading(run.output) as out:
            await out.at_least(len(records))
            assert_exactly_once(out.counted, records)
        worker.send(signal.SIGTERM)
        assert await worker.ended() == 0
    finally:
        run.end()


async def test_a_broker_stopped_under_load_and_started_again_loses_and_doubles_nothing(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=4)
    try:
        supervisor = Supervisor(run, 2, named=False)
        records = load(60_000)
        # The producer keeps retrying during the restart, as a service does.
        feeding = asyncio.create_task(feed(run, records, rate=4_000))
        async with run.reading(run.output) as out:
            await out.until(lambda found: len(found) > 8_000)
        address = broker.bootstrap
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        assert broker.bootstrap == address
        assert not feeding.done(), "the load lasted as long as the fault"
        async with run.reading(run.output) as out:
            await feeding
            await out.at_least(len(records), 60)
            assert_exactly_once(out.counted, [record for _, record in records])
        assert set(supervisor.statuses) <= {EXIT_BROKEN}
        await supervisor.stop()
    finally:
        run.end()


#: Size limit of each file of the broker. Kafka allocates 10 MiB for an index at first.
_ROOM = 12 * 2**20
_BAD_BYTES = 280 * 2**10
_BAD = 48
assert _BAD * _BAD_BYTES > _ROOM


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the files of another process")
async def test_a_rejected_topic_without_room_holds_its_lane_until_there_is_some(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=1)
    try:
        good = words(4_800, keys=300)
        bad: list[Made] = [(b"key-1", b"bad:%d:" % n + b"x" * _BAD_BYTES, ()) for n in range(_BAD)]
        mixed = [made for n in range(_BAD) for made in (*good[n * 100 : n * 100 + 100], bad[n])]
        await run.write(run.routine, mixed)
        assert broker.pid is not None
        # A write beyond the limit fails in the middle of a batch, as on a full disk.
        resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (_ROOM, _ROOM))
        worker = run.start(instance="only")
        await run.until(lambda: broker.pid is None, "the broker has lost its log folder", 60)
        assert "File too large" in broker.log.read_text()
        # The worker may have ended by itself, or may wait for the broker: after the kill it cannot try again.
        worker.kill()

        await asyncio.to_thread(broker.start)
        async with (
            run.reading(run.output) as out,
            run.reading(f"{run.routine}.rejected") as rejected,
            run.reading(run.changelog) as changelog,
        ):
            # The transaction of the failed turn may still be open: none of its records is visible or was acknowledged.
            done = len(await out.to_end()) + len(await rejected.to_end())
            assert 0 < done < len(mixed)
            assert next_offset(run, await changelog.to_end()) == done
            assert await asyncio.to_thread(group_offset, run) <= done
            assert_exactly_once(out.counted, good[: len(out.records)])

            worker = run.start(instance="only")
            await out.at_least(len(good), 60)
            await rejected.at_least(len(bad), 60)
            assert_exactly_once(out.counted, good)
            assert [(r.key, r.value) for r in rejected.records] == [(key, value) for key, value, _ in bad]
            worker.send(signal.SIGTERM)
            assert await worker.ended() == 0
    finally:
        run.end()


def next_offset(run: Run, changelog: Iterable[ConsumerRecord]) -> int:
    """Return the offset from which a lane that opens now would continue."""
    *_, last = (record.value for record in changelog if record.key == b"o" + run.routine.encode())
    return int(last)


def group_offset(run: Run) -> int:
    """Return the group's committed offset of the one partition of the routine topic."""
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        offsets = admin.list_group_offsets({run.name: None})[run.name]
    return int(offsets[TopicPartition(run.routine, 0)].offset)
