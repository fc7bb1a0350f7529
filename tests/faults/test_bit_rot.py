"""One bit changes on the broker's disk: the batch with it is put aside, and all other work continues."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import TopicPartition

from infra.broker import LocalBroker
from schemas.partitioner import partition_for
from services.committed_reader import committed_reader
from streams.runtime import Follower
from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.made_records import Made, words

pytestmark = pytest.mark.faults


@contextmanager
def stopped(broker: LocalBroker) -> Iterator[None]:
    """Stop the broker cleanly, so that it does not check the batches of its logs at the next start."""
    broker.stop()
    yield
    broker.start()


def rot(folder: Path, topic: str, partition: int, part: bytes) -> None:
    """Change one bit of a partition's log, at the position of `part` of a record."""
    log = next(folder.rglob(f"{topic}-{partition}")) / "00000000000000000000.log"
    content = bytearray(log.read_bytes())
    content[content.index(part)] ^= 1
    log.write_bytes(content)


async def test_a_batch_that_rots_is_set_aside_and_all_others_are_counted(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=2)
    bad: list[Made] = [(b"key-1", b"rotten-%d" % n, ()) for n in range(3)]
    before, after, urgent = words(50), words(50, start=50), words(50, start=100)
    try:
        for part in (before, bad, after):
            await run.write(run.routine, part)
        with stopped(broker):
            rot(tmp_path, run.routine, partition_for(b"key-1", 2), b"rotten-1")
        worker = run.start()
        async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
            await run.write(run.urgent, urgent)
            await out.at_least(150, 60)
            assert_exactly_once(out.counted, [*before, *after, *urgent])
            (record,) = await rejected.at_least(1)
            headers = dict(record.headers)
            assert headers["rejected-reason"].startswith(b"batch: is not as it was written")
            assert headers["rejected-offset"].isdigit()
            assert b"rotten-0" in (record.value or b"")
            assert worker.process.poll() is None
    finally:
        run.end()


async def test_a_lane_whose_changelog_rots_refuses_and_the_others_go_on(
    own_broker: Callable[[], LocalBroker], tmp_path: Path
) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=2)
    written = words(200)
    lane = partition_for(b"rots", 2)
    try:
        await run.write(run.changelog, [(b"rots", b"state", ())])
        with stopped(broker):
            rot(tmp_path, run.changelog, lane, b"state")
        await run.write(run.routine, written)
        worker = run.start()
        others = [made for made in written if partition_for(made[0] or b"", 2) != lane]
        async with run.reading(run.output) as out:
            await out.at_least(len(others), 60)
            await run.until(lambda: f"{run.changelog}-{lane}: the record at 0 is corrupt" in worker.log, "it says so")
            assert_exactly_once((await out.to_end(), out.counted)[1], others)
            assert worker.process.poll() is None
    finally:
        run.end()


async def test_readers_pass_over_what_rots(own_broker: Callable[[], LocalBroker], tmp_path: Path) -> None:
    broker = own_broker()
    run = Run(broker.bootstrap, tmp_path, partitions=1)
    for value in (b"first", b"rotten", b"last"):
        await run.write(run.routine, [(b"key", value, ())])
    with stopped(broker):
        rot(tmp_path, run.routine, 0, b"rotten")
    found: list[bytes | None] = []
    follower = Follower(broker.bootstrap, (run.routine,), lambda _, value: found.append(value))
    await follower.start()
    await follower.stop()
    assert found == [b"first", b"last"]
    consumer = committed_reader(broker.bootstrap)
    source = TopicPartition(run.routine, 0)
    consumer.assign([source])
    consumer.seek_to_beginning(source)
    offsets: list[int] = []
    while consumer.position(source) < 3:
        offsets += [record.offset for records in consumer.poll(timeout_ms=200).values() for record in records]
    consumer.close()
    assert offsets == [0, 1, 2]
