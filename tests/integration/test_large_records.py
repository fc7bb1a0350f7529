"""Records larger than they look, on a real broker: refused there, or put aside while the others go on."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from schemas.compressed_batches import FIRST_PART_BYTES
from schemas.topics import CATALOGUE, TopicName
from streams.runtime import Follower
from tests import one_lane
from tests.committed import assert_exactly_once
from tests.counting import Run, Worker
from tests.made_records import words, writing
from tests.raw_records import builder, write
from tests.runtime_agents import Count

pytestmark = pytest.mark.integration

_MIB = 1 << 20
_BOMB_BYTES = 128 * _MIB
#: What a worker may grow by while it reads bombs: a batch's 16 MiB twice, and as much again for chance.
_GROWTH_BYTES = 64 * _MIB


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


def configured(bootstrap: str, topic: str, settings: dict[str, str]) -> None:
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])


def peak_bytes(worker: Worker) -> int:
    """Return the most memory that the process has had, in bytes."""
    lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
    (peak,) = (int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return peak * 1024


def held(record: Any) -> dict[str, str]:
    return {name.removeprefix("rejected-"): value.decode() for name, value in record.headers}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_source_refuses_what_is_too_large_unpacked_and_takes_what_is_not(
    bootstrap: str, run: Run, codec: str
) -> None:
    source = run.topic("source")
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        configs = dict(CATALOGUE[TopicName.FORUM_DISCLOSURES].config)
        admin.create_topics({source: {"num_partitions": 1, "replication_factor": 1, "configs": configs}})
    sender = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type=codec, max_request_size=8 * _MIB, max_batch_size=8 * _MIB
    )
    await sender.start()
    try:
        with pytest.raises(MessageSizeTooLargeError):
            await sender.send_and_wait(source, b"x" * (5 * _MIB), partition=0)
        value = b"words of one person " * 10_000
        await sender.send_and_wait(source, value, partition=0)
    finally:
        await sender.stop()
    async with run.reading(source) as committed:
        assert [record.value for record in await committed.to_end()] == [value]


async def test_a_value_that_rejected_cannot_take_whole_is_put_aside_as_digest_and_the_lane_goes_on(
    bootstrap: str, run: Run
) -> None:
    configured(bootstrap, run.routine, {"max.message.bytes": str(8 * _MIB)})
    value = b"bad:" + b"x" * (5 * _MIB)
    before, after = words(20), words(20, start=20)
    worker = run.start()
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        await run.write(run.routine, before)
        await out.at_least(len(before))
        async with writing(bootstrap) as write_to:
            await write_to(run.routine, 1, [(b"key-1", value, ())])
        await run.write(run.routine, after)
        await out.at_least(len(before) + len(after))
        assert_exactly_once(out.counted, [*before, *after])
        (record,) = await rejected.at_least(1)
    assert worker.process.poll() is None
    assert (record.key, record.value) == (b"key-1", value[:FIRST_PART_BYTES])
    said = held(record)
    assert (said["error"], said["from"], said["offset"]) == ("Invalid", run.routine, "20")
    assert (said["length"], said["kept"]) == (str(len(value)), str(FIRST_PART_BYTES))
    assert said["sha256"] == hashlib.sha256(value).hexdigest()


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
async def test_a_bomb_is_put_aside_within_bounded_memory_and_the_others_are_counted(run: Run, codec: str) -> None:
    first, middle, last = words(200), words(200, start=200), words(200, start=400)
    bomb = [(b"key-1", bytes(_BOMB_BYTES), ()), (b"key-2", b"w", ())]
    packed = len(builder(bomb, codec).build())
    assert packed < _BOMB_BYTES // 500
    worker = run.start()
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        await run.write(run.routine, first)
        await out.at_least(len(first))
        before = peak_bytes(worker)
        await write(run.bootstrap, run.routine, codec, bomb)
        await run.write(run.routine, middle)
        await write(run.bootstrap, run.routine, codec, bomb)
        await run.write(run.routine, last)
        await run.write(run.urgent, [(b"u", b"urgent", ())])
        await out.at_least(len(first) + len(middle) + len(last) + 1)
        assert_exactly_once(out.counted, [*first, *middle, *last, (b"u", b"urgent", ())])
        put_aside = await rejected.at_least(2)
    assert peak_bytes(worker) - before < _GROWTH_BYTES
    assert worker.process.poll() is None
    # Each at the first of its two offsets, whole, as far as it goes.
    assert [held(record)["offset"] for record in put_aside] == ["200", "402"]
    for record in put_aside:
        said = held(record)
        assert (said["error"], said["field"], record.key) == ("Unreadable", "batch", None)
        assert (said["length"], said["kept"]) == (str(packed), str(min(packed, FIRST_PART_BYTES)))
        assert len(record.value) == int(said["kept"])


async def test_a_bomb_that_was_never_decided_is_put_aside_once_by_a_successor(run: Run) -> None:
    records = words(50)
    await run.write(run.routine, records[:25])
    await write(run.bootstrap, run.routine, "zstd", [(b"key", bytes(_BOMB_BYTES), ()), (b"key", b"w", ())])
    await run.write(run.routine, records[25:])
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        for _ in range(2):
            worker = run.start(instance="only")
            await out.at_least(len(records))
            worker.kill()
        await run.write(run.urgent, words(5, start=50))
        run.start(instance="only")
        await out.at_least(len(records) + 5)
        assert_exactly_once(out.counted, words(55))
        assert len(await rejected.to_end()) == 1


async def test_a_lane_whose_changelog_has_a_bomb_refuses_to_work(run: Run) -> None:
    await write(run.bootstrap, run.changelog, "zstd", [(b"skey", bytes(_BOMB_BYTES), ()), (b"skey", b"1", ())])
    async with one_lane.lane_of(run, lambda: Count(run.plan())) as lane:
        await run.until(lambda: lane.metrics.refused is not None, "refused")
        assert lane.metrics.refused == f"{run.changelog}-0: the record at 0 cannot be unpacked"


async def test_a_follower_passes_over_what_cannot_be_unpacked_and_follows_on(run: Run) -> None:
    await run.write(run.changelog, [(b"before", b"1", ())])
    await write(run.bootstrap, run.changelog, "zstd", [(b"k", bytes(_BOMB_BYTES), ())])
    await run.write(run.changelog, [(b"after", b"2", ())])
    applied: list[tuple[bytes | None, bytes | None]] = []
    follower = Follower(run.bootstrap, (run.changelog,), lambda key, value: applied.append((key, value)))
    try:
        await follower.start()
        assert applied == [(b"before", b"1"), (b"after", b"2")]
    finally:
        await follower.stop()
