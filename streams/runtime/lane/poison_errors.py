"""Poison work: records, timers, effects and state entries on which the agent raises.

1. The first error may be the process's fault and not the work's. So the lane records it in its changelog, and the
   process ends.
2. The successor's lane is *careful* for `CAREFUL_SECONDS`. If the agent raises again there, the lane does the work
   again in smaller parts. Each part is a turn of its own, with a new agent.
3. A single record, timer, effect or entry that raises alone is put aside: written whole to a `.rejected` topic.

So one lane ends its process once for any number of poison records.

The changelog counts what was put aside, over restarts. More than `MAX_PUT_ASIDE` in `PUT_ASIDE_SECONDS` show that the
code is wrong and not the work: then that lane refuses to work, and the other lanes go on. See decision 0021.
"""

from collections.abc import Iterator, Sequence

from schemas.errors import Invalid, Problem
from streams.runtime.agent import Record
from streams.runtime.lane.batches import Batch

#: Most records, timers, effects and entries of one lane that are put aside within `PUT_ASIDE_SECONDS`.
MAX_PUT_ASIDE = 8
PUT_ASIDE_SECONDS = 3_600.0
#: For this long after it ended its process, a lane isolates work that raises, and does not end the process again.
CAREFUL_SECONDS = 600.0


#: Processes that may end while they handle a single record or item, before it is put aside.
MOST_TRIES = 2


class EndsProcesses(Exception):
    """Two processes ended without a log entry while they handled this record or item."""


class WorkRaised(Exception):
    """An agent raised on timers, effects or entries; the agent's error is the cause."""


class TurnRaised(Exception):
    """An agent raised in a turn over records, or the turn's outputs cannot be written; the error is the cause.

    The error comes from the offsets `begin` to `end` (exclusive); `batch` holds the records that the turn had taken.
    """

    def __init__(self, batch: Batch, end: int) -> None:
        begin = batch.records[0].offset
        super().__init__(batch.topic, begin, end)
        self.topic = batch.topic
        self.begin = begin
        self.end = end
        self.batch = batch


class PoisonRecord(Invalid):
    """The agent raises on the record, also when it is alone; `error` is the class of the agent's error."""

    def __init__(self, error: str) -> None:
        super().__init__((Problem("record", f"ended the turn that it was in, also alone ({error})"),))
        self.error = error


def split_in_half(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield the first and the second half of two records or more."""
    middle = len(records) // 2
    yield records[:middle]
    yield records[middle:]
