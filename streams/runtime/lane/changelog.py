"""Restores a lane's state from its changelog partition, which each turn writes to in its transaction."""

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
#: How long the transactions that fencing ended may still seem open (seconds).
_MARKERS_SECONDS = 2.0

_log = structlog.get_logger("confide.runtime")


class ChangelogUnreadable(LaneRefused):
    """A record of the changelog cannot be read: another program wrote it, or it is corrupt. The state is unknown."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a restore: offsets passed, all offsets to pass, records applied, seconds since it began."""

    passed: int
    total: int
    records: int
    seconds: float

    @property
    def rate(self) -> float:
        """Records per second."""
        return self.records / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Restored:
    """A lane's restored state, and where the logs of its sources start and end."""

    state: LaneState
    logs: dict[str, Extent]
    progress: Progress
    #: Offset of a transaction that is open even after fencing; later records cannot be read. None: there is none.
    hangs_at: int | None


async def restore(
    bootstrap: str, changelog: str, partition: int, sources: Iterable[str], report: Callable[[Progress], None]
) -> Restored:
    """Return the state of the changelog partition, from committed records only, and the extents of `sources`.

    Call this after fencing: then no open transaction of a predecessor hides records before the end of the changelog.
    `report` gets the progress after each fetch. Raises `ChangelogUnreadable`.
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
        # Only the position shows the end: it counts control records, which are not among the fetched records.
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
    location = f"{record.topic}-{record.partition}: the record at {record.offset}"
    if isinstance(record.value, UnreadableBatch):
        raise ChangelogUnreadable(f"{location} " + ("is corrupt" if record.value.is_corrupt else "cannot be unpacked"))
    if record.timestamp_type == STAMPED:
        state.note_stamp(record.timestamp)
    try:
        state.apply(record.key, record.value, record.headers)
    except (ValueError, TypeError, IndexError) as error:
        raise ChangelogUnreadable(f"{location} is not a lane's ({type(error).__name__})") from error


async def _answered(
    ask: Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, int]]], source: TopicPartition
) -> dict[TopicPartition, int]:
    """Repeat the request until the broker responds: an error would end the process, and its other lanes with it.

    `OpeningWatch` reports that the opening makes no progress.
    """
    while True:
        try:
            return await ask([source])
        except KafkaTimeoutError:
            _log.warning(
                "Kafka did not return the end of a changelog in time", topic=source.topic, partition=source.partition
            )


async def _stable_end(consumer: AIOKafkaConsumer, source: TopicPartition, newest: int) -> int:
    """Return the last stable offset. It becomes `newest` once the broker has counted the markers that fencing wrote."""
    deadline = time.monotonic() + _MARKERS_SECONDS
    while True:
        end = (await _answered(consumer.end_offsets, source))[source]
        if end >= newest or time.monotonic() > deadline:
            return end
        await asyncio.sleep(0.05)
