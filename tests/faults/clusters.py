"""Helpers for clusters that lose brokers: leaders of partitions, replicas in sync, and a run under load."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from infra.broker import LocalCluster
from schemas.partitioner import partition_for
from tests.committed import Committed, assert_exactly_once, reading
from tests.counting import EXIT_BROKEN, Run
from tests.faults.supervised import Supervisor, feed, load
from tests.made_records import Made, words, write

#: Internal topics of Kafka. The leaders of their partitions coordinate consumer groups and transactions.
COORDINATING = ("__consumer_offsets", "__transaction_state")
#: Records per second: three brokers, two workers and the readers share two cores.
RATE = 1_000
#: Limit for urgent records after each partition has a leader that works (seconds). A worker whose transaction timed out
#: starts again, and waits for at most one request to the broker that is away.
URGENT_SECONDS = 15.0
_URGENT = 100
#: Limit after which a test reports urgent records as lost (seconds).
_LOST_SECONDS = 90.0
_END_SECONDS = 5.0

_Leaders = Mapping[tuple[str, int], int]


def _leaders(bootstrap: str, topics: Iterable[str]) -> _Leaders:
    with KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000) as admin:
        found = admin.describe_topics(list(topics))
    return {
        (topic["name"], each["partition_index"]): each["leader_id"] for topic in found for each in topic["partitions"]
    }


def _count(bootstrap: str, topics: Iterable[str]) -> int:
    """Return the number of records in topics that have no transactions."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        logs = [TopicPartition(topic, n) for topic in topics for n in consumer.partitions_for_topic(topic)]
        return sum(consumer.end_offsets(logs).values())
    finally:
        consumer.close()


async def leaders(bootstrap: str, topics: Iterable[str], seconds: float = 60.0) -> _Leaders:
    """Return the leader of each partition; retry until a broker answers."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await asyncio.to_thread(_leaders, bootstrap, topics)
            except KafkaError:
                await asyncio.sleep(0.1)


async def busiest(cluster: LocalCluster, topics: Collection[str]) -> int:
    """Return the broker that leads the most partitions of these and the internal topics, some of each internal one."""
    found = await leaders(cluster.bootstrap, {*topics, *COORDINATING})
    victim, _ = Counter(found.values()).most_common(1)[0]
    assert {topic for (topic, _), leader in found.items() if leader == victim} >= {*COORDINATING}
    return victim


async def led_by_others(cluster: LocalCluster, topics: Collection[str], *victims: int, seconds: float = 60.0) -> None:
    """Wait until the other brokers know a leader for every partition that is none of the victims."""
    others, asked = cluster.bootstrap_without(*victims), {*topics, *COORDINATING}
    async with asyncio.timeout(seconds):
        while {*victims, -1} & set((await leaders(others, asked)).values()):  # noqa: ASYNC110 - Kafka sets no event
            await asyncio.sleep(0.1)


async def all_in_sync(cluster: LocalCluster) -> None:
    """Wait until each replica of each partition of each topic is in sync."""
    await _in_sync(cluster.bootstrap, lambda replicas, in_sync: replicas == in_sync)


async def in_sync_alone(cluster: LocalCluster, alone: int) -> None:
    """Wait until one broker is the leader, and the only replica in sync, of each partition."""
    await _in_sync(cluster.brokers[alone].bootstrap, lambda _, in_sync: in_sync == {alone})


async def _in_sync(bootstrap: str, is_wanted: Callable[[set[int], set[int]], bool], seconds: float = 60.0) -> None:
    def others() -> int:
        with KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000) as admin:
            partitions = [each for topic in admin.describe_topics() for each in topic["partitions"]]
        return sum(
            not is_wanted(set(each["replica_nodes"]), set(each["isr_nodes"])) or each["leader_id"] == -1
            for each in partitions
        )

    async with asyncio.timeout(seconds):
        while True:
            with suppress(KafkaError):
                if not await asyncio.to_thread(others):
                    return
            await asyncio.sleep(0.1)


async def back(cluster: LocalCluster, *which: int) -> None:
    """Start brokers again from this thread: it is their parent for the system, and lives as long as the cluster."""
    launched = cluster.launch(*which)
    await asyncio.to_thread(cluster.wait_until_ready, *launched)


@dataclass
class UnderLoad:
    """A run with two workers, a load that continues, and the records that were committed."""

    run: Run
    supervisor: Supervisor
    out: Committed
    _enough: asyncio.Event
    _feeding: asyncio.Task[list[tuple[bool, Made]]]
    _urgent: list[Made] = field(default_factory=list)

    async def moves(self, count: int = 1_000) -> None:
        """Wait until `count` more outputs are committed."""
        await self.out.at_least(len(self.out.records) + count, 90)

    async def behind(self) -> int:
        """Return the number of written records without a committed output."""
        done = len(await self.out.to_end())
        return await asyncio.to_thread(_count, self.run.bootstrap, (self.run.urgent, self.run.routine)) - done

    async def urgent_done(self, bootstrap: str, seconds: float = URGENT_SECONDS) -> float:
        """Write urgent records, wait for their outputs, and return the seconds; fail if it took `seconds` or more."""
        made = words(_URGENT, start=10_000_000 + len(self._urgent), prefix="urgent")
        self._urgent += made
        awaited = {(value or b"").decode() for _, value, _ in made}
        begun = time.monotonic()
        await write(bootstrap, self.run.urgent, self.run.partitions, made)
        async with reading(bootstrap, [self.run.output]) as seen:
            try:
                # Longer than allowed, so that a failure reports the time that it took.
                await seen.until(lambda _: awaited <= {one.word for one in seen.counted}, _LOST_SECONDS)
            except TimeoutError:
                missing = awaited - {one.word for one in seen.counted}
                lanes = {
                    partition_for(key or b"", self.run.partitions)
                    for key, v, _ in made
                    if (v or b"").decode() in missing
                }
                raise AssertionError(f"{len(missing)} urgent records of lanes {lanes} did not come") from None
        took = time.monotonic() - begun
        assert took < seconds, f"urgent records took {took:.1f} s"
        return took

    async def finish(self, seconds: float = 120.0) -> None:
        """End the load, and check that each written record was counted once."""
        assert not self._feeding.done(), "the load lasted as long as the fault"
        self._enough.set()
        written = [record for _, record in await self._feeding] + self._urgent
        await self.out.at_least(len(written), seconds)
        assert_exactly_once(self.out.counted, written)
        assert set(self.supervisor.statuses) <= {EXIT_BROKEN}
        await self.supervisor.stop()


@asynccontextmanager
async def under_load(run: Run, *, rate: int = RATE, seconds: float = 90.0) -> AsyncIterator[UnderLoad]:
    """Yield two workers in the middle of a load; each is started again when it ends."""
    enough = asyncio.Event()
    # Named, as the project's processes are: after a quick restart a worker has its lanes back.
    supervisor = Supervisor(run, 2, named=True)
    try:
        async with run.reading(run.output) as out:
            # More records than can be written: the load lasts as long as the fault.
            feeding = asyncio.create_task(feed(run, load(rate * 600), rate=rate, enough=enough))
            try:
                under = UnderLoad(run, supervisor, out, enough, feeding)
                pids: set[int] = set()

                def both(_: object) -> bool:
                    pids.update(one.pid for one in out.counted_from(0))
                    return len(pids) >= 2 and len(out.records) > 2 * rate

                await out.until(both, seconds)
                yield under
            finally:
                feeding.cancel()
                # Its producer would otherwise retry for as long as brokers are away.
                await asyncio.wait([feeding], timeout=_END_SECONDS)
    finally:
        supervisor.cancel()


@contextmanager
def ending(run: Run) -> Iterator[Run]:
    """Yield the run; end its processes at the end."""
    try:
        yield run
    finally:
        run.end()
