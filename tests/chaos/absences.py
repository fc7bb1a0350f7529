"""Time that counts for no limit, because the broker or all workers were away, and the time in which lanes move."""

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
#: How long one lane may be without a worker because of both, however often a process was away (seconds).
_MOVING_SECONDS = 20.0


@dataclass(frozen=True)
class Absences:
    """Absences of the broker, and of each worker."""

    broker: Sequence[Gap] = ()
    workers: Sequence[Sequence[Gap]] = field(default_factory=tuple)

    @cached_property
    def uncounted(self) -> list[Gap]:
        """The gaps that count for no limit, in order, without overlap: without the broker, or without any worker."""
        all_workers = reduce(lambda one, other: list(_both(one, other)), self.workers) if self.workers else ()
        return _joined([*self.broker, *all_workers])

    @cached_property
    def _moving(self) -> list[Gap]:
        """The uncounted gaps, and the gaps in which lanes have no worker because they move to another."""
        after_broker = [(back, back + _BACK_SECONDS) for _, back in self.broker]
        single = [(gone, min(back, gone + _GIVEN_AWAY_SECONDS)) for gaps in self.workers for gone, back in gaps]
        return _joined([*self.uncounted, *after_broker, *single])

    def seconds(self, begin: datetime, end: datetime) -> float:
        """Return the seconds between two times that count for no limit."""
        return overlap(self.uncounted, begin.timestamp(), end.timestamp())

    def moving_seconds(self, begin: datetime, end: datetime) -> float:
        """Return how long between two times the lane of a report may have been without a worker while lanes moved.

        The account does not know which worker had the lane. So it is bounded: a limit that begins anew with each
        absence does not pass.
        """
        within = begin.timestamp(), end.timestamp()
        return min(_MOVING_SECONDS, overlap(self._moving, *within) - overlap(self.uncounted, *within))


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
