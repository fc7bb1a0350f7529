"""Transactions that their writer leaves open: they hide later commits of others from read_committed readers."""

import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

#: Time after which the broker aborts the transaction of a dead writer, as for a lane (milliseconds).
TIMEOUT_MS = 6_000

#: Partition, key and value.
Entry = tuple[int, bytes | None, bytes | None]


@asynccontextmanager
async def open_transaction(
    bootstrap: str, topic: str, entries: Iterable[Entry], timeout_ms: int = TIMEOUT_MS
) -> AsyncIterator[AIOKafkaProducer]:
    """Write the entries in a transaction and return its producer; the transaction is open until the caller ends it."""
    writer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, transactional_id=f"dead-{secrets.token_hex(4)}", transaction_timeout_ms=timeout_ms
    )
    await writer.start()
    try:
        await writer.begin_transaction()
        for partition, key, value in entries:
            await writer.send_and_wait(topic, value, key, partition=partition)
        yield writer
    finally:
        await writer.stop()


async def leave_open(bootstrap: str, topic: str, entries: Iterable[Entry]) -> None:
    """Leave a transaction open as a process that is killed before it commits: it is aborted after 6 to 7 s."""
    async with open_transaction(bootstrap, topic, entries):
        pass
