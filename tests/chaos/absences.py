"""Time that counts for no limit, because the broker or workers were away."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, reduce

#: The begin and the end of an absence, by the wall clock (seconds since 1970).
Gap = tuple[float, float]

#: Time that the processes need to work again after the broker is back (seconds).
_BACK_SECONDS = 10.0
#: Time without work on the lanes of one absent worker (seconds): the session of its group (6 s), and their restore
#: by another worker.
_GIVEN_AWAY_SECONDS = 20.0


@dataclass(frozen=True)
class Absences:
    """Absences of the broker, and of each worker."""

    broker: Sequence[Gap] = ()
    workers: Sequence[Sequence[Gap]] = field(default_factory=tuple)

    @cached_property
    def uncounted(self) -> list[Gap]:
        """The gaps that count for no limit, in order, without overlap.

        The whole absence of the broker or of all workers is such a gap; of a single worker, only the first 20 s are.
        """
        broker = [(gone, back + _BACK_SECONDS) for gone, back in self.broker]
        single = [(gone, min(back, gone + _GIVEN_AWAY_SECONDS)) for gaps in self.workers for gone, back in gaps]
        all_workers = reduce(lambda one, other: list(_both(one, other)), self.workers) if self.workers else ()
        return _joined([*broker, *single, *all_workers])

    def seconds(self, begin: datetime, end: datetime) -> float:
        """Return the seconds between two times that count for no limit."""
        return overlap(self.uncounted, begin.timestamp(), end.timestamp())


def overlap(gaps: Iterable[Gap], begin: float, end: float) -> float:
    """Return how much of the time between two moments lies in gaps that do not overlap each other (seconds)."""
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
