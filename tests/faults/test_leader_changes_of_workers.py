"""The leading broker is killed or hangs under real workers: each id is decided once, urgent reports are written."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.broker import LocalCluster
from infra.topics import apply
from schemas.codec import decode
from schemas.topics import CATALOGUE, TopicName
from schemas.vocabulary import Service
from services.settings import Keys
from streams.domain.ids import decision_id
from tests.committed import Committed, reading
from tests.counting import EXIT_BROKEN
from tests.disclosures import ROUTINE, fields, id_of
from tests.faults.clusters import URGENT_SECONDS, all_in_sync, back, busiest, led_by_others
from tests.processes import processes

pytestmark = [pytest.mark.faults, pytest.mark.long]

PARTITIONS = 2
_ROUTINE = 600
_URGENT = 10
#: Three lanes, one after the other (ADMIT, IDENTITY, DECIDE), must continue before a report is written.
_REPORT_SECONDS = 2 * URGENT_SECONDS


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("cluster")) as running:
        apply(running.bootstrap, PARTITIONS, replication=3)
        yield running


class Deployment:
    """A worker that is started again whenever it ends, the ids that were sent, and the records that it wrote."""

    def __init__(self, environment: Mapping[str, str], folder: Path, came: Committed) -> None:
        self._environment = environment
        self._folder = folder
        self._came = came
        self.sent: set[str] = set()
        self.statuses: list[int] = []

    async def supervise(self) -> None:
        """Keep one named worker running."""
        with processes(self._environment, self._folder) as starting:
            while True:
                worker = starting.start("worker", "--slot", "1")
                while (status := worker.status()) is None:  # noqa: ASYNC110 - a process that ends sets no event
                    await asyncio.sleep(0.05)
                self.statuses.append(status)

    async def produce(self, bootstrap: str, ids: Sequence[str], **changes: Any) -> None:
        """Send one disclosure for each id, each of another person; return once Kafka has them."""
        lines = [json.dumps(fields(each, subject={"account": f"forum:{each}", "age": 16}, **changes)) for each in ids]
        with processes({**self._environment, "KAFKA_BOOTSTRAP": bootstrap}, self._folder) as starting:
            done = await asyncio.to_thread(starting.run, "produce", "-", given="\n".join(lines).encode())
        assert done.returncode == 0, done.stderr
        self.sent.update(map(id_of, ids))

    def decided(self) -> Counter[str]:
        return Counter(each["disclosure_id"] for each in self._on(TopicName.DECISIONS))

    def reported(self) -> Counter[str]:
        return Counter(each["decision_id"] for each in self._on(TopicName.REPORTS_999) if "kind" in each)

    async def until(self, holds: Callable[[], bool], seconds: float) -> None:
        await self._came.until(lambda _: holds(), seconds)

    async def read_to_end(self) -> None:
        await self._came.to_end()

    def _on(self, topic: TopicName) -> Iterator[dict[str, Any]]:
        for record in self._came.records[:]:
            if record.topic == topic:
                yield decode(record.value, *CATALOGUE[topic].carries)[1]


@asynccontextmanager
async def deployment(cluster: LocalCluster, folder: Path) -> AsyncIterator[Deployment]:
    Keys.create(folder / "keys")
    environment = {"KAFKA_BOOTSTRAP": cluster.bootstrap, "CONFIDE_KEYS": str(folder / "keys")}
    async with reading(cluster.bootstrap, (TopicName.DECISIONS, TopicName.REPORTS_999)) as came:
        made = Deployment(environment, folder, came)
        supervising = asyncio.create_task(made.supervise())
        try:
            yield made
        finally:
            supervising.cancel()
            await asyncio.wait([supervising])


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_each_id_is_decided_once_and_urgent_reports_come_out_while_the_leader_is_away(
    how: str, cluster: LocalCluster, tmp_path: Path, chosen: Callable[[object], None]
) -> None:
    await all_in_sync(cluster)
    async with deployment(cluster, tmp_path) as working:
        await working.produce(cluster.bootstrap, [f"{how}-routine-{n}" for n in range(_ROUTINE)], concerns=ROUTINE)
        await working.until(lambda: len(working.decided()) > 0, 90)
        victim = await busiest(cluster, list(CATALOGUE))
        (cluster.kill if how == "killed" else cluster.freeze)(victim)
        try:
            await led_by_others(cluster, list(CATALOGUE), victim)
            urgent = [f"{how}-urgent-{n}" for n in range(_URGENT)]
            await working.produce(cluster.bootstrap_without(victim), urgent)
            begun = time.monotonic()
            wanted = {decision_id(Service.FORUM, id_of(each)) for each in urgent}
            await working.until(lambda: wanted <= working.reported().keys(), 120)
            took = time.monotonic() - begun
            chosen(f"broker {victim}; reports after {took:.1f} s; the worker ended with {working.statuses}")
        finally:
            if how == "frozen":
                cluster.thaw(victim)
        await back(cluster, victim)
        await all_in_sync(cluster)
        await working.until(lambda: working.sent <= working.decided().keys(), 120)
        await working.read_to_end()
        # Both cases use the same topics.
        assert {each: times for each, times in working.decided().items() if times != 1} == {}
        assert {each: times for each, times in working.reported().items() if times != 1} == {}
        assert took < _REPORT_SECONDS
        assert set(working.statuses) <= {EXIT_BROKEN}
