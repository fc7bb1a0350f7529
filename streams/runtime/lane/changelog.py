"""A lane's durable state: its changelog partition, written with each turn and read back when the lane opens."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from schemas.compressed_batches import UnreadableBatch
from streams.runtime import fetcher_patch
from streams.runtime.failure import LaneRefused
from streams.runtime.lane.extents import Extent, extents
from streams.runtime.lane.state import LaneState
from streams.runtime.stamps import STAMPED
from streams.runtime.timeouts import REQUEST_MS

#: Bytes of one fetch of a changelog.
_FETCH_BYTES = 4 << 20
_CLIENT = "confide-restore"
#: How long the transactions that fencing ended may seem open still (seconds).
_SETTLE_SECONDS = 2.0

_log = structlog.get_logger("confide.runtime")


class ChangelogUnreadable(LaneRefused):
    """A record of the changelog cannot be read: another writer's, or its bytes have rotted. The state is unknown."""


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
    """What a lane begins with: its state, and where the logs of its sources start and end."""

    state: LaneState
    logs: dict[str, Extent]
    progress: Progress
    #: Where a transaction stands open that nobody can end any more; what follows it cannot be read. None: nowhere.
    hangs_at: int | None


async def restore(
    bootstrap: str, changelog: str, partition: int, sources: Iterable[str], report: Callable[[Progress], None]
) -> Restored:
    """Return what the changelog partition holds, committed records only, and where the logs of `sources` start and end.

    To be called after fencing: then no open transaction of a predecessor stands before the end that is read to.
    `report` is told of the progress after each fetch. Raises `ChangelogUnreadable`.
    """
    fetcher_patch.patch_aiokafka_fetcher()
    state = LaneState()
    begun = time.monotonic()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id=_CLIENT,
        isolation_level="read_committed",
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_MS,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        source = TopicPartition(changelog, partition)
        consumer.assign([source])
        start = (await _answered(consumer.beginning_offsets, source))[source]
        newest = (await extents(bootstrap, [source]))[source].end
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
        logs = await extents(bootstrap, [TopicPartition(topic, partition) for topic in sources])
        return Restored(
            state,
            {log.topic: extent for log, extent in logs.items()},
            progress(end),
            hangs_at=end if end < newest else None,
        )
    finally:
        await consumer.stop()


def _apply(state: LaneState, record: ConsumerRecord) -> None:
    place = f"{record.topic}-{record.partition}: the record at {record.offset}"
    if isinstance(record.value, UnreadableBatch):
        raise ChangelogUnreadable(f"{place} " + ("is corrupt" if record.value.is_corrupt else "cannot be unpacked"))
    if record.timestamp_type == STAMPED:
        state.note_stamp(record.timestamp)
    try:
        state.apply(record.key, record.value, record.headers)
    except (ValueError, TypeError, IndexError) as error:
        raise ChangelogUnreadable(f"{place} is not a lane's ({type(error).__name__})") from error


async def _answered(
    ask: Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, int]]], source: TopicPartition
) -> dict[TopicPartition, int]:
    """Ask again for as long as no answer comes in time: a slow broker must not cost the process its other lanes.

    That the opening makes no progress is said by its watch.
    """
    while True:
        try:
            return await ask([source])
        except KafkaTimeoutError:
            _log.warning(
                "Kafka did not say in time where a changelog ends", topic=source.topic, partition=source.partition
            )


async def _stable_end(consumer: AIOKafkaConsumer, source: TopicPartition, newest: int) -> int:
    """Return the last stable offset: `newest`, as soon as the broker counts the markers that fencing wrote."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        end = (await _answered(consumer.end_offsets, source))[source]
        if end >= newest or time.monotonic() > deadline:
            return end
        await asyncio.sleep(0.05)
