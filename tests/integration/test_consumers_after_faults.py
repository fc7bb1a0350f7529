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

from streams.runtime import Follower, client_tasks
from streams.runtime.agent import Output
from streams.runtime.client_tasks import end_with_consumer
from streams.runtime.failure import LibraryCancelled
from streams.runtime.fetcher_patch import patch_aiokafka_fetcher
from streams.runtime.lane.transaction import FENCED, TransactionalWriter
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


class Ends:
    """Takes the place of the end of the process: where it ended, and the class of the error."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.found: list[tuple[str, str]] = []
        patch.setattr(client_tasks, "end_process", lambda at, error: self.found.append((at, type(error).__name__)))


def fail(*_: object, **__: object) -> None:
    raise LookupError


async def test_a_consumer_whose_fetches_end_by_an_error_ends_the_process(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = Ends(monkeypatch)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap)
    await consumer.start()
    end_with_consumer(consumer)
    fetcher: Any = consumer._fetcher
    fetcher._get_actions_per_node = fail
    await becomes(lambda: bool(ends.found))
    # Without the end of the process nothing would say it.
    assert await consumer.getmany(timeout_ms=100) == {}
    assert ends.found == [("fetches of a consumer", "KafkaError")]
    with pytest.raises(KafkaError):
        await consumer.stop()
    await fetcher._client.close()


@pytest.mark.parametrize("error", [LookupError, asyncio.CancelledError])
async def test_a_consumer_whose_refresh_of_metadata_ends_ends_the_process(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    ends = Ends(monkeypatch)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap)
    await consumer.start()
    end_with_consumer(consumer)

    async def end(*_: object) -> None:
        raise error

    client: Any = consumer._client
    client._metadata_update = end
    client.force_metadata_update()
    await becomes(lambda: bool(ends.found))
    wanted = LibraryCancelled if error is asyncio.CancelledError else error
    assert ends.found == [("metadata of a consumer", wanted.__name__)]
    client._sync_task = None
    await consumer.stop()


async def test_a_consumer_that_is_stopped_ends_no_process(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = Ends(monkeypatch)
    for is_patched in (False, True):
        if is_patched:
            patch_aiokafka_fetcher()
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap)
        await consumer.start()
        end_with_consumer(consumer)
        await consumer.stop()
    assert ends.found == []


@pytest.mark.parametrize("of", ["_consumer", "_uncommitted"])
async def test_a_follower_whose_consumer_has_no_refresh_of_metadata_ends_the_process(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    ends = Ends(monkeypatch)
    follower = Follower(bootstrap, (topic,), lambda *_: None)
    await follower.start()
    client: Any = getattr(follower, of)._client

    async def end(*_: object) -> None:
        raise LookupError

    client._metadata_update = end
    client.force_metadata_update()
    await becomes(lambda: bool(ends.found))
    client._sync_task = None
    await follower.stop()


async def _library_cancels(*_: object) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("task", ["sending", "metadata"])
async def test_a_lanes_producer_whose_task_ends_ends_the_process(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    ends = Ends(monkeypatch)
    writer = TransactionalWriter(bootstrap, f"{topic}-lane-0", topic)
    await writer.start()
    producer: Any = writer._producer
    if task == "sending":
        producer._sender._maybe_wait_for_pid = _library_cancels
        # Wakes the task.
        delivering = asyncio.create_task(writer.deliver([Output(topic, 0, b"key", b"value", ())], {}, lambda _: None))
    else:
        producer.client._metadata_update = _library_cancels
        producer.client.force_metadata_update()
        delivering = None
    await becomes(lambda: bool(ends.found))
    assert ends.found == [(f"{task} of a producer", "LibraryCancelled")]
    if delivering is not None:
        # aiokafka would let it wait for ever.
        assert not delivering.done()
        delivering.cancel()
    await writer.stop()


async def test_a_lanes_producer_that_is_fenced_raises_it_and_ends_no_process(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = Ends(monkeypatch)
    writer, successor = (TransactionalWriter(bootstrap, f"{topic}-lane-0", topic) for _ in range(2))
    await writer.start()
    await successor.start()
    with pytest.raises(FENCED):
        await writer.deliver([Output(topic, 0, b"key", b"value", ())], {}, lambda _: None)
    await writer.stop()
    await successor.stop()
    assert ends.found == []
