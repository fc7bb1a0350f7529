"""One transactional producer per lane: outputs, state changes and offsets become durable together or not at all.

Why not Faust's producer: see decision 0010. The corrections of aiokafka's faults here: see decision 0027.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import OffsetAndMetadata

from schemas.partitioner import partition_for
from streams.runtime.agent import Output
from streams.runtime.client_tasks import end_with_producer
from streams.runtime.failure import LaneBroken
from streams.runtime.steps import Step
from streams.runtime.timeouts import REQUEST_MS

#: Longest transaction (milliseconds). Short, because an open transaction hides later records that others committed.
TRANSACTION_TIMEOUT_MS = 6_000
#: Bytes of one produce batch; a larger record has a batch of its own.
MAX_BATCH_BYTES = 256 * 1024
#: Output and `.rejected` topics take 4 MiB; the other 64 KiB are for the frame of the batch.
MAX_REQUEST_BYTES = 4 * 1024 * 1024 + 64 * 1024

#: Pause while the coordinator finishes the transaction before (seconds). The broker needs a few milliseconds, and
#: aiokafka would wait 20.
_NEXT_TRANSACTION_SECONDS = 0.004
#: How long to wait until a producer that is left behind has stopped (seconds).
_STOP_SECONDS = 2.0
#: Outputs that are put into batches before other lanes may make a step (about a millisecond).
_OUTPUTS_A_STRETCH = 64


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc]
    """The broker refuses a record itself, for example one without a key in a compacted topic."""

    errno = 87
    message = "INVALID_RECORD"


#: aiokafka 0.14 does not know this number. It would raise `UnknownError`, as it does for the broker's own faults.
errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError

#: Errors of the broker that are caused by the records: the same records always get the same error again.
_REFUSALS = (
    errors.MessageSizeTooLargeError,
    errors.RecordListTooLargeError,
    errors.InvalidTimestampError,
    InvalidRecordError,
)


#: Errors of a writer that another writer of its lane has fenced: nothing of its transaction is committed.
FENCED = (errors.ProducerFenced, errors.InvalidProducerEpoch)


class Undeliverable(LaneBroken):
    """An output can never be written to `topic`; the transaction was aborted.

    Nothing of the transaction was committed, and the writer takes the next one. `error` is the class of the error.
    """

    def __init__(self, topic: str, error: str) -> None:
        super().__init__(f"a record for {topic} cannot be written ({error})")
        self.topic = topic
        self.error = error


class TransactionalWriter:
    """Writes the turns of one lane, each as one transaction of consumer group `group`."""

    def __init__(self, bootstrap: str, transactional_id: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._partitions: dict[str, int] = {}
        self._transactional_id = transactional_id
        self._is_started = False
        self._producer = self._new_producer()

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            transactional_id=self._transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=REQUEST_MS,
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )

    async def start(self) -> None:
        """Fence every earlier writer of this lane, once; afterwards none of its transactions is open."""
        if self._is_started:
            return
        sender.BACKOFF_OVERRIDE = _NEXT_TRANSACTION_SECONDS  # aiokafka offers no setting
        await self._producer.start()
        end_with_producer(self._producer)
        self._is_started = True

    async def stop(self) -> None:
        """Close the connections."""
        await self._producer.stop()

    async def renew(self) -> None:
        """Leave a producer behind that does not respond; the next `start` fences it too."""
        stopping = asyncio.create_task(self._producer.stop())
        self._producer, self._is_started = self._new_producer(), False
        await asyncio.wait([stopping], timeout=_STOP_SECONDS)
        stopping.cancel()

    async def committed(self, topics: Iterable[str], partition: int) -> dict[str, int]:
        """Return the group's committed offsets in `partition` of `topics`. Call this after fencing.

        Raises `GroupCoordinatorNotAvailableError` if the group's coordinator does not tell them now.
        """
        wanted = [TopicPartition(topic, partition) for topic in topics]
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=REQUEST_MS)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(self._group, partitions=wanted)
        finally:
            await admin.close()
        if any(source not in offsets for source in wanted):
            # aiokafka passes over an error of the whole group. The offsets are unknown then, and not absent.
            raise errors.GroupCoordinatorNotAvailableError
        return {tp.topic: meta.offset for tp, meta in offsets.items() if meta.offset >= 0}

    async def deliver(
        self, outputs: Iterable[Output], offsets: Mapping[TopicPartition, int], step: Callable[[Step], None]
    ) -> None:
        """Commit `outputs`, in order, and `offsets` (the next to read) atomically.

        If this raises, nothing was committed. Raises `Undeliverable` for an error that the outputs cause: the writer
        can go on then. After any other error, for example fencing, the writer cannot be used.
        """
        producer = self._producer
        await producer.begin_transaction()
        step(Step.BEGUN)
        try:
            batches = await self._batches(outputs)
        except Undeliverable:
            await producer.abort_transaction()
            raise
        manager = producer._txn_manager  # noqa: SLF001 - see below
        for topic, partition, _ in batches:
            # All partitions at once. aiokafka would add each partition when its batch is sent: that costs a request to
            # the coordinator for each one, and a second round to the broker for all batches after the first.
            manager.maybe_add_partition_to_txn(TopicPartition(topic, partition))
        written = {TopicPartition(topic, partition) for topic, partition, _ in batches}
        numbers = {destination: manager.sequence_number(destination) for destination in written}
        try:
            acknowledgements = [
                await producer.send_batch(batch, topic, partition=partition) for topic, partition, batch in batches
            ]
        except errors.IllegalOperation:
            # The writer failed while a batch waited to be sent. Raise the error that it failed with, for example
            # fencing: that helps an operator more.
            if manager.is_fatal_error():
                await manager.wait_for_transaction_end()
            raise
        try:
            for acknowledgement in acknowledgements:
                await acknowledgement
        except errors.KafkaError:
            await self._abort_refused(batches, acknowledgements, numbers)
            raise
        step(Step.WRITTEN)
        if offsets:
            # After the batches: else the broker finds the transaction busy, and refuses the batches for 0.1 s.
            await producer.send_offsets_to_transaction(
                {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}, self._group
            )
            step(Step.OFFSETS)
        await producer.commit_transaction()
        step(Step.COMMITTED)

    async def _abort_refused(
        self,
        batches: Sequence[tuple[str, int, BatchBuilder]],
        acknowledgements: Sequence[asyncio.Future[Any]],
        numbers: dict[TopicPartition, int],
    ) -> None:
        """Abort and raise `Undeliverable` if the broker refused a record; return if the error was another one.

        `numbers` are the sequence numbers of the partitions' first batches.
        """
        await asyncio.wait(acknowledgements)
        refused: Undeliverable | None = None
        for (topic, partition, batch), acknowledgement in zip(batches, acknowledgements, strict=True):
            match acknowledgement.exception():
                case None:
                    numbers[TopicPartition(topic, partition)] += batch.record_count()
                case error if isinstance(error, _REFUSALS):
                    refused = refused or Undeliverable(topic, type(error).__name__)
                case errors.OutOfOrderSequenceNumber():
                    # This batch follows a refused batch of its partition.
                    continue
                case _:
                    return
        if refused is None:
            return
        await self._producer.abort_transaction()
        # aiokafka counted the refused batches too, the broker did not. Without this it would refuse all later batches.
        self._producer._txn_manager._sequence_numbers.update(numbers)  # noqa: SLF001
        raise refused

    async def _batches(self, outputs: Iterable[Output]) -> list[tuple[str, int, BatchBuilder]]:
        """Return the outputs in batches; the outputs of one partition stay in order."""
        filling: dict[tuple[str, int], BatchBuilder] = {}
        made: list[tuple[str, int, BatchBuilder]] = []
        for number, (topic, partition, key, value, headers) in enumerate(outputs, 1):
            if number % _OUTPUTS_A_STRETCH == 0:
                await asyncio.sleep(0)
            to = topic, await self._partition(topic, key) if partition is None else partition
            batch = filling.get(to)
            try:
                if batch is None or batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                    batch = filling[to] = self._producer.create_batch()
                    made.append((*to, batch))
                    if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                        raise Undeliverable(topic, "does not fit into an empty batch")
                    if batch.size() > MAX_REQUEST_BYTES:
                        # None of our topics takes it. Beyond 100 MiB the broker would close the connection.
                        raise Undeliverable(topic, errors.MessageSizeTooLargeError.__name__)
            except (TypeError, ValueError, OverflowError) as error:
                # The output is not bytes, or a header name is not text. The error's message might quote it.
                raise Undeliverable(topic, type(error).__name__) from None
        for _, _, batch in made:
            batch.close()
        return made

    async def partitions_of(self, topic: str) -> int:
        """Return the number of partitions of a topic, which never changes."""
        count = self._partitions.get(topic)
        if count is None:
            count = self._partitions[topic] = len(await self._producer.partitions_for(topic))
        return count

    async def _partition(self, topic: str, key: bytes | None) -> int:
        return 0 if key is None else partition_for(key, await self.partitions_of(topic))
