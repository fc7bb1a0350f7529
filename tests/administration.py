"""Administration of Kafka for tests: groups, quotas and logs. These functions block, so call them in a thread."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiokafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest

# It warns at length that it cannot read the data which Faust's members add to their topics.
logging.getLogger("kafka.admin._groups").setLevel(logging.ERROR)

Held = Mapping[str, set[tuple[str, int]]]


def members(bootstrap: str, group: str) -> Held:
    """Return the partitions of each member of a group; nothing while the group rebalances."""
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        try:
            described: dict[str, Any] = admin.describe_groups([group])[group]
        except CoordinatorNotAvailableError:
            # No member of any group has joined this broker yet.
            return {}
    if described["group_state"] != "Stable":
        return {}
    return {
        member["member_id"]: {
            (topic["topic"], partition)
            for topic in member["member_assignment"]["assigned_partitions"]
            for partition in topic["partitions"]
        }
        for member in described["members"]
    }


async def shared_by(bootstrap: str, group: str, count: int, seconds: float = 30.0) -> Held:
    """Wait until the group is stable with that many members, each with partitions; return the partitions of each."""
    found: Held = {}
    async with asyncio.timeout(seconds):
        while len(found) != count or not all(found.values()):
            await asyncio.sleep(0.05)
            found = await asyncio.to_thread(members, bootstrap, group)
    return found


def forget_group(bootstrap: str, group: str) -> None:
    """Delete the group and its offsets, as Kafka does to one that was empty for seven days."""
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        before = admin.list_group_offsets({group: None})[group]
        assert before, "the group has offsets to lose"
        assert admin.delete_groups([group]) == {group: "OK"}
        assert not admin.list_group_offsets({group: None}).get(group)


def cut_log(bootstrap: str, source: TopicPartition, offset: int) -> None:
    """Delete the records before `offset`, as retention does."""
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.delete_records({source: offset})


@contextmanager
def slow_reads(bootstrap: str, client_id: str, rate: int) -> Iterator[None]:
    """Limit what the broker sends to all clients of that id together to `rate` bytes a second."""
    _quota(bootstrap, client_id, rate)
    try:
        yield
    finally:
        _quota(bootstrap, client_id, None)


def _quota(bootstrap: str, client_id: str, rate: int | None) -> None:
    # The admin client has no call of its own for it.
    entry = AlterClientQuotasRequest.EntryData
    request = AlterClientQuotasRequest(
        entries=[
            entry(
                entity=[entry.EntityData(entity_type="client-id", entity_name=client_id)],
                ops=[entry.OpData(key="consumer_byte_rate", value=float(rate or 0), remove=rate is None)],
            )
        ],
        validate_only=False,
    )
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        answer = admin._manager.run(admin._manager.send, request)
    assert [done.error_code for done in answer.entries] == [0], answer
