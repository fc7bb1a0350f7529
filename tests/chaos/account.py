"""The account of a run: the faults that the `judge_…` modules find, and the counts."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.judge_calls import calls
from tests.chaos.judge_conflicts import conflicts
from tests.chaos.judge_disclosures import disclosures, persons, sends
from tests.chaos.judge_notices import notices
from tests.chaos.judge_processes import processes
from tests.chaos.judge_reports import alarmed, put_aside, reports
from tests.chaos.judge_requests import requests
from tests.chaos.judge_reviews import reviews
from tests.chaos.taken import Taken

_JUDGES: tuple[Callable[[Taken, Counter[str]], Iterator[str]], ...] = (
    sends,
    disclosures,
    persons,
    reviews,
    conflicts,
    reports,
    requests,
    alarmed,
    put_aside,
    notices,
    calls,
    processes,
)


@dataclass(slots=True)
class Account:
    """Every fault of a run, and the counts of its records and events."""

    faults: list[str]
    counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, taken: Taken) -> "Account":
        """Return the account of a run."""
        counts: Counter[str] = Counter()
        return cls([fault for judge in _JUDGES for fault in judge(taken, counts)], counts)
