"""One transactional producer a lane: outputs, state changes and offsets become durable together or not at all."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from schemas.partitioner import partition_for
from streams.runtime.agent import Output
from streams.runtime.failure import LaneBroken
from streams.runtime.steps import Step

#: An open transaction hides what others committed behind it, so it may not stay open for long (milliseconds).
TRANSACTION_TIMEOUT_MS = 6_000
#: Bytes of one produce batch; a larger record travels in a batch of its own.
MAX_BATCH_BYTES = 256 * 1024
#: Output and `.rejected` topics take 4 MiB; the rest is for the batch's own frame.
MAX_REQUEST_BYTES = 4 * 1024 * 1024 + 64 * 1024

#: How long to wait while the coordinator finishes the transaction before (seconds): a few milliseconds' work of
#: the broker, for which aiokafka waits 20.
_NEXT_TRANSACTION_SECONDS = 0.004
#: Outputs that are put into batches without letting other lanes make a step between them (about a millisecond).
_OUTPUTS_A_STRETCH = 64


class Undeliverable(LaneBroken):
    """What is written cannot be, whenever it is tried: too large, or refused by the broker for what it is."""


class TransactionalWriter:
    """Writes the turns of one lane, each as one transaction of consumer group `group`."""

    def __init__(self, bootstrap: str, transactional_id: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._partitions: dict[str, int] = {}
        self._is_started = False
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )

    async def start(self) -> None:
        """Fence every earlier writer of this lane, once; afterwards none of its transactions is open."""
        if self._is_started:
            return
        sender.BACKOFF_OVERRIDE = _NEXT_TRANSACTION_SECONDS  # aiokafka offers no setting
        await self._producer.start()
        self._is_started = True

    async def stop(self) -> None:
        """Give the connections back."""
        await self._producer.stop()

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """Return the group's committed offsets in `partition` of `topics`; to be read after fencing."""
        wanted = set(topics)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self._group)
        finally:
            await admin.close()
        return {
            tp.topic: meta.offset
            for tp, meta in offsets.items()
            if tp.partition == partition and tp.topic in wanted and meta.offset >= 0
        }

    async def deliver(
        self, outputs: Iterable[Output], offsets: Mapping[TopicPartition, int], step: Callable[[Step], None]
    ) -> None:
        """Commit `outputs`, in order, and `offsets` (the next to read) together; whatever is raised, none of it was."""
        producer = self._producer
        await producer.begin_transaction()
        step(Step.BEGUN)
        batches = await self._batches(outputs)
        manager = producer._txn_manager  # noqa: SLF001 - see below
        for topic, partition, _ in batches:
            # All at once: one by one, as they are sent, each would cost the coordinator a request of its own, and the
            # batches behind the first a second round to the broker.
            manager.maybe_add_partition_to_txn(TopicPartition(topic, partition))
        acknowledgements = [
            await producer.send_batch(batch, topic, partition=partition) for topic, partition, batch in batches
        ]
        for acknowledgement in acknowledgements:
            await acknowledgement
        step(Step.WRITTEN)
        if offsets:
            # Behind the batches: beside them the broker finds the transaction busy and refuses the batches for 0.1 s.
            await producer.send_offsets_to_transaction(
                {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}, self._group
            )
            step(Step.OFFSETS)
        await producer.commit_transaction()
        step(Step.COMMITTED)

    async def _batches(self, outputs: Iterable[Output]) -> list[tuple[str, int, BatchBuilder]]:
        """Return the outputs in batches, those of a partition in order."""
        filling: dict[tuple[str, int], BatchBuilder] = {}
        made: list[tuple[str, int, BatchBuilder]] = []
        for number, (topic, partition, key, value, headers) in enumerate(outputs, 1):
            if number % _OUTPUTS_A_STRETCH == 0:
                await asyncio.sleep(0)
            to = topic, await self._partition(topic, key) if partition is None else partition
            batch = filling.get(to)
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                batch = filling[to] = self._producer.create_batch()
                made.append((*to, batch))
                if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                    raise LaneBroken(f"a record for {topic} does not fit into an empty batch")
        for _, _, batch in made:
            batch.close()
        return made

    async def _partition(self, topic: str, key: bytes | None) -> int:
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = len(await self._producer.partitions_for(topic))
        return 0 if key is None else partition_for(key, count)
