"""Compressed bombs among the load: each is put aside once, each good record is counted once, no process ends."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer

from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.faults.supervised import Supervisor, feed, load
from tests.raw_records import CODECS, builder

pytestmark = pytest.mark.faults

_MIB = 1 << 20
_BOMBS = 6
_RATE = 4_000


async def test_bombs_are_put_aside_once_while_the_load_goes_on(
    run: Run, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    records = load(16_000)
    codecs = [codec for codec in CODECS if codec != "none"]
    bombs = []
    for number in range(_BOMBS):
        # One at least is urgent. Packed with snappy, 64 MiB are 3 MiB: a topic takes 4.
        codec, size = chance.choice(codecs), chance.choice([20, 40, 64]) * _MIB
        topic = run.urgent if number == 0 else chance.choice((run.urgent, run.routine))
        at = chance.uniform(0.0, len(records) / _RATE)
        bombs.append((at, topic, chance.randrange(run.partitions), codec, size, chance.randint(1, 3)))
    bombs.sort()
    chosen(
        " ".join(f"{at:.1f}s:{topic[13:]}-{p}:{codec}:{size >> 20}MiB*{n}" for at, topic, p, codec, size, n in bombs)
    )
    supervisor = Supervisor(run, 2, named=True)
    async with (
        run.reading(run.output) as out,
        run.reading(f"{run.urgent}.rejected", f"{run.routine}.rejected") as rejected,
    ):
        feeding = asyncio.create_task(feed(run, records, rate=_RATE))
        written = await _throw(run, bombs)
        await feeding
        await out.at_least(len(records), 60)
        put_aside = await rejected.at_least(len(bombs))
        assert_exactly_once(out.counted, [record for _, record in records])
        assert supervisor.statuses == []
        assert Counter(written) == Counter(
            (record.topic, record.partition, int(dict(record.headers)["rejected-offset"])) for record in put_aside
        )
        for record in put_aside:
            assert dict(record.headers)["rejected-error"] == b"Unreadable"
    await supervisor.stop()


async def _throw(run: Run, bombs: list[tuple[float, str, int, str, int, int]]) -> list[tuple[str, int, int]]:
    """Write the bombs at their times; return topic, partition and offset as `.rejected` should have them."""
    began = asyncio.get_running_loop().time()
    producer = AIOKafkaProducer(bootstrap_servers=run.bootstrap)
    await producer.start()
    try:
        places = []
        for at, topic, partition, codec, size, count in bombs:
            made = await asyncio.to_thread(_bomb, codec, size, count)
            await asyncio.sleep(max(0.0, began + at - asyncio.get_running_loop().time()))
            batch = producer.create_batch()
            batch._builder, batch._relative_offset = made, count
            sent = await (await producer.send_batch(batch, topic, partition=partition))
            places.append((f"{topic}.rejected", partition, sent.offset))
        return places
    finally:
        await producer.stop()


def _bomb(codec: str, size: int, count: int) -> object:
    return builder([(b"key", bytes(size // count), ())] * count, codec)
