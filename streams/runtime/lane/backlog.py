"""Measures the backlog of a lane that has refused. The broker is asked, because the lane fetches nothing."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.runtime import fetcher_patch
from streams.runtime.failure import cancellation_as_error, describe

#: Longest wait for all responses of the broker (seconds).
_ANSWER_SECONDS = 10.0
#: Longest fetch of the oldest record (milliseconds).
_FETCH_MS = 1_000

_log = structlog.get_logger("confide.runtime")


@dataclass(frozen=True, slots=True)
class Backlog:
    """Offsets that wait in the sources of a lane, control records included, and the oldest record's age (seconds)."""

    waiting: int
    #: None: no record waits, or its age is unknown.
    oldest_seconds: int | None


async def measure(
    bootstrap: str,
    sources: Sequence[str],
    partition: int,
    next_offsets: Mapping[str, int],
    now: Callable[[], datetime],
) -> Backlog | None:
    """Return the backlog in `partition` of `sources`; None if the broker does not respond, or no offset is known.

    A source without a next offset counts from the start of its log: none of its records was handled.
    """
    if not next_offsets:
        return None
    try:
        topics = [TopicPartition(topic, partition) for topic in sources]
        with cancellation_as_error():
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await _ask(bootstrap, topics, next_offsets, now)
    except Exception as error:  # noqa: BLE001 - after any error the refusal is reported without these numbers
        _log.warning("the backlog of a lane is not known", **describe(error))
        return None


async def _ask(
    bootstrap: str, sources: Sequence[TopicPartition], next_offsets: Mapping[str, int], now: Callable[[], datetime]
) -> Backlog:
    fetcher_patch.patch_aiokafka_fetcher()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="confide-backlog",
        isolation_level="read_committed",
        enable_auto_commit=False,
        # One batch is enough, and the broker sends the first one whole, whatever its size.
        max_partition_fetch_bytes=1,
    )
    try:
        await consumer.start()
        consumer.assign(sources)
        starts = await consumer.beginning_offsets(sources)
        ends = await consumer.end_offsets(sources)
        begins = {source: max(next_offsets.get(source.topic, 0), starts[source]) for source in sources}
        waiting = {source: ends[source] - begin for source, begin in begins.items() if ends[source] > begin}
        oldest = [await _oldest(consumer, source, begins[source]) for source in waiting]
        stamps = [stamp for stamp in oldest if stamp is not None]
        return Backlog(sum(waiting.values()), _age(min(stamps), now()) if stamps else None)
    finally:
        await consumer.stop()


async def _oldest(consumer: AIOKafkaConsumer, source: TopicPartition, begin: int) -> int | None:
    """Return the timestamp of the first record from `begin` on, in milliseconds since 1970 (UTC)."""
    consumer.seek(source, begin)
    fetched = await consumer.getmany(source, timeout_ms=_FETCH_MS, max_records=1)
    return next((record.timestamp for records in fetched.values() for record in records), None)


def _age(stamp: int, now: datetime) -> int:
    return max(0, round(now.timestamp() - stamp / 1_000))
