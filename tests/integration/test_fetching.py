"""Fetches on a real broker: given up, raising or slow ones lose no record, and a full queue is left out of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import IllegalStateError, KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata

from streams.runtime.transport.batch_schema import BatchRecord
from streams.runtime.transport.batching_thread import seek_to_committed
from streams.runtime.transport.lane_assignment import NoCommitConsumer
from tests.fetching_thread import RECORDS, batch_by, fetched_by, fetched_member, thread_of

pytestmark = pytest.mark.integration


@pytest.fixture
async def consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    async with fetched_member(bootstrap) as consumer:
        yield consumer


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
    assert [record.offset for record in results[-1][source][0].value.batch.records] == list(range(RECORDS))
    assert await fetched_by(thread, source) == list(range(RECORDS))


async def test_a_batch_whose_fetch_began_before_a_loss_reaches_no_lane(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    taken: list[int] = []
    owner: Any = NoCommitConsumer.__new__(NoCommitConsumer)
    owner._thread, owner.transactions = thread, SimpleNamespace(enqueue=lambda batch, _: taken.append(batch.begin))
    await seek_to_committed(consumer)
    before = await batch_by(thread, source)
    # Faust empties its queues, with what it was handed before this batch.
    thread.seek_before_fetch()
    owner.hand_on(before, source.partition)
    assert taken == []
    owner.hand_on(await batch_by(thread, source), source.partition)
    assert taken == [0]


async def test_what_was_fetched_before_a_seek_that_a_lane_asks_for_reaches_no_lane(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    taken: list[int] = []
    owner: Any = NoCommitConsumer.__new__(NoCommitConsumer)
    owner._thread, owner.transactions = thread, SimpleNamespace(enqueue=lambda batch, _: taken.append(batch.begin))
    consumer.seek(source, 6)
    before = await batch_by(thread, source)
    thread.consumer.lanes.asks_to_seek = True
    after = await batch_by(thread, source)
    owner.hand_on(before, source.partition)
    owner.hand_on(after, source.partition)
    assert taken == [0]


async def test_a_partition_that_was_passed_over_is_looked_at_once(
    consumer: AIOKafkaConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    consumer.seek(source, 6)
    fetcher, state = cast("Any", consumer._fetcher), consumer._subscription.subscription.assignment.state_value(source)
    asked: list[Any] = []

    async def pass_over(*_: Any, **__: Any) -> dict[Any, Any]:
        state.seek(RECORDS)
        return {}

    async def starts_beyond(*arguments: Any) -> bool:
        asked.append(arguments)
        return False

    monkeypatch.setattr(fetcher, "fetched_records", pass_over)
    monkeypatch.setattr("streams.runtime.transport.batching_thread._starts_beyond", starts_beyond)
    for _ in range(3):
        assert await thread._fetch_records(consumer, {source}) == {}
    # Each look is a request to the broker, and the batches of the fetch wait for it.
    assert len(asked) == 1
    assert thread._passed_over == {source: 6}


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
            while await consumer.position(source) < RECORDS:
                with pytest.raises(IllegalStateError):
                    await thread._fetch_records(consumer, {source})
    assert await fetched_by(thread, source) == list(range(RECORDS))


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
        state.seek(RECORDS)
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
    assert (batches[0].value.batch.begin, batches[0].value.batch.records[0].offset) == (4, 4)
    assert thread._passed_over == {}


async def test_what_is_known_of_a_source_follows_from_its_fetches(consumer: AIOKafkaConsumer) -> None:
    thread, (source,) = thread_of(consumer), consumer.assignment()
    fetched = thread.consumer.lanes.fetched
    await seek_to_committed(consumer)
    async with asyncio.timeout(20):
        while not (fetched and fetched[-1].handed_on == RECORDS and fetched[-1].responses > fetched[0].responses + 1):
            await thread._fetch_records(consumer, {source})
    assert (fetched[-1].end, fetched[-1].position) == (RECORDS, RECORDS)
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
    assert (batch.value.batch.begin, batch.value.batch.end, len(batch.value.batch.records)) == (0, RECORDS, RECORDS)
