"""A lane's durable state: its changelog partition, written with each turn and read back when the lane opens."""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.compressed_batches import UnreadableBatch
from streams.runtime import fetching
from streams.runtime.failure import LaneRefused
from streams.runtime.state import LaneState

#: Bytes of one fetch of a changelog.
_FETCH_BYTES = 4 << 20
_CLIENT = "confide-restore"
#: How long the transactions that fencing ended may seem open still (seconds).
_SETTLE_SECONDS = 2.0


class ChangelogUnreadable(LaneRefused):
    """A record of the changelog cannot be read. Lanes write none, so another writer did: the state is unknown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a restore is: offsets passed and to pass, records taken over, seconds since it began."""

    passed: int
    total: int
    records: int
    seconds: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Restored:
    """What a lane begins with: its state, and where the logs of its sources begin."""

    state: LaneState
    log_starts: dict[str, int]
    progress: Progress
    #: Where a transaction stands open that nobody can end any more; what follows it cannot be read. None: nowhere.
    hangs_at: int | None


async def restore(
    bootstrap: str, changelog: str, partition: int, sources: Iterable[str], report: Callable[[Progress], None]
) -> Restored:
    """Return what the changelog partition holds, committed records only, and the log starts of `sources`.

    To be called after fencing: then no open transaction of a predecessor stands before the end that is read to.
    `report` is told of the progress after each fetch. Raises `ChangelogUnreadable`.
    """
    fetching.install()
    state = LaneState()
    begun = time.monotonic()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=_CLIENT,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        source = TopicPartition(changelog, partition)
        consumer.assign([source])
        start = (await consumer.beginning_offsets([source]))[source]
        newest = await _newest(bootstrap, source)
        end = await _stable_end(consumer, source, newest)
        consumer.seek(source, start)
        records = 0

        def progress(position: int) -> Progress:
            return Progress(position - start, end - start, records, time.monotonic() - begun)

        report(progress(position := start))
        # The position counts control records, the records handed out do not: only the position tells the end.
        while position < end:
            for fetched in (await consumer.getmany(timeout_ms=200)).values():
                for record in fetched:
                    _apply(state, record)
                records += len(fetched)
            position = await consumer.position(source)
            report(progress(position))
        logs = [TopicPartition(topic, partition) for topic in sources]
        starts = await consumer.beginning_offsets(logs)
        return Restored(
            state,
            {log.topic: starts[log] for log in logs},
            progress(end),
            hangs_at=end if end < newest else None,
        )
    finally:
        await consumer.stop()


def _apply(state: LaneState, record: ConsumerRecord) -> None:
    place = f"{record.topic}-{record.partition}: the record at {record.offset}"
    if isinstance(record.value, UnreadableBatch):
        raise ChangelogUnreadable(f"{place} cannot be unpacked")
    try:
        state.apply(record.key, record.value, record.headers)
    except (ValueError, TypeError, IndexError) as error:
        raise ChangelogUnreadable(f"{place} is not a lane's ({type(error).__name__})") from error


async def _newest(bootstrap: str, source: TopicPartition) -> int:
    """Return the end of the log, whatever is committed of it."""
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, client_id=_CLIENT, enable_auto_commit=False)
    await reader.start()
    try:
        return int((await reader.end_offsets([source]))[source])
    finally:
        await reader.stop()


async def _stable_end(consumer: AIOKafkaConsumer, source: TopicPartition, newest: int) -> int:
    """Return the last stable offset: `newest`, as soon as the broker counts the markers that fencing wrote."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        end = int((await consumer.end_offsets([source]))[source])
        if end >= newest or time.monotonic() > deadline:
            return end
        await asyncio.sleep(0.05)
