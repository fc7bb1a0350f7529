"""A lane's durable state: its changelog partition, written with each turn and read back when the lane opens."""

from aiokafka import AIOKafkaConsumer, TopicPartition

#: The changelog holds the agent's entries and the lane's next offsets, told apart by the first byte of the key.
_ENTRY = b"s"
_NEXT_OFFSET = b"o"


def entry_key(key: bytes) -> bytes:
    """Return the changelog key of an entry of the agent's state."""
    return _ENTRY + key


def offset_key(topic: str) -> bytes:
    """Return the changelog key of the lane's next offset in `topic`."""
    return _NEXT_OFFSET + topic.encode()


async def restore(bootstrap: str, topic: str, partition: int) -> tuple[dict[bytes, bytes], dict[str, int]]:
    """Return the state and the next offsets (by topic) that the changelog partition holds, committed ones only.

    To be called after fencing: then no open transaction of a predecessor stands before the end that is read to.
    """
    state: dict[bytes, bytes] = {}
    offsets: dict[str, int] = {}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
    )
    await consumer.start()
    try:
        source = TopicPartition(topic, partition)
        consumer.assign([source])
        await consumer.seek_to_beginning(source)
        end = (await consumer.end_offsets([source]))[source]
        # The position counts control records, the records handed out do not: only the position tells the end.
        while await consumer.position(source) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    _apply(record.key, record.value, state, offsets)
    finally:
        await consumer.stop()
    return state, offsets


def _apply(key: bytes, value: bytes | None, state: dict[bytes, bytes], offsets: dict[str, int]) -> None:
    if key[:1] == _NEXT_OFFSET:
        offsets[key[1:].decode()] = int(value or b"0")
    elif value is None:
        state.pop(key[1:], None)
    else:
        state[key[1:]] = value
