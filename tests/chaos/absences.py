"""Which time does not count for the limits: the broker was away, or workers were."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, reduce

#: From when to when something was away, by the wall clock (seconds since 1970).
Gap = tuple[float, float]

#: Every process needs so long to work again after the broker came back (seconds).
_BACK_SECONDS = 10.0
#: The lanes of one absent worker rest until the group gives them to another: its session (6 s), and their restore.
_GIVEN_AWAY_SECONDS = 20.0


@dataclass(frozen=True)
class Absences:
    """When the broker was away, and when each worker was."""

    broker: Sequence[Gap] = ()
    workers: Sequence[Sequence[Gap]] = field(default_factory=tuple)

    @cached_property
    def uncounted(self) -> list[Gap]:
        """The gaps that count for no limit, apart from each other and in order.

        An absence of the broker or of all workers counts wholly as such, one of a single worker for a while only.
        """
        broker = [(gone, back + _BACK_SECONDS) for gone, back in self.broker]
        single = [(gone, min(back, gone + _GIVEN_AWAY_SECONDS)) for gaps in self.workers for gone, back in gaps]
        everybody = reduce(lambda one, other: list(_both(one, other)), self.workers) if self.workers else ()
        return _joined([*broker, *single, *everybody])

    def seconds(self, begin: datetime, end: datetime) -> float:
        """Return the seconds between two times that count for no limit."""
        return overlap(self.uncounted, begin.timestamp(), end.timestamp())


def overlap(gaps: Iterable[Gap], begin: float, end: float) -> float:
    """Return for how long gaps that are apart from each other lie between two moments."""
    return sum(max(0.0, min(back, end) - max(gone, begin)) for gone, back in gaps)


def _both(one: Iterable[Gap], other: Sequence[Gap]) -> Iterator[Gap]:
    for gone, back in one:
        for other_gone, other_back in other:
            if (begin := max(gone, other_gone)) < (end := min(back, other_back)):
                yield begin, end


def _joined(gaps: Iterable[Gap]) -> list[Gap]:
    joined: list[Gap] = []
    for gone, back in sorted(gaps):
        if joined and gone <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(back, joined[-1][1])
        else:
            joined.append((gone, back))
    return joined
