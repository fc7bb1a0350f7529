"""The position of a member after a rebalance, on a real broker: records that were fetched and dropped come again."""

import asyncio
from collections.abc import AsyncIterator
from copy import copy
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata

from streams.runtime.transport.batch_schema import BatchRecord
from streams.runtime.transport.batching_thread import seek_to_committed
from streams.runtime.transport.lane_assignment import NoCommitConsumer
from tests.fetching_thread import RECORDS, fetched, fetched_by, fetched_member, thread_of

pytestmark = pytest.mark.integration


@pytest.fixture
async def consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with fetched_member(bootstrap) as consumer:
        yield consumer


async def test_where_nothing_was_committed_it_reads_from_the_beginning(consumer: AIOKafkaConsumer) -> None:
    await seek_to_committed(consumer)
    assert await fetched(consumer, RECORDS) == list(range(RECORDS))


@pytest.mark.parametrize("committed", [0, 4])
async def test_where_something_was_committed_it_reads_from_there(consumer: AIOKafkaConsumer, committed: int) -> None:
    (source,) = consumer.assignment()
    await consumer.commit({source: OffsetAndMetadata(committed, "")})
    assert await seek_to_committed(consumer, TopicPartition(source.topic, 0)) == {source: committed}
    assert await fetched(consumer, RECORDS - committed) == list(range(committed, RECORDS))


async def test_what_comes_of_a_fetch_during_which_partitions_were_assigned_anew_is_fetched_again(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await seek_to_committed(consumer)
    fetcher, subscription = cast("Any", consumer._fetcher), cast("Any", consumer._subscription.subscription)
    fetch = fetcher.fetched_records
    dropped: list[int] = []

    async def be_assigned_and_fetch(*args: Any, **kwargs: Any) -> Any:
        # The positions before this fetch are known already: its records may be from before the assignment or after it.
        monkeypatch.setattr(fetcher, "fetched_records", fetch)
        async with asyncio.timeout(20):
            while not (found := await fetch(*args, **kwargs)):
                pass
        dropped.extend(record.offset for record in found[source])
        monkeypatch.setattr(subscription, "_assignment", copy(subscription.assignment))
        return found

    monkeypatch.setattr(fetcher, "fetched_records", be_assigned_and_fetch)
    assert await thread._fetch_records(consumer, {source}) == {}
    assert dropped == list(range(RECORDS))
    assert await fetched_by(thread, source) == dropped


async def test_records_that_came_before_the_end_of_a_rebalance_are_fetched_again(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await seek_to_committed(consumer)
    assert await fetched_by(thread, source) == list(range(RECORDS))
    # Faust's part of the rebalance ends: it seeks, empties its queues, and resumes. It sees no offset.
    assert await thread.seek_to_committed() == {}
    assert await fetched_by(thread, source) == list(range(RECORDS))
    member: Any = NoCommitConsumer.__new__(NoCommitConsumer)
    member._thread, member.can_resume_flow, member.suspend_flow = thread, asyncio.Event(), asyncio.Event()
    member.resume_flow()
    assert member.can_resume_flow.is_set()
    assert await fetched_by(thread, source) == list(range(RECORDS))


async def test_a_fetch_begins_only_once_the_one_before_has_sought(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    consumer.seek(source, 4)
    thread.seek_before_fetch()
    seeks, may_seek = asyncio.Event(), asyncio.Event()

    async def seek_late(*args: Any) -> Any:
        seeks.set()
        await may_seek.wait()
        return await seek_to_committed(*args)

    with monkeypatch.context() as patched:
        patched.setattr("streams.runtime.transport.batching_thread.seek_to_committed", seek_late)
        first = asyncio.create_task(thread._fetch_records(consumer, {source}))
        async with asyncio.timeout(20):
            await seeks.wait()
    # It does not wait for the first: both together would leave Faust no worker for the rebalance.
    async with asyncio.timeout(20):
        assert await thread._fetch_records(consumer, {source}) == {}
    assert await consumer.position(source) == 4
    may_seek.set()
    batches = (await first).get(source, [])
    async with asyncio.timeout(20):
        while not batches:
            batches += (await thread._fetch_records(consumer, {source})).get(source, [])
    assert (batches[0].value.batch.begin, batches[0].value.batch.records[0].offset) == (0, 0)


async def test_after_a_seek_that_failed_the_next_fetch_seeks_first(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    consumer.seek(source, 6)
    thread._passed_over[source] = 4
    thread.seek_before_fetch()
    with monkeypatch.context() as patched:
        patched.setattr(consumer, "seek_to_committed", fail)
        with pytest.raises(KafkaTimeoutError):
            await thread._fetch_records(consumer, {source})
    batches: list[BatchRecord] = []
    async with asyncio.timeout(20):
        while not batches:
            batches += (await thread._fetch_records(consumer, {source})).get(source, [])
    assert (batches[0].value.batch.begin, batches[0].value.batch.records[0].offset) == (0, 0)


async def fail(*_: Any) -> None:
    raise KafkaTimeoutError
