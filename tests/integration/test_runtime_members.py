"""A worker's membership in its group, on a real broker: static only if it was given a name."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from schemas.topics import STAMPED
from streams.runtime.transport.worker import SESSION_SECONDS
from tests.administration import shared_by
from tests.counting import EXIT_BROKEN, Run

pytestmark = pytest.mark.integration


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


def names(run: Run) -> list[str | None]:
    """Return the names under which the group's members are static, None for a dynamic member."""
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        described = admin.describe_groups([run.name])[run.name]
    return [member["group_instance_id"] for member in described["members"]]


@pytest.mark.parametrize("instance", [None, "slot-1"])
async def test_a_member_is_static_only_by_a_name_that_it_is_given(run: Run, instance: str | None) -> None:
    run.start(instance=instance)
    await shared_by(run.bootstrap, run.name, 1)
    assert await asyncio.to_thread(names, run) == [instance]


@pytest.mark.faults
async def test_a_worker_whose_heartbeat_fails_unexpectedly_joins_again_and_goes_on(run: Run, tmp_path: Path) -> None:
    worker = run.start()
    (before,) = await shared_by(run.bootstrap, run.name, 1)
    (tmp_path / "heartbeat-fails").touch()
    async with asyncio.timeout(20):
        # Polled: another process writes its log. aiokafka would send no heartbeat any more, and never join again.
        while "the coordination with the group failed" not in worker.log:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    # Longer than a session: the group would have given the member up.
    await asyncio.sleep(SESSION_SECONDS + 2)
    assert list(await shared_by(run.bootstrap, run.name, 1)) == [before]
    await run.write(run.routine, [(b"key", b"word", ())])
    async with run.reading(run.output) as out:
        await out.at_least(1)
    assert worker.process.poll() is None


async def test_a_worker_whose_task_of_fetches_ends_ends_too(run: Run, tmp_path: Path) -> None:
    worker = run.start()
    await shared_by(run.bootstrap, run.name, 1)
    # Without this end it would send heartbeats, keep its partitions, and fetch nothing.
    (tmp_path / "fetcher-ends").touch()
    assert await worker.ended() == EXIT_BROKEN
    assert "fetches of a consumer" in worker.log


@pytest.mark.faults
async def test_partitions_that_no_member_has_are_assigned_again(run: Run) -> None:
    # As after an outage: the topic is missing when the leader assigns, and there when the leader has started again.
    late, late_log = run.topic("late"), run.topic("late-changelog")
    groups = (*run.plan().groups, ("late", (late,), late_log, "count"))
    first = run.start(groups=groups, instance="slot-1")
    held = await shared_by(run.bootstrap, run.name, 1)
    assert {topic for owned in held.values() for topic, _ in owned} == {run.urgent, run.routine}
    first.send(signal.SIGKILL)
    await first.ended()
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        admin.create_topics(
            {
                topic: {"num_partitions": 1, "replication_factor": 1, "configs": STAMPED}
                for topic in (late, late_log, f"{late}.rejected", f"{late_log}.rejected")
            }
        )
    # Within the session: the broker gives it its old assignment.
    second = run.start(groups=groups, instance="slot-1")
    await run.write(late, [(b"key", b"word", ())])
    async with run.reading(run.output) as out:
        await out.at_least(1)
    assert "no process has these partitions" in second.log
