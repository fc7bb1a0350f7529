"""Committed records of topics, as others read them, and checks of a counting lane's outputs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streams.runtime.timeouts import REQUEST_MS
from tests.made_records import Made


@dataclass(frozen=True, slots=True)
class Counted:
    """One output of a counting lane."""

    word: str
    topic: str
    partition: int
    offset: int
    total: int
    pid: int

    @classmethod
    def of(cls, value: bytes) -> "Counted":
        word, topic, partition, offset, total, pid = value.decode().rsplit("|", 5)
        return cls(word, topic, int(partition), int(offset), int(total), int(pid))


class Committed:
    """The committed records of topics from their beginning; it grows as it reads on."""

    def __init__(self, consumer: AIOKafkaConsumer, sources: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._sources = sources
        self.records: list[ConsumerRecord] = []

    async def _read(self) -> None:
        for records in (await self._consumer.getmany(timeout_ms=50)).values():
            self.records.extend(records)

    async def to_end(self) -> list[ConsumerRecord]:
        """Read everything that is committed now."""
        ends = await self._consumer.end_offsets(self._sources)
        while any([await self._consumer.position(source) < end for source, end in ends.items()]):
            await self._read()
        return self.records

    async def at_least(self, count: int, seconds: float = 30.0) -> list[ConsumerRecord]:
        """Read until there are `count` records, then to the end, so that a surplus shows too."""
        await self.until(lambda records: len(records) >= count, seconds)
        return await self.to_end()

    async def during(self, seconds: float) -> None:
        """Read for `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            await self._read()

    async def until(self, enough: Callable[[list[ConsumerRecord]], bool], seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while not enough(self.records):
                await self._read()

    @property
    def values(self) -> list[bytes]:
        return [record.value for record in self.records]

    @property
    def counted(self) -> list[Counted]:
        return self.counted_from(0)

    def counted_from(self, place: int) -> list[Counted]:
        """Return the records that were read after the first `place` records."""
        return [Counted.of(record.value) for record in self.records[place:]]


@asynccontextmanager
async def reading(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Committed]:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 2**20,
        # As in the workers: a broker that hangs delays nothing for longer.
        request_timeout_ms=REQUEST_MS,
    )
    await consumer.start()
    try:
        yield Committed(consumer, sorted(consumer.assignment()))
    finally:
        await consumer.stop()


def assert_exactly_once(counted: Sequence[Counted], written: Iterable[Made]) -> None:
    """Assert that each record has one output, and that each key's totals are 1, 2, 3, … in this order."""
    expected = {(value or b"").decode(): (key or b"").decode() for key, value, _ in written}
    seen = Counter(one.word for one in counted)
    lost = expected.keys() - seen.keys()
    doubled = [word for word, times in seen.items() if times > 1]
    foreign = seen.keys() - expected.keys()
    assert (len(lost), len(doubled), len(foreign)) == (0, 0, 0), (sorted(lost)[:5], doubled[:5], sorted(foreign)[:5])
    totals: dict[str, list[int]] = {}
    for one in counted:
        totals.setdefault(expected[one.word], []).append(one.total)
    wrong = {key: found for key, found in totals.items() if found != list(range(1, len(found) + 1))}
    assert not wrong, next(iter(wrong.items()))


def state_of(changelog: Iterable[ConsumerRecord]) -> Mapping[bytes, bytes]:
    """Return the state that a changelog's entries lead to, without the lanes' own offsets."""
    state: dict[bytes, bytes] = {}
    for record in changelog:
        if record.key[:1] != b"s":
            continue
        if record.value is None:
            state.pop(record.key[1:], None)
        else:
            state[record.key[1:]] = record.value
    return state
