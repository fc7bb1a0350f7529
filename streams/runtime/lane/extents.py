"""Asks Kafka where logs start and end."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.runtime.timeouts import REQUEST_MS


class Extent(NamedTuple):
    """The offset at which a log starts, and the offset after its last record, committed or not."""

    start: int
    end: int


async def extents(bootstrap: str, sources: Iterable[TopicPartition]) -> Mapping[TopicPartition, Extent]:
    """Return the extents of the partitions' logs, asked of their leaders. Raises the errors of aiokafka."""
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
