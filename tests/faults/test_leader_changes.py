"""The leading broker is killed or hangs under load: another takes over, and no record is lost or counted twice."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.broker import LocalCluster
from tests.counting import Run
from tests.faults.clusters import all_in_sync, back, busiest, ending, led_by_others, under_load

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Three brokers, each also a controller: the leader of the metadata may go away with the leader of partitions."""
    with LocalCluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def run(cluster: LocalCluster, tmp_path: Path) -> Iterator[Run]:
    asyncio.run(all_in_sync(cluster))
    with ending(Run(cluster.bootstrap, tmp_path, partitions=4, replication=3)) as made:
        yield made


async def test_a_leader_killed_under_load_loses_and_doubles_nothing_and_urgent_work_goes_on(
    cluster: LocalCluster, run: Run, chosen: Callable[[object], None]
) -> None:
    async with under_load(run) as working:
        victim = await busiest(cluster, run.topics)
        cluster.kill(victim)
        await led_by_others(cluster, run.topics, victim)
        took = await working.urgent_done(cluster.bootstrap_without(victim))
        chosen(f"broker {victim}; urgent after {took:.1f} s")
        await working.moves()
        await back(cluster, victim)
        await all_in_sync(cluster)
        await working.moves()
        await working.finish()


@pytest.mark.long
async def test_a_leader_that_hangs_under_load_loses_and_doubles_nothing_and_urgent_work_goes_on(
    cluster: LocalCluster, run: Run, chosen: Callable[[object], None]
) -> None:
    async with under_load(run) as working:
        victim = await busiest(cluster, run.topics)
        cluster.freeze(victim)
        try:
            await led_by_others(cluster, run.topics, victim)
            took = await working.urgent_done(cluster.bootstrap_without(victim))
            chosen(f"broker {victim}; urgent after {took:.1f} s")
        finally:
            cluster.thaw(victim)
        # After the freeze it first believes that it is still the leader.
        await all_in_sync(cluster)
        await working.moves()
        await working.finish()
