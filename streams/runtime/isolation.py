"""A record that ends every turn it is in: found by halving its batch, and put aside whole.

The first time a turn raises, what raised it may be the process and not the record: the process ends, with a note of
the turn's offsets in the lane's changelog. Its successor tries them again and, where that raises too, in halves, each
a turn of its own with an agent made anew, until the record stands alone.
"""

from collections.abc import Iterator, Sequence

from schemas.errors import Invalid, Problem
from streams.runtime.agent import Record

#: Records of one lane that are put aside between two openings. More, and it is the code that is wrong, not a record.
MOST_ISOLATED = 8


class TurnRaised(Exception):
    """An agent raised in a turn over offsets `begin` to `end`, exclusive, of a topic; the error is its cause."""

    def __init__(self, topic: str, begin: int, end: int) -> None:
        super().__init__(topic, begin, end)
        self.topic = topic
        self.begin = begin
        self.end = end


class EndsTurns(Invalid):
    """A record on which the agent raises, whatever it is together with; `error` is the class of what it raises."""

    def __init__(self, error: str) -> None:
        super().__init__((Problem("record", f"ended the turn that it was in, also alone ({error})"),))
        self.error = error


def halves(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Yield the first and the second half of two records or more."""
    middle = len(records) // 2
    yield records[:middle]
    yield records[middle:]
