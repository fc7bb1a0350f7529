"""How long a record waits for another partition's records, on a real broker, with Faust's settings and with ours."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Flag, auto
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest
from kafka.admin import KafkaAdminClient

from streams.runtime import fetcher_patch
from streams.runtime.fetcher_patch import PROMPT_WAIT_MS, remove_fetch_delays

pytestmark = pytest.mark.integration

_FAUSTS_WAIT_MS = 1_500


class When(Flag):
    NEVER = 0
    BEFORE = auto()
    AFTER = auto()


@asynccontextmanager
async def started(bootstrap: str, topic: str, *, delays_removed: When) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_wait_ms=_FAUSTS_WAIT_MS
    )
    if When.BEFORE in delays_removed:
        remove_fetch_delays(consumer)
    await consumer.start()
    try:
        if When.AFTER in delays_removed:
            remove_fetch_delays(consumer)
        yield consumer
    finally:
        await consumer.stop()


async def waited(bootstrap: str, *, delays_removed: When) -> float:
    """Return the time, in seconds, of a record that comes while only other partitions are requested."""
    topic = f"prompt-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    taken, idle = TopicPartition(topic, 0), TopicPartition(topic, 1)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for value in (b"1", b"2"):
            await producer.send_and_wait(topic, value, partition=0)
        async with started(bootstrap, topic, delays_removed=delays_removed) as consumer:
            async with asyncio.timeout(5):
                while not await consumer.getmany(taken, timeout_ms=100, max_records=1):
                    pass
            # The second record is not taken yet, so the next request is for the idle partition alone.
            await asyncio.sleep(0.2)
            assert (await consumer.getmany(taken, max_records=1))[taken][0].value == b"2"
            began = time.monotonic()
            await producer.send_and_wait(topic, b"3", partition=0)
            async with asyncio.timeout(5):
                while not await consumer.getmany(taken, idle, timeout_ms=100):
                    pass
            return time.monotonic() - began
    finally:
        await producer.stop()


async def test_a_record_does_not_wait_for_partitions_that_have_none(bootstrap: str) -> None:
    assert await waited(bootstrap, delays_removed=When.NEVER) > 0.5
    assert await waited(bootstrap, delays_removed=When.BEFORE) < 0.5
    assert await waited(bootstrap, delays_removed=When.AFTER) < 0.5


async def test_an_idle_partition_is_asked_for_while_anothers_records_lie_there(bootstrap: str) -> None:
    topic = f"prompt-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for _ in range(20):
            await producer.send_and_wait(topic, b"routine", partition=0)
        async with started(bootstrap, topic, delays_removed=When.AFTER) as consumer:
            backed_up, urgent = (TopicPartition(topic, number) for number in range(2))
            async with asyncio.timeout(5):
                while not await consumer.getmany(backed_up, timeout_ms=100, max_records=1):
                    pass
            assert consumer._fetcher is not None
            lying = consumer._fetcher._records[backed_up]
            assert lying.has_more()
            # Records that are not taken delay every fetch of their broker, by this time.
            assert lying.calculate_backoff() < 0.01
            await producer.send_and_wait(topic, b"urgent", partition=1)
            async with asyncio.timeout(1):
                while not (found := await consumer.getmany(urgent, timeout_ms=50)):
                    pass
            assert [record.value for record in found[urgent]] == [b"urgent"]
    finally:
        await producer.stop()


async def unasked(bootstrap: str, *, delays_removed: When) -> float:
    """Return how long no request is sent after an empty fetch that ended while records were taken, in seconds."""
    topic = f"prompt-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    asked = asyncio.Event()
    returned: list[float] = []
    async with started(bootstrap, topic, delays_removed=delays_removed) as consumer:
        fetcher, send = consumer._fetcher, consumer._client.send
        assert fetcher is not None

        async def send_watched(node: Any, request: Any, **options: Any) -> Any:
            if not isinstance(request, FetchRequest):
                return await send(node, request, **options)
            if returned:
                asked.set()
                return await send(node, request, **options)
            response = await send(node, request, **options)
            # As a consumer does that takes records: it wakes the fetcher, which looks before this task has ended.
            fetcher._notify(fetcher._wait_consume_future)
            await asyncio.sleep(0)
            returned.append(time.monotonic())
            return response

        consumer._client.send = send_watched
        async with asyncio.timeout(5):
            await asked.wait()
        return time.monotonic() - returned[0]


async def test_a_fetch_that_returns_while_records_are_taken_is_followed_by_another(bootstrap: str) -> None:
    assert await unasked(bootstrap, delays_removed=When.NEVER) > 0.15
    assert await unasked(bootstrap, delays_removed=When.AFTER) < 0.15


async def asked(bootstrap: str, *, taken: bool) -> tuple[set[int], int]:
    """Return the partitions of the request that follows a record of partition 0, and how long that request may wait."""
    topic = f"prompt-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    following: asyncio.Future[FetchRequest] = asyncio.get_running_loop().create_future()
    try:
        async with started(bootstrap, topic, delays_removed=When.AFTER) as consumer:
            fetcher, send = consumer._fetcher, consumer._client.send
            assert fetcher is not None

            async def send_watched(node: Any, request: Any, **options: Any) -> Any:
                if isinstance(request, FetchRequest) and came.is_set() and not following.done():
                    following.set_result(request)
                response = await send(node, request, **options)
                if isinstance(request, FetchRequest) and any(
                    part[-1] for _, parts in response.topics for part in parts
                ):
                    came.set()
                return response

            came = asyncio.Event()
            consumer._client.send = send_watched
            taking = asyncio.create_task(consumer.getmany(timeout_ms=5_000)) if taken else None
            await producer.send_and_wait(topic, b"1", partition=0)
            async with asyncio.timeout(5):
                request = await following
                if taking is not None:
                    assert sum(map(len, (await taking).values())) == 1
    finally:
        await producer.stop()
    return {part[0] for _, parts in request.topics for part in parts}, request._max_wait_ms


async def test_what_is_taken_at_once_is_asked_for_again_with_all_the_others(
    bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A busy machine may take longer than that between two lines.
    monkeypatch.setattr(fetcher_patch, "_TAKEN_SECONDS", fetcher_patch._TAKEN_SECONDS * 500)
    partitions, wait = await asked(bootstrap, taken=True)
    assert partitions == {0, 1}
    assert wait > PROMPT_WAIT_MS


async def test_where_records_lie_untaken_the_others_are_asked_for_and_not_for_long(bootstrap: str) -> None:
    assert await asked(bootstrap, taken=False) == ({1}, PROMPT_WAIT_MS)


async def test_an_idle_fetcher_looks_at_its_partitions_once_for_each_request(bootstrap: str) -> None:
    """Every 10 ms it would take a third of the processor time of an idle process."""
    topic = f"prompt-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
    async with started(bootstrap, topic, delays_removed=When.AFTER) as consumer:
        fetcher, send = consumer._fetcher, consumer._client.send
        assert fetcher is not None
        looks, requests = 0, 0
        look = fetcher._get_actions_per_node

        def count_look(assignment: Any) -> Any:
            nonlocal looks
            looks += 1
            return look(assignment)

        async def count_request(node: Any, request: Any, **options: Any) -> Any:
            nonlocal requests
            requests += isinstance(request, FetchRequest)
            return await send(node, request, **options)

        fetcher._get_actions_per_node = count_look
        consumer._client.send = count_request
        async with asyncio.timeout(10):
            while requests < 10:
                assert await consumer.getmany(timeout_ms=100) == {}
        assert looks <= 4 * requests
