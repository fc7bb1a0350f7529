"""Patches aiokafka's fetcher: skips batches that it cannot parse, unpacks within bounds, removes fixed delays.

Written against the source of aiokafka 0.14.0, `consumer/fetcher.py`, and pinned to it. See decision 0027.
"""

import asyncio
from collections.abc import Iterator
from struct import Struct
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.structs import ConsumerRecord

from schemas.compressed_batches import Allowance, CannotRead, is_compressed, uncompressed
from schemas.readable_batches import ReadableBatch
from streams.runtime.cancelling import cancel_until_done

#: How long an empty fetch waits at the broker if partitions were left out of it, in milliseconds.
PROMPT_WAIT_MS = 50
#: The same if no partition was left out, so that any new record ends it: 10 requests a second of an idle process.
_WHOLE_WAIT_MS = 100
#: How long fetched records may lie untaken before the fetcher requests the other partitions without theirs, in seconds.
_TAKEN_SECONDS = 0.003

#: How soon the fetcher checks again whether it can send a request to a broker, in seconds.
_LOOK_AGAIN_SECONDS = 0.01
#: The same while requests are under way and nothing waits to be taken: their ends wake the fetcher. It checks all
#: partitions each time, which took a third of the processor time of an idle process.
_IDLE_SECONDS = 0.2

_BATCH_START = Struct(">qi")  # base offset, length of what follows
_MAGIC_AT = 16
_MAGIC = 2


class FetchedRecords(fetcher.MemoryRecords):  # type: ignore[misc]
    """Record batches as aiokafka reads them, with their bytes: aiokafka's own class hides the bytes.

    Compressed batches are unpacked within bounds. Once they have used up the allowance, the fetch ends early.
    """

    def __init__(self, fetched: bytes) -> None:
        super().__init__(fetched)
        self.fetched = fetched
        self.allowance = Allowance()
        self._at = 0

    def has_next(self) -> bool:
        """Return whether another batch may be read; the rest is fetched again."""
        return bool(not self.allowance.is_used_up and super().has_next())

    def next_batch(self) -> Any:
        """Return the next batch, None after the last."""
        start = self._at
        if start + _MAGIC_AT < len(self.fetched) and self.fetched[start + _MAGIC_AT] != _MAGIC:
            raise CorruptRecordException("not of format 2")
        batch = super().next_batch()
        if batch is None:
            return None
        self._at = end = start + _BATCH_START.size + _BATCH_START.unpack_from(self.fetched, start)[1]
        stored = memoryview(self.fetched)[start:end]
        return _CompressedBatch(batch, stored, self.allowance) if is_compressed(stored) else batch


class CommittedRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Reads past batches at which aiokafka would raise for ever: empty control batches, header names that are not
    text, corrupt bytes.

    Costs nothing without such batches: a record takes as many calls as in the class that this one replaces.
    """

    _records: Any
    _records_iterator: Any
    _tp: Any
    next_fetch_offset: int

    # Compaction empties a marker when no record of its transaction is left. It keeps the empty batch as long as the
    # broker remembers the producer's epoch (cleaner: RETAIN_EMPTY). Whether the marker committed or aborted is lost.
    # In both cases the batch ends its producer's transaction, so the producer is taken out of the aborted ones:
    # - If the fetch's index of aborts names this producer, the aborted transaction began at or before this batch.
    # - A producer has one transaction at a time, so the first control batch after its beginning is its end.
    # - Later records belong to a later transaction. If that was aborted, the index has another entry for it, which
    #   begins after this batch. To leave the producer among the aborted would hide the records that it commits next.
    # Java's client leaves the producer there (`containsAbortMarker` is false for an empty batch). That is right only
    # because the cleaner drops the entry from the index in the pass in which it finds no record of the transaction,
    # which is at least one pass before it empties the marker: then the producer is not among the aborted at all. The
    # rule here does not depend on that order, and gives the same result if the order holds.
    def _contains_abort_marker(self, batch: Any) -> bool:
        control = next(batch, None)
        return control is None or bool(ControlRecord.parse(control.key) == ABORT_MARKER)

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
            raise
        except CannotRead as problem:
            # One record replaces the records of the batch and describes the problem. The fetch ends with it, and the
            # next fetch begins after the batch.
            offset, self.next_fetch_offset = problem.offsets_at(self.next_fetch_offset)
            self._records_iterator = iter(())
            value, size = problem.value, len(problem.value)
            return ConsumerRecord(
                self._tp.topic, self._tp.partition, offset, problem.timestamp, 0, None, value, None, -1, size, ()
            )
        except (UnicodeDecodeError, CorruptRecordException):
            # For such header names, aiokafka raises the first error in C and the second in Python. For corrupt bytes it
            # raises the second in both. Here the error concerns one batch alone.
            if not isinstance(self._records, FetchedRecords):
                raise
            # Read that batch again, from the next record that is due. It gets an allowance of its own: else a batch
            # that used up the first allowance would never be passed. The aborted producers are the same as at the
            # batch's beginning, because only markers change them.
            self._records = _ReadableRecords(self._records.fetched, self.next_fetch_offset, Allowance())
            self._records_iterator = self._unpack_records()
            return next(self)


def patch_aiokafka_fetcher() -> None:
    """Use both classes in every aiokafka consumer of this process, Faust's too, from its next fetch on.

    A second call does no harm.
    """
    # The fetcher looks both up when a response arrives. No consumer takes a class of its own.
    fetcher.MemoryRecords = FetchedRecords
    fetcher.PartitionRecords = CommittedRecords
    fetcher.Fetcher.close = _close


_close_of_aiokafka = fetcher.Fetcher.close


async def _close(closing: Any) -> None:
    """Close a fetcher; its requests in flight end first.

    aiokafka cancels them and awaits them. One that waits after a failed request ends as cancelled, and then the caller
    of `stop` gets a `CancelledError` that nobody caused, and the connections stay open.
    """
    await cancel_until_done(closing._fetch_task)  # noqa: SLF001
    for request in closing._pending_tasks:  # noqa: SLF001
        request.cancel()
    if closing._pending_tasks:  # noqa: SLF001
        await asyncio.wait(closing._pending_tasks)  # noqa: SLF001
    closing._pending_tasks.clear()  # noqa: SLF001
    await _close_of_aiokafka(closing)


def remove_fetch_delays(consumer: AIOKafkaConsumer, wait_ms: int = PROMPT_WAIT_MS) -> None:
    """Let no partition of `consumer` wait for another one's records. Call it before and after the consumer starts.

    The fetcher has one request in flight to each broker. It leaves out partitions whose records were not taken yet.
    Three waits follow from that, and an urgent record behind a routine backlog meets all of them:

    - While such a partition exists, the fetcher sends its broker no request for `prefetch_backoff` (0.1 s), counted
      from that partition's fetch. No option of the consumer sets it; this sets 3 ms. No wait at all would be wrong too:
      a caller that takes records at once would find its partition left out of a request that was just sent.
    - A partition that was left out is requested only when the request in flight returns. If that one asks for idle
      partitions, it takes `fetch_max_wait_ms`: Faust sets 1,500; this sets `wait_ms`, or more for a request for all.
    - If that request returns in the moment in which records are taken, its broker still counts as busy. Then the
      fetcher sleeps for `fetcher_timeout` (0.2 s) with no request in flight. No option sets it; this sets 10 ms for
      that moment.
    """
    # For the first request, which start() sends: it is in flight before its wait can be changed in the fetcher.
    consumer._fetch_max_wait_ms = wait_ms  # noqa: SLF001 - Faust makes the consumer, with a number of its own
    made: Any = consumer._fetcher  # noqa: SLF001 - start() makes it, and aiokafka has no public access to it
    if made is None:
        return
    made._prefetch_backoff = _TAKEN_SECONDS  # noqa: SLF001
    made._fetcher_timeout = _LOOK_AGAIN_SECONDS  # noqa: SLF001
    look = made._get_actions_per_node  # noqa: SLF001

    def look_and_wait(assignment: Any) -> Any:
        # The next request leaves out the partitions whose records were not taken yet.
        made._fetch_max_wait_ms = wait_ms if made._records else max(wait_ms, _WHOLE_WAIT_MS)  # noqa: SLF001
        *actions, wait, invalid_metadata, resumed = look(assignment)
        under_way = sum(not request.done() for request in made._pending_tasks)  # noqa: SLF001
        if not made._records and len(made._in_flight) <= under_way:  # noqa: SLF001
            wait = max(wait, _IDLE_SECONDS)
        return *actions, wait, invalid_metadata, resumed

    made._get_actions_per_node = look_and_wait  # noqa: SLF001


class _CompressedBatch:
    """A compressed batch, unpacked here when its records are read: aiokafka would unpack it without a bound."""

    def __init__(self, batch: Any, stored: memoryview, allowance: Allowance) -> None:
        self._batch = batch
        self._stored = stored
        self._allowance = allowance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Any:
        return iter(DefaultRecordBatch(uncompressed(self._stored, self._allowance.unpack(self._stored))))


class _ReadableBatch(ReadableBatch, _DefaultRecordBatchPy):  # type: ignore[misc]
    """A batch, compressed or not, read in Python, so that its bytes can be changed before they are decoded."""


class _ReadableRecords:
    """The batches of a fetch, from the one that holds `position` on."""

    def __init__(self, fetched: bytes, position: int, allowance: Allowance) -> None:
        self._allowance = allowance
        self._batches = _batches(fetched, position, allowance)
        self._next = next(self._batches, None)

    def has_next(self) -> bool:
        return self._next is not None and not self._allowance.is_used_up

    def next_batch(self) -> Any:
        batch, self._next = self._next, next(self._batches, None)
        return batch


def _batches(fetched: bytes, position: int, allowance: Allowance) -> Iterator[Any]:
    view = memoryview(fetched)
    at = 0
    while len(fetched) - at >= _BATCH_START.size:
        base, length = _BATCH_START.unpack_from(fetched, at)
        end = at + _BATCH_START.size + length
        if end > len(fetched) or end <= at:
            # The broker cuts a fetch off at its size limit, in the middle of a batch.
            return
        has_next = len(fetched) - end >= _BATCH_START.size
        next_base_offset = _BATCH_START.unpack_from(fetched, end)[0] if has_next else None
        batch = _ReadableBatch(view[at:end], allowance, next_base_offset)
        # The field that gives the batch's last offset may be corrupt, so `base` is checked too.
        if base >= position or batch.next_offset > position:
            yield batch
        at = end
