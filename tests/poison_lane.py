"""A lane of poison work in the test's own process: what it is fed, and the ends of its process."""

from collections.abc import Sequence

import pytest

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from tests.counting import Run
from tests.made_records import Made

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Endings:
    """Ends of the process, as a test sees them in its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException] = []
        for module in ("lane", "effects"):
            monkeypatch.setattr(
                f"streams.runtime.lane.{module}.end_process", lambda _, error: self.errors.append(error)
            )

    @property
    def classes(self) -> list[str]:
        return [type(error).__name__ for error in self.errors]


def batch_of(run: Run, values: Sequence[str], begin: int = 0, topic: str | None = None) -> Batch:
    """Return a batch of the routine topic, unless another is given, one record a value, from that offset on."""
    topic = topic or run.routine
    made: list[Made] = [(b"k", value.encode(), (("traceparent", TRACE),)) for value in values]
    records = [
        Record(topic, 0, begin + number, 0, key, value, tuple(headers))
        for number, (key, value, headers) in enumerate(made)
    ]
    return Batch.of(topic, records, begin, begin + len(records))
