"""Batches for a lane of poison work that runs in the process of the test."""

from collections.abc import Sequence

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from tests.counting import Run
from tests.made_records import Made

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def batch_of(run: Run, values: Sequence[str], begin: int = 0, topic: str | None = None) -> Batch:
    """Return a batch of the routine topic or of `topic`, with one record for each value, from offset `begin` on."""
    topic = topic or run.routine
    made: list[Made] = [(b"k", value.encode(), (("traceparent", TRACE),)) for value in values]
    records = [
        Record(topic, 0, begin + number, 0, key, value, tuple(headers))
        for number, (key, value, headers) in enumerate(made)
    ]
    return Batch.of(topic, records, begin, begin + len(records))
