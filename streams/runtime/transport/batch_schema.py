"""Carries a batch through Faust undecoded, as the value of one record.

Faust hands on one record at a time, and decodes it. Here it gets a whole batch in the form of one record, and decodes
nothing: the lane decodes, so that the lane can reject a record that it cannot read.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import faust
from aiokafka.structs import ConsumerRecord
from faust.transport.utils import DefaultSchedulingStrategy

from streams.runtime.agent import Record
from streams.runtime.lane.batches import Batch
from streams.runtime.stamps import STAMPED
from streams.runtime.unreadable import offset_after

#: How often records were lost between a fetch and the lanes, counted by the fetching thread and by the main thread.
Losses = tuple[int, int]


class Fetched(NamedTuple):
    """A batch, and the losses as of the begin of its fetch."""

    batch: Batch
    losses: Losses


class BatchRecord:
    """A batch in the form of the one record that Faust expects; `position` is that after the fetch, None if unknown."""

    __slots__ = (
        "checksum",
        "headers",
        "key",
        "offset",
        "partition",
        "serialized_key_size",
        "serialized_value_size",
        "timestamp",
        "timestamp_type",
        "topic",
        "value",
    )

    def __init__(self, fetched: list[ConsumerRecord], begin: int, position: int | None, losses: Losses) -> None:
        last = fetched[-1]
        self.topic, self.partition, self.offset = last.topic, last.partition, last.offset
        self.timestamp, self.timestamp_type = last.timestamp, last.timestamp_type
        self.headers: tuple[()] = ()
        self.key = b""
        self.checksum = None
        self.serialized_key_size = self.serialized_value_size = 0
        records = [
            Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers, r.timestamp_type == STAMPED)
            for r in fetched
        ]
        batch = Batch.of(last.topic, records, begin, max(position or 0, offset_after(last)))
        self.value = Fetched(batch, losses)


class BatchSchema(faust.Schema[Any, Any]):
    """Passes a batch on undecoded: the lane decodes its records, and rejects the bad ones."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Any]:
        """Return Faust's decoder of a message."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust's signature
            return faust.Event(app, message.key, message.value, message.headers, message)

        return decode


def urgent_first(order: tuple[str, ...]) -> type[DefaultSchedulingStrategy]:
    """Return a Faust scheduler that passes on a fetch's batches topic by topic, in this order (`lane/urgency.py`)."""

    class UrgentFirst(DefaultSchedulingStrategy):
        def iterate(self, records: Any) -> Iterator[Any]:
            for topic in order:
                yield from super().iterate({tp: batches for tp, batches in records.items() if tp.topic == topic})

    return UrgentFirst
