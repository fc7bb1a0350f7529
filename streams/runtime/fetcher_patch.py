"""How the consumers of this process fetch: over what would stop them for good, and without waiting.

Written against the source of aiokafka 0.14.0, `consumer/fetcher.py`, and pinned to it. See decision 0027.
"""

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

#: How long a fetch that finds nothing waits at the broker where partitions were left out of it, in milliseconds.
PROMPT_WAIT_MS = 50
#: The same where none was left out, so that whatever comes ends it: 10 requests a second of an idle process.
_WHOLE_WAIT_MS = 100
#: How long what was fetched may take to be taken before the other partitions are asked for without its own, in seconds.
_TAKEN_SECONDS = 0.003

#: How soon the fetcher looks again whether it could ask a broker for something, in seconds.
_LOOK_AGAIN_SECONDS = 0.01

_BATCH_START = Struct(">qi")  # base offset, length of what follows
_MAGIC_AT = 16
_MAGIC = 2


class FetchedRecords(fetcher.MemoryRecords):  # type: ignore[misc]
    """Record batches as aiokafka reads them, with the bytes kept within reach: its own class hides them.

    Compressed batches are unpacked within bounds, and end the fetch early once they have used its allowance up.
    """

    def __init__(self, fetched: bytes) -> None:
        super().__init__(fetched)
        self.fetched = fetched
        self.allowance = Allowance()
        self._at = 0

    def has_next(self) -> bool:
        """Return whether another batch may be read; what is left is fetched again."""
        return bool(not self.allowance.is_used_up and super().has_next())

    def next_batch(self) -> Any:
        """Return the next batch, None behind the last."""
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
    """Reads over what aiokafka raises at, at the same offset for ever: empty control batches, header names that are no
    text, batches whose bytes have rotted.

    Costs nothing where there is neither: as many calls for a record as the class it stands for.
    """

    _records: Any
    _records_iterator: Any
    _tp: Any
    next_fetch_offset: int

    # Compaction empties a marker when nothing of its transaction is left and keeps the batch, for the epoch of its
    # producer, for as long as that is remembered (cleaner: RETAIN_EMPTY); whether it committed or aborted is gone.
    # Either way it ends its producer's transaction here. Says an abort in the fetch's index that this producer is
    # aborted, then that transaction began at or before this batch, and a producer has one at a time: the first control
    # batch behind its beginning is its end, and records behind that belong to a later transaction, whose abort, if
    # there is one, has an entry of its own that begins behind this batch. So the producer is taken out of the aborted:
    # to leave it there would hide what it commits next. Java's client leaves it (`containsAbortMarker` is false for an
    # empty batch), which can only be right because the cleaner drops the index's entry in the pass in which it finds
    # no record of the transaction, a pass or more before it empties the marker: the producer is then not among the
    # aborted at all. This rule does not need that order, and is the same where it holds.
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
            # In the place of its records, one that says so; with it the fetch ends, and the next begins behind it.
            offset, self.next_fetch_offset = problem.place(self.next_fetch_offset)
            self._records_iterator = iter(())
            value, size = problem.value, len(problem.value)
            return ConsumerRecord(
                self._tp.topic, self._tp.partition, offset, problem.timestamp, 0, None, value, None, -1, size, ()
            )
        except (UnicodeDecodeError, CorruptRecordException):
            # aiokafka in C raises the first, in Python the second; also in C where bytes have rotted, which on this way
            # is known for one batch alone.
            if not isinstance(self._records, FetchedRecords):
                raise
            # The batch in question is read again, from the record that was due, with an allowance of its own, or a
            # batch that used up the first one would never be passed: the aborted producers stand as they
            # stood at its beginning, because only markers change them.
            self._records = _ReadableRecords(self._records.fetched, self.next_fetch_offset, Allowance())
            self._records_iterator = self._unpack_records()
            return next(self)


def patch_aiokafka_fetcher() -> None:
    """Let every aiokafka consumer of this process, Faust's too, read so from its next fetch on; again is harmless."""
    # The fetcher looks both up when an answer arrives. No consumer can be handed a class of its own.
    fetcher.MemoryRecords = FetchedRecords
    fetcher.PartitionRecords = CommittedRecords


def remove_fetch_delays(consumer: AIOKafkaConsumer, wait_ms: int = PROMPT_WAIT_MS) -> None:
    """Let no partition of `consumer` wait for another one's records; call it before the consumer starts and after.

    The fetcher has one request in flight to a broker and leaves out partitions whose records nobody has taken yet.
    Three waits follow from it, and an urgent record behind a routine backlog has them all:

    - while such a partition is there, nothing at all is asked of its broker for `prefetch_backoff` (0.1 s), counted
      from its fetch; no option of the consumer sets that. Not at all would be wrong too: who takes records at once
      would find his partition left out of a request that has just been sent;
    - what was left out is asked for only when the request in flight returns, which, if it asked for idle partitions,
      takes `fetch_max_wait_ms`: Faust sets 1,500, and this sets `wait_ms`, or more for a request that asks for all;
    - where that request returns in the very moment in which somebody takes records, its broker still counts as asked,
      and the fetcher sleeps for `fetcher_timeout` (0.2 s) with no request in flight; no option sets that either.
    """
    # For the first request, which start() sends: it would be in flight before anybody could change it.
    consumer._fetch_max_wait_ms = wait_ms  # noqa: SLF001 - Faust makes the consumer, with a number of its own
    made: Any = consumer._fetcher  # noqa: SLF001 - made by start(), and aiokafka hands it out nowhere
    if made is None:
        return
    made._prefetch_backoff = _TAKEN_SECONDS  # noqa: SLF001
    made._fetcher_timeout = _LOOK_AGAIN_SECONDS  # noqa: SLF001
    look = made._get_actions_per_node  # noqa: SLF001

    def look_and_wait(assignment: Any) -> Any:
        # What nobody has taken yet is what the next request leaves out.
        made._fetch_max_wait_ms = wait_ms if made._records else max(wait_ms, _WHOLE_WAIT_MS)  # noqa: SLF001
        return look(assignment)

    made._get_actions_per_node = look_and_wait  # noqa: SLF001


class _CompressedBatch:
    """A compressed batch, unpacked by us when its records are asked for: aiokafka would unpack without a bound."""

    def __init__(self, batch: Any, stored: memoryview, allowance: Allowance) -> None:
        self._batch = batch
        self._stored = stored
        self._allowance = allowance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Any:
        return iter(DefaultRecordBatch(uncompressed(self._stored, self._allowance.unpack(self._stored))))


class _ReadableBatch(ReadableBatch, _DefaultRecordBatchPy):  # type: ignore[misc]
    """A batch, compressed or not, read in Python: its bytes can be changed before they are decoded."""


class _ReadableRecords:
    """The batches of a fetch from the one that holds `position` on."""

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
            # The broker cuts a fetch off at its size, in the middle of a batch.
            return
        behind = _BATCH_START.unpack_from(fetched, end)[0] if len(fetched) - end >= _BATCH_START.size else None
        batch = _ReadableBatch(view[at:end], allowance, behind)
        # The number that says where it ends may have rotted.
        if base >= position or batch.next_offset > position:
            yield batch
        at = end
