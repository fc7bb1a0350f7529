"""What the topics say of reviews: which are open, since when, how often they escalated, and how the others ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.policy.document import Deadlines
from schemas.records import ReviewRequested
from schemas.reviews import ReviewSettled
from schemas.vocabulary import Agency


class NoSuchReview(LookupError):
    """No review, or more than one, goes by what was given; the message says which."""


@dataclass(frozen=True, slots=True)
class Known:
    """One review as its topic has it, and the partition it lies in."""

    partition: int
    #: As it was first asked, as far back as the topic goes, and as it was last asked.
    first: ReviewRequested
    latest: ReviewRequested
    #: By when somebody had, or has, to see to it: its first deadline, or the time until which it was put off.
    due: datetime
    settled: ReviewSettled | None = None
    #: When it is asked again, since the person was not reached. None once it escalated behind that time.
    asked_again_at: datetime | None = None

    @property
    def is_about_999(self) -> bool:
        """Whether 999 was not reached with a report, or would be told."""
        about = self.latest.undelivered
        return Agency.EMERGENCY_999 in (about and about.agency, *(each.agency for each in self.latest.agencies))

    @property
    def can_seal(self) -> bool:
        """Whether what staff say beside the outcome can be sealed: under the key of the review's own section."""
        return self.latest.section is not None and self.latest.disclosure_id is not None

    def longest_wait(self, deadlines: Deadlines) -> timedelta:
        """Return for how long from now it may be put off, as DECIDE allows it."""
        is_pressing = self.first.deadline - self.first.requested_at <= deadlines.emergency
        return deadlines.emergency if is_pressing else deadlines.other

    @property
    def key(self) -> bytes:
        """The key of its records: the person, or the review where there is none."""
        return (self.latest.person or self.latest.review_id).encode()

    def overdue(self, now: datetime) -> timedelta:
        """Return how long ago it was due; nothing where it is not yet, or somebody settled it."""
        late = now - self.due
        return late if self.settled is None and late > timedelta(0) else timedelta(0)


class ReviewIndex:
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
        if known is None or known.settled is not None:
            # What is asked anew after it was settled begins anew.
            known = Known(partition, request, request, request.deadline)
        elif request.escalation > known.latest.escalation:
            known = replace(known, latest=request, asked_again_at=None)
        elif request.deadline != known.latest.deadline:
            # The same step with another deadline: whoever was asked did not reach the person.
            known = replace(known, latest=request, due=request.deadline, asked_again_at=request.deadline)
        self._known[request.review_id] = known

    def reviews(self, now: datetime, *, settled_too: bool = False) -> list[Known]:
        """Return the open reviews, or all, in the order in which to see to them.

        First those that are due, 999's before the others; then those that are not yet due; then those that are settled.
        Each of these by when they were, or are, due. A report that did not reach 999 is due at once.
        """

        def place(known: Known) -> tuple[Any, ...]:
            is_due = known.overdue(now) > timedelta(0) or (known.latest.undelivered and known.is_about_999)
            is_first = is_due and known.is_about_999
            return known.settled is not None, not is_due, not is_first, known.due, known.latest.review_id

        wanted = [known for known in self._known.values() if settled_too or known.settled is None]
        return sorted(wanted, key=place)

    def find(self, given: str) -> Known:
        """Return the review of that id, or whose id alone begins so; raise `NoSuchReview`."""
        found = [known for name, known in self._known.items() if name.startswith(given)]
        if len(found) != 1:
            how_many = f"{len(found)} reviews go by" if found else "there is no review"
            raise NoSuchReview(f"{how_many} {given}: `confide review list --all` has them all")
        return found[0]
