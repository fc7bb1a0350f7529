"""The disk of a broker fills up under load: no record is lost or counted twice."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.broker import LocalBroker, LocalCluster, NodeLocation
from tests.counting import Run
from tests.faults.clusters import all_in_sync, back, ending, led_by_others, under_load
from tests.faults.machine import fill, small_disk

pytestmark = [pytest.mark.faults, pytest.mark.long]

#: The local broker needs 200 MiB of free space to start.
_DISK_MEBIBYTES = 230
_LEFT = 256 * 2**10


async def until_ended(broker: LocalBroker, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while broker.pid is not None:  # noqa: ASYNC110 - a process that ends sets no event
            await asyncio.sleep(0.05)


async def test_a_broker_whose_disk_fills_up_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "disk", _DISK_MEBIBYTES) as disk,
        LocalBroker(disk) as broker,
        ending(Run(broker.bootstrap, tmp_path, partitions=4)) as run,
    ):
        async with under_load(run) as working:
            filler = fill(disk, _LEFT)
            await until_ended(broker)
            assert "No space left on device" in broker.log.read_text()
            filler.unlink()
            broker.launch()
            await asyncio.to_thread(broker.wait_until_ready)
            await working.urgent_done(broker.bootstrap)
            await working.moves()
            await working.finish()


async def test_of_three_brokers_one_whose_disk_fills_up_stops_nothing(
    tmp_path: Path, chosen: Callable[[object], None]
) -> None:
    with (
        small_disk(tmp_path / "disk", _DISK_MEBIBYTES) as disk,
        LocalCluster(tmp_path / "cluster", (NodeLocation(folder=disk), NodeLocation(), NodeLocation())) as cluster,
        ending(Run(cluster.bootstrap, tmp_path, partitions=4, replication=3)) as run,
    ):
        full = 1
        async with under_load(run) as working:
            filler = fill(disk, _LEFT)
            await until_ended(cluster.brokers[full])
            assert "No space left on device" in cluster.brokers[full].log.read_text()
            await led_by_others(cluster, run.topics, full)
            took = await working.urgent_done(cluster.bootstrap_without(full))
            chosen(f"urgent after {took:.1f} s")
            await working.moves()
            filler.unlink()
            await back(cluster, full)
            await all_in_sync(cluster)
            await working.moves()
            await working.finish()
