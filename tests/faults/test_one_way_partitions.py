"""Packets pass in one direction only, between brokers and to workers: no record is lost or counted twice."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.broker import LocalCluster, NodeLocation
from tests.counting import Run
from tests.faults.clusters import all_in_sync, busiest, ending, led_by_others, under_load
from tests.faults.namespaces import Network, network

pytestmark = [pytest.mark.faults, pytest.mark.long]

BROKERS = (1, 2, 3)
#: The place of the workers. Producer and readers stay in the machine's own network.
WORKERS = 4
#: Limit for urgent records (seconds). The leader that is cut off still answers workers that it is the leader; some ask
#: two or three times before they ask another broker.
_URGENT_SECONDS = 30.0
#: Longer than the timeouts of a transaction and a session: transactions in flight time out (seconds).
_CUT_SECONDS = 12.0


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    with network(places=4) as made:
        yield made


@pytest.fixture(scope="module")
def cluster(net: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    locations = [NodeLocation(net.address(n), net.launcher(n)) for n in BROKERS]
    with LocalCluster(tmp_path_factory.mktemp("cluster"), locations) as running:
        yield running


@pytest.fixture
def run(net: Network, cluster: LocalCluster, tmp_path: Path) -> Iterator[Run]:
    asyncio.run(all_in_sync(cluster))
    launcher = net.launcher(WORKERS)
    with ending(Run(cluster.bootstrap, tmp_path, partitions=4, replication=3, launcher=launcher)) as made:
        yield made
    net.heal()


async def test_a_leader_that_its_followers_cannot_answer_is_replaced_and_urgent_work_goes_on(
    net: Network, cluster: LocalCluster, run: Run, chosen: Callable[[object], None]
) -> None:
    async with under_load(run) as working:
        deaf = await busiest(cluster, run.topics)
        # It still accepts the writes of workers, and sends them to followers that cannot acknowledge them.
        for follower in set(BROKERS) - {deaf}:
            net.drop(follower, deaf)
        await led_by_others(cluster, run.topics, deaf)
        took = await working.urgent_done(cluster.bootstrap_without(deaf), _URGENT_SECONDS)
        chosen(f"broker {deaf}; urgent after {took:.1f} s")
        net.heal()
        await all_in_sync(cluster)
        await working.moves()
        await working.finish()


async def test_workers_that_cannot_hear_the_leader_that_hears_them_lose_and_double_nothing(
    net: Network, cluster: LocalCluster, run: Run, chosen: Callable[[object], None]
) -> None:
    async with under_load(run) as working:
        unheard = await busiest(cluster, run.topics)
        # Their requests arrive and are executed, but they get no answer and send them again.
        net.drop(unheard, WORKERS)
        await working.out.during(_CUT_SECONDS)
        behind = await working.behind()
        net.heal()
        took = await working.urgent_done(cluster.bootstrap, _URGENT_SECONDS)
        chosen(f"broker {unheard}; {behind} records behind when it healed; urgent after {took:.1f} s")
        assert behind > 0, "the cut stopped lanes"
        await working.moves()
        await working.finish()
