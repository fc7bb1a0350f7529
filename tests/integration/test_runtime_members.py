"""A worker's membership in its group, on a real broker: static only if it was given a name."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient

from tests.administration import shared_by
from tests.counting import Run

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
