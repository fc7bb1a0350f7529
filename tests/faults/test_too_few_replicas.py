"""Two of three brokers are away: a record on one broker is not acknowledged, and none is lost or counted twice."""

from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import NotEnoughReplicasError

from infra.broker import LocalCluster
from tests.counting import Run
from tests.faults.clusters import all_in_sync, back, busiest, ending, in_sync_alone, under_load

pytestmark = [pytest.mark.faults, pytest.mark.long]

#: Long enough for a transaction in flight to time out, and for the workers to start again (seconds).
_ALONE_SECONDS = 8.0


async def assert_refused(bootstrap: str, run: Run) -> None:
    """Check that Kafka refuses a record with acks=all, on a topic that this test does not count."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=3_000)
    await producer.start()
    try:
        for partition in range(run.partitions):
            with pytest.raises(NotEnoughReplicasError):
                await producer.send_and_wait(f"{run.urgent}.rejected", b"refused", partition=partition)
    finally:
        await producer.stop()


async def test_what_one_broker_of_three_alone_has_is_not_acknowledged_and_work_goes_on_with_two(
    tmp_path: Path, chosen: Callable[[object], None]
) -> None:
    with (
        LocalCluster(tmp_path / "cluster", controller_apart=True) as cluster,
        ending(Run(cluster.bootstrap, tmp_path, partitions=4, replication=3)) as run,
    ):
        async with under_load(run) as working:
            alone = await busiest(cluster, run.topics)
            first, second = set(cluster.brokers) - {alone}
            cluster.kill(first, second)
            await in_sync_alone(cluster, alone)
            await assert_refused(cluster.brokers[alone].bootstrap, run)
            before = len(await working.out.to_end())
            await working.out.during(_ALONE_SECONDS)
            assert len(await working.out.to_end()) == before, "something was committed by one broker alone"

            await back(cluster, first)
            took = await working.urgent_done(cluster.bootstrap_without(second))
            chosen(f"broker {alone} alone; urgent after {took:.1f} s")
            await working.moves()
            await back(cluster, second)
            await all_in_sync(cluster)
            await working.finish()
