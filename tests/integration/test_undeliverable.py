"""Outputs that a lane's writer can never write: the transaction is aborted, the topic named, and the writer goes on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from kafka.admin import KafkaAdminClient

from streams.runtime.agent import Output
from streams.runtime.failure import LaneBroken
from streams.runtime.lane.transaction import MAX_REQUEST_BYTES, TransactionalWriter, Undeliverable
from tests.committed import Committed
from tests.counting import Run

pytestmark = pytest.mark.integration

#: Text as a person might have written it: it may be in no error.
MARKER = "Ada-07700900123"


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    """Topics of one partition: `small` takes at most 10,000 bytes, `keyed` no record without key, `roomy` 8 MiB."""
    made = Run(bootstrap, tmp_path, partitions=1)
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        limits = {
            "small": {"max.message.bytes": "10000"},
            "keyed": {"cleanup.policy": "compact"},
            "roomy": {"max.message.bytes": str(8 << 20)},
        }
        admin.create_topics(
            {
                made.topic(name): {"num_partitions": 1, "replication_factor": 1, "configs": configs}
                for name, configs in limits.items()
            }
        )
    yield made
    made.end()


@asynccontextmanager
async def writer_of(run: Run) -> AsyncIterator[TransactionalWriter]:
    writer = TransactionalWriter(run.bootstrap, f"{run.name}-lane-0", run.name)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


def output(topic: str, value: Any, key: Any = b"k") -> Output:
    return Output(topic, 0, key, value, ())


def nothing(_: Any) -> None:
    return


async def values(committed: Committed, count: int) -> list[tuple[str, bytes]]:
    return [(record.topic, record.value) for record in await committed.at_least(count)]


REFUSED = [
    pytest.param("small", b"x" * 20_000, b"k", "MessageSizeTooLargeError", id="larger-than-the-topic-takes"),
    pytest.param("keyed", b"x", None, "InvalidRecordError", id="no-key-where-one-is-needed"),
    # The broker would accept it here; beyond 100 MiB any broker would close the connection without a response.
    pytest.param("roomy", b"x" * (MAX_REQUEST_BYTES + 1), b"k", "MessageSizeTooLargeError", id="larger-than-any-takes"),
    pytest.param("out", MARKER, b"k", "TypeError", id="not-bytes"),
]


@pytest.mark.parametrize(("name", "value", "key", "error"), REFUSED)
async def test_it_is_aborted_and_the_same_writer_delivers_what_follows(
    run: Run, name: str, value: Any, key: bytes | None, error: str
) -> None:
    topic, at = run.topic(name), TopicPartition(run.routine, 0)
    topics = {run.output, *map(run.topic, ("small", "keyed", "roomy"))}
    async with writer_of(run) as writer, run.reading(*topics) as committed:
        await writer.deliver([output(each, b"first") for each in {topic, run.output}], {at: 1}, nothing)
        for _ in range(2):
            # The same records get the same error, in a transaction with other records that are good.
            with pytest.raises(Undeliverable) as raised:
                await writer.deliver(
                    [output(run.output, b"dropped"), output(topic, b"dropped"), output(topic, value, key)],
                    {at: 2},
                    nothing,
                )
            assert (raised.value.topic, raised.value.error) == (topic, error)
            assert isinstance(raised.value, LaneBroken)
            assert MARKER not in str(raised.value)
        # The partition that refused takes the next records, and so do the other partitions.
        await writer.deliver([output(each, b"next") for each in {topic, run.output}], {at: 3}, nothing)
        found = await values(committed, len({topic, run.output}) * 2)
        assert sorted(found) == sorted((each, said) for each in {topic, run.output} for said in (b"first", b"next"))
        assert await writer.committed([run.routine], 0) == {run.routine: 3}


async def test_a_batch_after_the_refused_one_is_aborted_with_it(run: Run) -> None:
    small = run.topic("small")
    async with writer_of(run) as writer, run.reading(small) as committed:
        with pytest.raises(Undeliverable, match=f"{small} cannot be written .MessageSizeTooLargeError."):
            # The first fills a batch of its own, so the second follows it to the same partition in another batch.
            await writer.deliver([output(small, b"x" * 300_000), output(small, b"dropped")], {}, nothing)
        await writer.deliver([output(small, b"a"), output(small, b"b")], {}, nothing)
        await writer.deliver([output(small, b"c")], {}, nothing)
        assert [value for _, value in await values(committed, 3)] == [b"a", b"b", b"c"]


FENCED = r"(?i)fenced|epoch|newer producer"


async def test_a_fenced_writer_is_not_taken_for_one_that_may_go_on(run: Run) -> None:
    small = run.topic("small")
    async with writer_of(run) as writer, writer_of(run), run.reading(small) as committed:
        with pytest.raises(Exception, match=FENCED) as raised:
            await writer.deliver([output(small, b"x" * 20_000)], {}, nothing)
        assert not isinstance(raised.value, LaneBroken)
        assert await committed.to_end() == []


async def test_a_writer_that_is_fenced_before_its_batch_is_sent_says_that_it_was_fenced(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writer_of(run) as writer, writer_of(run):
        producer = writer._producer
        send = producer.send_batch

        async def late(*args: Any, **kwargs: Any) -> Any:
            await run.until(producer._txn_manager.is_fatal_error, "the writer was fenced")
            return await send(*args, **kwargs)

        monkeypatch.setattr(producer, "send_batch", late)
        with pytest.raises(Exception, match=FENCED):
            await writer.deliver([output(run.output, b"x")], {}, nothing)


async def test_a_writer_that_is_fenced_while_its_batch_is_written_may_not_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with writer_of(run) as writer, AsyncExitStack() as others, run.reading(run.output) as committed:
        producer = writer._producer
        send, manager = producer.send_batch, producer._txn_manager

        async def late(batch: Any, topic: str, *, partition: int) -> Any:
            destination = TopicPartition(topic, partition)
            await run.until(lambda: destination in manager.txn_partitions, "the transaction has the partition")
            await others.enter_async_context(writer_of(run))
            return await send(batch, topic, partition=partition)

        monkeypatch.setattr(producer, "send_batch", late)
        with pytest.raises(Exception, match=FENCED) as raised:
            await writer.deliver([output(run.output, b"x")], {}, nothing)
        assert not isinstance(raised.value, LaneBroken)
        assert await committed.to_end() == []
