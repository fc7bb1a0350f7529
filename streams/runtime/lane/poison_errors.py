"""PoisonWork work: records, timers, effects and state entries on which the agent raises.

The first error may be the process's fault and not the work's: the lane records it in its changelog, and the process
ends. The successor's lane is *careful* for `CAREFUL_SECONDS`: if the agent raises again there, the work is done again
in smaller parts, each a turn of its own with an agent made anew, and a single record, timer, effect or entry that
raises alone is put aside whole. So one lane ends its process once for any number of poison records.

What was put aside is counted in the changelog, over restarts. More than `MAX_PUT_ASIDE` in `PUT_ASIDE_SECONDS` show
that the code is wrong and not the work: that lane refuses to work, and the other lanes go on. See decision 0021.
"""

from collections.abc import Iterator, Sequence

from schemas.errors import Invalid, Problem
from streams.runtime.agent import Record
from streams.runtime.lane.batches import Batch

#: Records, timers, effects and entries of one lane that are put aside within `PUT_ASIDE_SECONDS` at most.
MAX_PUT_ASIDE = 8
PUT_ASIDE_SECONDS = 3_600.0
#: For this long after it ended its process, a lane isolates at once what raises, and does not end the process again.
CAREFUL_SECONDS = 600.0


#: Processes that ended while they worked a single record or item off, before it is put aside.
MOST_TRIES = 2


class EndsProcesses(Exception):
    """Process after process ended without a word while it worked this record or item off."""


class WorkRaised(Exception):
    """An agent raised on timers, effects or entries; the error is its cause."""


class TurnRaised(Exception):
    """An agent raised in a turn over records, or they cannot be delivered; the error is its cause.

    `begin` and `end` are the offsets that it is about, `end` exclusive, `batch` the records that the turn had taken.
    """

    def __init__(self, batch: Batch, end: int) -> None:
        begin = batch.records[0].offset
        super().__init__(batch.topic, begin, end)
        self.topic = batch.topic
        self.begin = begin
        self.end = end
        self.batch = batch


class PoisonRecord(Invalid):
    """A record on which the agent raises, also when it is alone; `error` is the class of the error."""

    def __init__(self, error: str) -> None:
        super().__init__((Problem("record", f"ended the turn that it was in, also alone ({error})"),))
        self.error = error


def split_in_half(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield the first and the second half of two records or more."""
    middle = len(records) // 2
    yield records[:middle]
    yield records[middle:]
