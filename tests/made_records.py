"""Records that a test makes and writes to a topic: in order, each to the partition of its key."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.partitioner import partition_for
from streams.runtime.timeouts import REQUEST_MS

#: Longest wait of a written record until its partition has a leader (seconds).
_NO_LEADER_SECONDS = 90.0

#: Key, value and headers.
Made = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]


def words(count: int, keys: int = 50, start: int = 0, prefix: str = "w") -> list[Made]:
    """Return records of distinct values over `keys` keys."""
    return [(b"key-%d" % (n % keys), b"%s-%d" % (prefix.encode(), n), ()) for n in range(start, start + count)]


async def write(bootstrap: str, topic: str, partitions: int, records: Iterable[Made]) -> None:
    """Write the records, each to its key's partition, in order; returns once they are acknowledged."""
    async with writing(bootstrap) as write_to:
        await write_to(topic, partitions, records)


Write = Callable[[str, int, Iterable[Made]], Awaitable[None]]


@asynccontextmanager
async def writing(bootstrap: str) -> AsyncIterator[Write]:
    """Yield a function that writes as `write` does, through one producer."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        enable_idempotence=True,
        max_request_size=8 * 2**20,
        request_timeout_ms=REQUEST_MS,
    )

    # aiokafka gives up a batch whose partition has no leader after one request timeout. A broker that starts again on a
    # slow machine takes longer, and aiokafka has no setting for it.
    producer._message_accumulator._batch_ttl = _NO_LEADER_SECONDS

    async def write_to(topic: str, partitions: int, records: Iterable[Made]) -> None:
        filling: dict[int, Any] = {}
        sent = []
        for key, value, headers in records:
            partition = partition_for(key or b"", partitions)
            batch = filling.get(partition)
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                if batch is not None:
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = filling[partition] = producer.create_batch()
                assert batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is not None
        for partition, batch in filling.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        for acknowledgement in sent:
            await acknowledgement

    await producer.start()
    try:
        yield write_to
    finally:
        await producer.stop()
