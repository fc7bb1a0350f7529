"""Consumers of aiokafka after faults of its own, on a real broker: one that stops, and one whose heartbeat fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError, KafkaError
from kafka.admin import KafkaAdminClient

from streams.runtime.fetcher_patch import patch_aiokafka_fetcher
from streams.runtime.transport.group_coordination import keep_coordinating

pytestmark = pytest.mark.integration


@pytest.fixture
def topic(bootstrap: str) -> str:
    name = f"faults-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    return name


async def becomes(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return once `holds()` is true; raise `TimeoutError` after `seconds`."""
    async with asyncio.timeout(seconds):
        # Polled: aiokafka sets no event of its own.
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_consumer_that_stops_after_a_failed_fetch_raises_nothing_and_closes_its_connections(
    bootstrap: str, topic: str
) -> None:
    patch_aiokafka_fetcher()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, retry_backoff_ms=60_000)
    await consumer.start()
    client: Any = consumer._client
    failed = asyncio.Event()

    async def fail(*_: object, **__: object) -> None:
        failed.set()
        raise KafkaConnectionError

    client.send = fail
    await failed.wait()
    # The request waits before it is repeated. aiokafka cancels and awaits it, and would raise that cancellation here.
    await consumer.stop()
    assert not any(connection.connected() for connection in client._conns.values())


@asynccontextmanager
async def member(bootstrap: str, topic: str) -> AsyncIterator[tuple[AIOKafkaConsumer, Any]]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=f"group-{uuid4().hex[:8]}", heartbeat_interval_ms=100
    )
    await consumer.start()
    coordinator: Any = consumer._coordinator
    try:
        keep_coordinating(consumer)
        await becomes(lambda: bool(consumer.assignment()))
        yield consumer, coordinator
    finally:
        await consumer.stop()


async def test_a_member_whose_heartbeat_fails_unexpectedly_joins_again_although_nobody_asks_for_errors(
    bootstrap: str, topic: str
) -> None:
    async with member(bootstrap, topic) as (consumer, coordinator):
        beat: Callable[[], Awaitable[bool]] = coordinator._do_heartbeat
        failures, beats = 1, 0

        async def fail_once() -> bool:
            nonlocal failures, beats
            if failures:
                failures -= 1
                # What aiokafka raises for every answer that it does not expect.
                raise KafkaError("Unexpected exception in heartbeat task")
            beats += 1
            return await beat()

        before = coordinator.generation
        coordinator._do_heartbeat = fail_once
        # As Faust does, this test never calls `getmany`, to which aiokafka would hand the error.
        await becomes(lambda: coordinator.generation > before and beats >= 3)
        assert consumer.assignment()
