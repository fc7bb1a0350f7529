"""The position of a member after a rebalance, on a real broker: records that were fetched and dropped come again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from copy import copy
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata
from kafka.admin import KafkaAdminClient

from streams.runtime.lane.timer_gate import FetchCounts, FetchProgress
from streams.runtime.transport.batch_schema import BatchRecord
from streams.runtime.transport.batching_thread import BatchingThread, seek_to_committed
from streams.runtime.transport.lane_assignment import NoCommitConsumer

pytestmark = pytest.mark.integration

_RECORDS = 10


@pytest.fixture
async def consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of a group with one partition of ten records, which it has fetched and no lane has handled."""
    topic = f"seek-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for number in range(_RECORDS):
        await producer.send_and_wait(topic, b"%d" % number, partition=0)
    await producer.stop()
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        assert await fetched(consumer, _RECORDS) == list(range(_RECORDS))
        yield consumer
    finally:
        await consumer.stop()


async def fetched(consumer: AIOKafkaConsumer, count: int) -> list[int]:
    """Return the offsets of the next records."""
    offsets: list[int] = []
    async with asyncio.timeout(20):
        while len(offsets) < count:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                offsets += [record.offset for record in records]
    return offsets


async def test_where_nothing_was_committed_it_reads_from_the_beginning(consumer: AIOKafkaConsumer) -> None:
    await seek_to_committed(consumer)
    assert await fetched(consumer, _RECORDS) == list(range(_RECORDS))


@pytest.mark.parametrize("committed", [0, 4])
async def test_where_something_was_committed_it_reads_from_there(consumer: AIOKafkaConsumer, committed: int) -> None:
    (source,) = consumer.assignment()
    await consumer.commit({source: OffsetAndMetadata(committed, "")})
    assert await seek_to_committed(consumer, TopicPartition(source.topic, 0)) == {source: committed}
    assert await fetched(consumer, _RECORDS - committed) == list(range(committed, _RECORDS))


class FakeLanes:
    """Lanes that accept every batch, until their queues are `full`."""

    full = False

    def __init__(self, followed: Collection[str] = ()) -> None:
        self.followed = followed
        self.fetched: list[FetchProgress] = []

    def is_full(self, topic: str, partition: int) -> bool:
        return self.full

    def takes_seek(self, topic: str, partition: int) -> bool:
        return False

    def note_out_of_range(self, topic: str, partition: int, position: int) -> None:
        """Do nothing: no test here loses a log's tail."""

    def note_end(self, topic: str, partition: int, end: int | None) -> None:
        pass

    def note_fetch(self, topic: str, partition: int, progress: FetchProgress) -> None:
        self.fetched.append(progress)


def thread_of(consumer: AIOKafkaConsumer) -> Any:
    """Return the fetching part of Faust's thread over `consumer`, without the thread."""
    thread: Any = BatchingThread.__new__(BatchingThread)
    thread._is_patched, thread._passed_over = False, {}
    thread._is_fetching, thread._lost_here, thread._lost_in_main, thread._sought_for = False, 0, 0, (0, 0)
    thread._fetch_counts = FetchCounts()
    followed = {source.topic for source in consumer.assignment()}
    thread.consumer = SimpleNamespace(flow_active=True, lanes=FakeLanes(followed), _read_offset={})
    thread._ensure_consumer = lambda: consumer

    async def call(do: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        return await do(*args)

    thread.call_thread = call
    return thread


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
    assert dropped == list(range(_RECORDS))
    assert await fetched_by(thread, source) == dropped


async def test_records_that_came_before_the_end_of_a_rebalance_are_fetched_again(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await seek_to_committed(consumer)
    assert await fetched_by(thread, source) == list(range(_RECORDS))
    # Faust's part of the rebalance ends: it seeks, empties its queues, and resumes. It sees no offset.
    assert await thread.seek_to_committed() == {}
    assert await fetched_by(thread, source) == list(range(_RECORDS))
    member: Any = NoCommitConsumer.__new__(NoCommitConsumer)
    member._thread, member.can_resume_flow, member.suspend_flow = thread, asyncio.Event(), asyncio.Event()
    member.resume_flow()
    assert member.can_resume_flow.is_set()
    assert await fetched_by(thread, source) == list(range(_RECORDS))


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
    assert (batches[0].value.begin, batches[0].value.records[0].offset) == (0, 0)


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
    assert (batches[0].value.begin, batches[0].value.records[0].offset) == (0, 0)


async def fail(*_: Any) -> None:
    raise KafkaTimeoutError


@pytest.mark.parametrize("given_up", ["while-it-fetches", "before-its-result-is-there"])
async def test_records_of_a_fetch_that_was_given_up_are_fetched_again(
    consumer: AIOKafkaConsumer, given_up: str
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await seek_to_committed(consumer)
    ends, has_come = asyncio.Event(), asyncio.Event()
    results: list[Any] = []
    tasks: list[asyncio.Task[None]] = []

    async def call(do: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        """Work in a task of its own, as the consumer's thread does."""

        async def work() -> None:
            if given_up == "while-it-fetches":
                await ends.wait()
            async with asyncio.timeout(20):
                while not results or not results[-1]:
                    results.append(await do(*args, **kwargs))
            has_come.set()

        tasks.append(asyncio.create_task(work()))
        await asyncio.Event().wait()

    thread.call_thread = call
    fetching = asyncio.create_task(thread.getmany({source}, 1.0))
    await asyncio.sleep(0)
    if given_up == "before-its-result-is-there":
        async with asyncio.timeout(20):
            await has_come.wait()
    fetching.cancel()
    await asyncio.wait([fetching])
    ends.set()
    await asyncio.gather(*tasks)
    assert [record.offset for record in results[-1][source][0].value.records] == list(range(_RECORDS))
    assert await fetched_by(thread, source) == list(range(_RECORDS))


async def test_records_of_a_fetch_that_raised_afterwards_are_fetched_again(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await seek_to_committed(consumer)

    def raises(*_: Any) -> None:
        raise IllegalStateError

    with monkeypatch.context() as patched:
        patched.setattr(thread, "_note_fetch", raises)
        async with asyncio.timeout(20):
            while await consumer.position(source) < _RECORDS:
                with pytest.raises(IllegalStateError):
                    await thread._fetch_records(consumer, {source})
    assert await fetched_by(thread, source) == list(range(_RECORDS))


async def fetched_by(thread: Any, source: TopicPartition) -> list[int]:
    """Return the offsets of the next batch; it must begin with its first record."""
    batches: list[BatchRecord] = []
    async with asyncio.timeout(20):
        while not batches:
            batches += (await thread._fetch_records(thread._ensure_consumer(), {source})).get(source, [])
    assert batches[0].value.begin == batches[0].value.records[0].offset
    return [record.offset for record in batches[0].value.records]


async def test_where_a_slow_broker_comes_between_nothing_counts_as_passed_over(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await consumer.commit({source: OffsetAndMetadata(4, "")})
    consumer.seek(source, 6)
    # As if the fetch had passed over control records up to the end of the log.
    fetcher, state = cast("Any", consumer._fetcher), consumer._subscription.subscription.assignment.state_value(source)
    asked: list[Any] = []

    async def pass_over(*_: Any, **__: Any) -> dict[Any, Any]:
        state.seek(_RECORDS)
        return {}

    async def starts_beyond(*arguments: Any) -> bool:
        asked.append(arguments)
        raise KafkaTimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(fetcher, "fetched_records", pass_over)
        patched.setattr("streams.runtime.transport.batching_thread._starts_beyond", starts_beyond)
        while not asked:
            assert await thread._fetch_records(consumer, {source}) == {}
    batches: list[BatchRecord] = []
    async with asyncio.timeout(20):
        while not batches:
            batches += (await thread._fetch_records(consumer, {source})).get(source, [])
    assert (batches[0].value.begin, batches[0].value.records[0].offset) == (4, 4)
    assert thread._passed_over == {}


async def test_what_is_known_of_a_source_follows_from_its_fetches(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    fetched = thread.consumer.lanes.fetched
    await seek_to_committed(consumer)
    async with asyncio.timeout(20):
        while not (fetched and fetched[-1].handed_on == _RECORDS and fetched[-1].responses > fetched[0].responses + 1):
            await thread._fetch_records(consumer, {source})
    assert (fetched[-1].end, fetched[-1].position) == (_RECORDS, _RECORDS)
    assert [known.responses for known in fetched] == sorted(known.responses for known in fetched)


async def test_a_topic_whose_queue_is_full_is_left_out_of_the_fetch(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    await seek_to_committed(consumer)
    lanes = thread.consumer.lanes
    lanes.full = True
    # Several times: prefetched records would come with one of the fetches.
    for _ in range(20):
        assert await thread._fetch_records(consumer, {source}) == {}
        assert await consumer.position(source) == 0
    lanes.full = False
    batches: list[BatchRecord] = []
    async with asyncio.timeout(20):
        while not batches:
            batches += (await thread._fetch_records(consumer, {source})).get(source, [])
    (batch,) = batches
    assert (batch.value.begin, batch.value.end, len(batch.value.records)) == (0, _RECORDS, _RECORDS)
