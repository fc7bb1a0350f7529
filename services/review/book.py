"""What the topics say of reviews: which are open, since when, how often they escalated, and how the others ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.records import ReviewRequested
from schemas.reviews import ReviewSettled


class NoSuchReview(LookupError):
    """No review, or more than one, goes by what was given; the message says which."""


@dataclass(frozen=True, slots=True)
class Known:
    """One review as its topic has it, and the partition it lies in."""

    partition: int
    #: As it was first asked, as far back as the topic goes, and as it was last asked.
    first: ReviewRequested
    latest: ReviewRequested
    settled: ReviewSettled | None = None

    @property
    def key(self) -> bytes:
        """The key of its records: the person, or the review where there is none."""
        return (self.latest.person or self.latest.review_id).encode()

    def overdue(self, now: datetime) -> timedelta:
        """Return how long ago its first deadline passed; nothing where it has not, or somebody settled it."""
        late = now - self.first.deadline
        return late if self.settled is None and late > timedelta(0) else timedelta(0)


class Book:
    """Every review that the topic knows, from its records in their order."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def take(self, partition: int, name: str, fields: Mapping[str, Any]) -> None:
        """Take one record: a request, an escalation, an end."""
        if name == "ReviewSettled":
            settled = ReviewSettled.model_validate(fields)
            if (known := self._known.get(settled.review_id)) is not None:
                self._known[settled.review_id] = replace(known, settled=settled)
            return
        request = ReviewRequested.model_validate(fields)
        known = self._known.get(request.review_id)
        # What is asked anew after it was settled begins anew.
        is_new = known is None or known.settled is not None
        first = request if known is None or is_new else known.first
        self._known[request.review_id] = Known(partition, first, request)

    def reviews(self, *, settled_too: bool = False) -> list[Known]:
        """Return the open reviews, or all, the one that was due first first."""
        wanted = [known for known in self._known.values() if settled_too or known.settled is None]
        return sorted(wanted, key=lambda known: (known.first.deadline, known.latest.review_id))

    def find(self, given: str) -> Known:
        """Return the review of that id, or whose id alone begins so; raise `NoSuchReview`."""
        found = [known for name, known in self._known.items() if name.startswith(given)]
        if len(found) != 1:
            how_many = f"{len(found)} reviews go by" if found else "there is no review"
            raise NoSuchReview(f"{how_many} {given}: `confide review list --all` has them all")
        return found[0]
