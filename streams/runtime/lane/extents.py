"""Ask Kafka where logs start and end."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.runtime.timeouts import REQUEST_MS


class Extent(NamedTuple):
    """Where a log starts, and the offset behind its last record, committed or not."""

    start: int
    end: int


async def extents(bootstrap: str, sources: Iterable[TopicPartition]) -> Mapping[TopicPartition, Extent]:
    """Ask the partitions' leaders where their logs start and end; raise what the client raises."""
    logs = list(sources)
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        client_id="confide-log-ends",
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_MS,
    )
    await reader.start()
    try:
        starts, ends = await reader.beginning_offsets(logs), await reader.end_offsets(logs)
        return {log: Extent(int(starts[log]), int(ends[log])) for log in logs}
    finally:
        await reader.stop()
