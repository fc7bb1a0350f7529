"""A run of counting workers on a real broker: its topics, its processes, and what others can read of it.

Everything is judged by what stands in the topics, read_committed, never by what a worker says of itself.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from kafka.admin import KafkaAdminClient

from schemas.partitioner import partition_for
from tests.runtime_worker import Plan

_ROOT = Path(__file__).parents[1]
_LARGE = str(4 * 2**20 + 64 * 2**10)
EXIT_BROKEN = 70
Made = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]


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


class Worker:
    """One process of lanes; its standard output and error are one file, and it has a temporary folder of its own."""

    def __init__(self, plan: Plan) -> None:
        folder = Path(plan.folder)
        path = folder / f"plan-{uuid4().hex[:8]}.json"
        path.write_text(json.dumps(asdict(plan)))
        self.log_path = path.with_suffix(".log")
        self.local = path.with_suffix(".tmp")
        self.local.mkdir()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.runtime_worker", str(path)],
                env={**os.environ, "TMPDIR": str(self.local)},
                cwd=_ROOT,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = 20.0) -> int:
        """Return its exit status once it has ended; fail if that takes longer."""
        return await asyncio.to_thread(self.process.wait, seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Run:
    """The topics of one test and the workers on them; all names are the run's own."""

    def __init__(self, bootstrap: str, folder: Path, partitions: int, record_seconds: float = 0.0) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.partitions = partitions
        self.record_seconds = record_seconds
        self.name = f"run-{uuid4().hex[:8]}"
        self.urgent, self.routine = self.topic("urgent"), self.topic("routine")
        self.output, self.changelog = self.topic("out"), self.topic("changelog")
        self.workers: list[Worker] = []
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            declared: dict[str, Any] = {
                topic: {
                    "num_partitions": partitions,
                    "replication_factor": 1,
                    "configs": {
                        "max.message.bytes": _LARGE,
                        "cleanup.policy": "compact" if topic == self.changelog else "delete",
                    },
                }
                for topic in (
                    self.urgent,
                    self.routine,
                    f"{self.urgent}.rejected",
                    f"{self.routine}.rejected",
                    self.output,
                    self.changelog,
                )
            }
            admin.create_topics(declared)

    def topic(self, name: str) -> str:
        return f"{self.name}.{name}"

    def plan(self, kind: str = "count", **changes: Any) -> Plan:
        made: dict[str, Any] = {
            "application": self.name,
            "bootstrap": self.bootstrap,
            "folder": str(self.folder),
            "output": self.output,
            "groups": (("lane", (self.urgent, self.routine), self.changelog, kind),),
            "record_seconds": self.record_seconds,
            **changes,
        }
        return Plan(**made)

    def start(self, kind: str = "count", **changes: Any) -> Worker:
        worker = Worker(self.plan(kind, **changes))
        self.workers.append(worker)
        return worker

    def say(self, name: str) -> None:
        (self.folder / name).touch()

    def take_back(self, name: str) -> None:
        (self.folder / name).unlink()

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait for what is seen from outside Kafka: a file that a worker wrote, a process that ended."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - a file of another process sets no event
                await asyncio.sleep(0.02)
        assert holds(), what

    async def write(self, topic: str, records: Iterable[Made]) -> None:
        await write(self.bootstrap, topic, self.partitions, records)

    @asynccontextmanager
    async def reading(self, *topics: str) -> AsyncIterator["Committed"]:
        async with reading(self.bootstrap, topics) as committed:
            yield committed

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()


def words(count: int, keys: int = 50, start: int = 0, prefix: str = "w") -> list[Made]:
    """Return records of distinct values over that many keys."""
    return [(b"key-%d" % (n % keys), b"%s-%d" % (prefix.encode(), n), ()) for n in range(start, start + count)]


async def write(bootstrap: str, topic: str, partitions: int, records: Iterable[Made]) -> None:
    """Write the records, each to its key's partition, in order; returns once they are acknowledged."""
    async with writing(bootstrap) as write_to:
        await write_to(topic, partitions, records)


Write = Callable[[str, int, Iterable[Made]], Awaitable[None]]


@asynccontextmanager
async def writing(bootstrap: str) -> AsyncIterator[Write]:
    """Give what writes as `write` does, through one producer."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, max_request_size=8 * 2**20)

    async def write_to(topic: str, partitions: int, records: Iterable[Made]) -> None:
        filling: dict[int, Any] = {}
        sent = []
        for key, value, headers in records:
            partition = partition_for(key or b"", partitions)
            batch = filling.get(partition)
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                if batch is not None:
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = filling[partition] = producer.create_batch()
                assert batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is not None
        for partition, batch in filling.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        for acknowledgement in sent:
            await acknowledgement

    await producer.start()
    try:
        yield write_to
    finally:
        await producer.stop()


class Committed:
    """What others can read of topics, read_committed, from their beginning; grows as it reads on."""

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
        """Read until there are that many, then to the end, so that too many show too."""
        await self.until(lambda records: len(records) >= count, seconds)
        return await self.to_end()

    async def during(self, seconds: float) -> None:
        """Read for so long."""
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
        """Return what was read after the first `place` records."""
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
    )
    await consumer.start()
    try:
        yield Committed(consumer, sorted(consumer.assignment()))
    finally:
        await consumer.stop()


def assert_exactly_once(counted: Sequence[Counted], written: Iterable[Made]) -> None:
    """Each record has one output, and each key's totals are 1, 2, 3, … in this order: the state is right."""
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
    """Return what a changelog's entries come to, without the lanes' own offsets."""
    state: dict[bytes, bytes] = {}
    for record in changelog:
        if record.key[:1] != b"s":
            continue
        if record.value is None:
            state.pop(record.key[1:], None)
        else:
            state[record.key[1:]] = record.value
    return state


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
