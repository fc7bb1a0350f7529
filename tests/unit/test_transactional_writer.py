"""The broker's errors for a batch of a transaction, and whether the writer may go on afterwards."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import TopicPartition, errors
from aiokafka.structs import OffsetAndMetadata

from streams.runtime.lane.transaction import TransactionalWriter, Undeliverable


@pytest.fixture
async def aborted(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[TransactionalWriter, list[str]]]:
    """A writer without a broker that records each transaction that it aborts."""
    writer, notes = TransactionalWriter("127.0.0.1:1", "lane-0", "group"), list[str]()

    async def abort() -> None:
        notes.append("aborted")

    monkeypatch.setattr(writer._producer, "abort_transaction", abort)
    yield writer, notes
    await writer.stop()


def answered(*answers: Exception | None) -> list[asyncio.Future[Any]]:
    made = []
    for answer in answers:
        future = asyncio.get_running_loop().create_future()
        if answer is None:
            future.set_result(None)
        else:
            future.set_exception(answer)
        made.append(future)
    return made


@pytest.mark.parametrize("other", [errors.KafkaTimeoutError(), errors.ProducerFenced(), errors.UnknownError()])
async def test_a_fault_that_is_not_of_the_records_is_blamed_on_none(
    aborted: tuple[TransactionalWriter, list[str]], other: Exception
) -> None:
    writer, notes = aborted
    batches: Any = [("topic", 0, None), ("topic", 0, None)]
    await writer._abort_refused(batches, answered(errors.MessageSizeTooLargeError(), other), {})
    assert notes == []


async def test_a_refused_record_is_named_and_its_transaction_aborted(
    aborted: tuple[TransactionalWriter, list[str]],
) -> None:
    writer, notes = aborted
    batches: Any = [("topic", 0, None), ("topic", 0, None)]
    answers = answered(errors.MessageSizeTooLargeError(), errors.OutOfOrderSequenceNumber())
    with pytest.raises(Undeliverable, match=r"a record for topic cannot be written .MessageSizeTooLargeError."):
        await writer._abort_refused(batches, answers, {})
    assert notes == ["aborted"]


@pytest.fixture
async def told(monkeypatch: pytest.MonkeyPatch) -> dict[TopicPartition, OffsetAndMetadata]:
    """What the coordinator says of the group's offsets, to whoever asks for these partitions."""
    found: dict[TopicPartition, OffsetAndMetadata] = {}

    class Admin:
        def __init__(self, **_: object) -> None:
            pass

        async def start(self) -> None:
            pass

        async def close(self) -> None:
            pass

        async def list_consumer_group_offsets(
            self, _: str, partitions: list[TopicPartition]
        ) -> dict[TopicPartition, OffsetAndMetadata]:
            return {source: found[source] for source in partitions if source in found}

    monkeypatch.setattr("streams.runtime.lane.transaction.AIOKafkaAdminClient", Admin)
    return found


async def test_offsets_that_the_coordinator_does_not_tell_are_not_absent(
    aborted: tuple[TransactionalWriter, list[str]], told: dict[TopicPartition, OffsetAndMetadata]
) -> None:
    writer, _ = aborted
    # aiokafka returns nothing for an error of the whole group, for example while it is loaded.
    with pytest.raises(errors.GroupCoordinatorNotAvailableError) as raised:
        await writer.committed(("urgent", "routine"), 0)
    assert raised.value.retriable
    told[TopicPartition("urgent", 0)] = OffsetAndMetadata(7, "")
    told[TopicPartition("routine", 0)] = OffsetAndMetadata(-1, "")
    assert await writer.committed(("urgent", "routine"), 0) == {"urgent": 7}
