"""A lane loses its folder, the offsets of its group, or its log: it continues correctly, or not at all."""

import asyncio
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from infra.broker import LocalBroker, configuration
from schemas.partitioner import partition_for
from tests.administration import cut_log, forget_group
from tests.committed import Committed, assert_exactly_once
from tests.counting import Run, Worker
from tests.faults.supervised import feed, load
from tests.made_records import Made, words, write, writing

pytestmark = pytest.mark.faults


async def test_a_worker_whose_folder_is_removed_works_on_and_a_successor_needs_nothing_of_it(run: Run) -> None:
    records = load(36_000)
    async with run.reading(run.output) as out:
        feeding = asyncio.create_task(feed(run, records, rate=4_000))
        first = run.start(instance="only")
        await at_work(out, first)
        assert list(first.local.iterdir()), "it keeps what is local here"
        shutil.rmtree(first.local)
        await out.at_least(len(out.records) + 2_000)
        first.send(signal.SIGKILL)
        second = run.start(instance="only")
        await at_work(out, second)
        shutil.rmtree(second.local)
        assert not feeding.done(), "the load lasted as long as the faults"
        await feeding
        await out.at_least(len(records))
        assert_exactly_once(out.counted, [record for _, record in records])
        assert not first.local.exists()
        assert not second.local.exists()
        second.send(signal.SIGTERM)
        assert await second.ended() == 0, second.log


async def test_a_group_that_kafka_has_forgotten_goes_on_where_the_changelogs_say(run: Run) -> None:
    records = load(24_000)
    feeding = asyncio.create_task(feed(run, records, rate=4_000))
    async with run.reading(run.output) as out:
        before = run.start(), run.start()
        await at_work(out, *before)
        for worker in before:
            worker.send(signal.SIGTERM)
        for worker in before:
            assert await worker.ended() == 0
        assert len(await out.to_end()) < len(records), "they were stopped in the middle of the work"
        await asyncio.to_thread(forget_group, run.bootstrap, run.name)
        after = run.start(), run.start()
        await feeding
        await out.at_least(len(records))
        assert_exactly_once(out.counted, [record for _, record in records])
        assert [worker.process.poll() for worker in after] == [None, None]


async def test_a_lane_with_state_and_no_offset_works_nothing_off_and_the_others_go_on(run: Run) -> None:
    await write(run.bootstrap, run.changelog, run.partitions, [(b"skey-1", b"7", ())])
    refused = partition_for(b"skey-1", run.partitions)
    written = words(2_000)
    await run.write(run.urgent, written[:200])
    await run.write(run.routine, written[200:])
    worker = run.start()
    others = [made for made in written if lane_of(run, made) != refused]
    async with run.reading(run.output) as out:
        await out.at_least(len(others))
        await alarmed(run, worker, refused)
        assert_exactly_once((await out.to_end(), out.counted)[1], others)
    assert worker.process.poll() is None
    assert "there is state, but no offset it belongs to" in worker.log


async def test_a_lane_whose_changelog_has_a_record_of_another_writer_refuses_and_the_others_go_on(run: Run) -> None:
    refused = 2
    async with writing(run.bootstrap) as write_to:
        await write_to(run.changelog, run.partitions, [(key_of(run, refused), b"junk", ())])
    written = words(2_000)
    await run.write(run.routine, written)
    worker = run.start()
    others = [made for made in written if lane_of(run, made) != refused]
    async with run.reading(run.output) as out:
        await out.at_least(len(others))
        await alarmed(run, worker, refused)
        assert_exactly_once((await out.to_end(), out.counted)[1], others)
    assert worker.process.poll() is None
    assert f"{run.changelog}-{refused}: the record at 0 is not a lane's (ValueError)" in worker.log


async def test_a_lane_whose_changelog_has_an_open_transaction_works_nothing_off_and_the_others_go_on(
    own_broker: Callable[[], LocalBroker], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This broker ends no transaction during the test; with the usual settings it would after 10 s.
    patient = {**configuration.SINGLE_NODE, "transaction.max.timeout.ms": "60000"}
    monkeypatch.setattr(configuration, "SINGLE_NODE", patient)
    run = Run(own_broker().bootstrap, tmp_path, partitions=4)
    try:
        await _with_an_open_transaction(run)
    finally:
        run.end()


async def _with_an_open_transaction(run: Run) -> None:
    refused = 1
    written = words(2_000)
    await run.write(run.routine, written)
    # Another writer's transaction without an end: fencing the lane's own writer does not end it.
    producer = AIOKafkaProducer(bootstrap_servers=run.bootstrap, transactional_id=f"{run.name}-lost")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(run.changelog, key=b"skey-1", value=b"7", partition=refused)
        worker = run.start(instance="only")
        others = [made for made in written if lane_of(run, made) != refused]
        async with run.reading(run.output) as out:
            await out.at_least(len(others))
            await alarmed(run, worker, refused)
            assert_exactly_once((await out.to_end(), out.counted)[1], others)
            assert worker.process.poll() is None
            assert "a transaction hangs at 0" in worker.log
            # The transaction ends in the end, by a slow broker or an operator: then the lane opens by itself.
            await producer.abort_transaction()
            await out.at_least(len(written))
            assert_exactly_once(out.counted, written)
            assert worker.process.poll() is None
    finally:
        await producer.stop()


async def test_a_log_that_starts_beyond_its_lane_stops_that_lane_until_the_loss_is_accepted(run: Run) -> None:
    written, more = words(2_000), words(2_000, start=2_000)
    await run.write(run.routine, written)
    cut = 2
    async with run.reading(run.output) as out:
        before = run.start(instance="only")
        await out.at_least(len(written))
        before.send(signal.SIGTERM)
        assert await before.ended() == 0
        await run.write(run.routine, more)
        known = sum(lane_of(run, made) == cut for made in written)
        lost = [made for made in more if lane_of(run, made) == cut][:100]
        await asyncio.to_thread(cut_log, run.bootstrap, TopicPartition(run.routine, cut), known + len(lost))

        refusing = run.start(instance="only")
        others = [made for made in more if lane_of(run, made) != cut]
        await out.at_least(len(written) + len(others))
        await alarmed(run, refusing, cut)
        assert_exactly_once((await out.to_end(), out.counted)[1], [*written, *others])
        assert refusing.process.poll() is None
        assert f"the log starts at {known + len(lost)}, beyond the lane's next offset {known}" in refusing.log
        refusing.send(signal.SIGTERM)
        assert await refusing.ended() == 0

        run.start(instance="only", accepted=(f"lane-{cut}",))
        await out.at_least(len(written) + len(more) - len(lost))
        assert_exactly_once(out.counted, [made for made in [*written, *more] if made not in lost])


@pytest.mark.parametrize("is_running", [True, False], ids=["while-it-runs", "while-it-is-away"])
async def test_a_log_that_loses_its_tail_stops_its_lane_and_what_comes_next_is_not_skipped_as_done(
    own_broker: Callable[[], LocalBroker], tmp_path: Path, is_running: bool
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=1)
    before, lost, after = words(3), words(6, start=3), words(6, start=9)
    try:
        await run.write(run.routine, before)
        log = log_of(tmp_path, run.routine)
        kept = log.stat().st_size
        worker = run.start(instance="only")
        async with run.reading(run.output) as out:
            await out.at_least(len(before))
            await run.write(run.routine, lost)
            await out.at_least(len(before) + len(lost))
        if not is_running:
            worker.send(signal.SIGTERM)
            assert await worker.ended() == 0
        broker.kill()
        lose_tail(log, kept)
        broker.start()
        refusing = worker if is_running else run.start(instance="only")
        await alarmed(run, refusing, 0)
        assert f"{run.routine}-0: the log ended at 3, before the lane's next offset 9" in refusing.log
        await run.write(run.routine, after)
        async with run.reading(run.output) as out:
            assert_exactly_once((await out.to_end(), out.counted)[1], [*before, *lost])
            assert refusing.process.poll() is None
            refusing.send(signal.SIGTERM)
            assert await refusing.ended() == 0
            # The log is as long again as before the loss.
            still = run.start(instance="only")
            await alarmed(run, still, 0)
            still.send(signal.SIGTERM)
            assert await still.ended() == 0
            run.start(instance="only", accepted=("lane-0",))
            await out.at_least(len(before) + len(lost) + len(after))
            assert_exactly_once(out.counted, [*before, *lost, *after])
    finally:
        run.end()


def log_of(folder: Path, topic: str) -> Path:
    """Return the first segment of partition 0 of a topic, of a broker with its data below the folder."""
    return next(folder.rglob(f"{topic}-0")) / "00000000000000000000.log"


def lose_tail(log: Path, kept: int) -> None:
    """Remove all bytes after the first `kept`, as a power cut may: Kafka itself does not sync records to the disk."""
    with log.open("r+b") as file:
        file.truncate(kept)
    for snapshot in log.parent.glob("*.snapshot"):
        snapshot.unlink()


async def at_work(out: Committed, *workers: Worker) -> None:
    """Wait until each of these workers has committed a new record."""
    since = len(out.records)
    pids = {worker.pid for worker in workers}
    await out.until(lambda _: pids <= {one.pid for one in out.counted_from(since)})


async def alarmed(run: Run, worker: Worker, lane: int) -> None:
    """Wait until the worker has logged that it refuses this lane."""
    alarm = f'"lane": "lane-{lane}"'

    def said() -> bool:
        return any(alarm in line and '"level": "critical"' in line for line in worker.log.splitlines())

    await run.until(said, "the lane is refused")


def key_of(run: Run, lane: int) -> bytes:
    """Return a key of an offset record that belongs to this lane."""
    return next(key for n in range(1_000) if partition_for(key := b"o%d" % n, run.partitions) == lane)


def lane_of(run: Run, made: Made) -> int:
    return partition_for(made[0] or b"", run.partitions)
