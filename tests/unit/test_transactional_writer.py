"""The broker's errors for a batch of a transaction, and whether the writer may go on afterwards."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import errors

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
