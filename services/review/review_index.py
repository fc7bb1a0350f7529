"""Index of reviews from their topic: open ones with their escalations, and settled ones with their outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from schemas.policy.document import Deadlines
from schemas.records import ReviewRequested
from schemas.reviews import ReviewSettled
from schemas.vocabulary import Agency
from services.review.errors import NoSuchReview


@dataclass(frozen=True, slots=True)
class Known:
    """One review as its topic has it, and its partition."""

    partition: int
    #: The first request that the topic still has, and the latest.
    first: ReviewRequested
    latest: ReviewRequested
    #: When it is due: its first deadline, or the time to which it was put off.
    due: datetime
    settled: ReviewSettled | None = None
    #: When staff are asked again because the person was not reached; None after it escalated past that time.
    asked_again_at: datetime | None = None

    @property
    def is_about_999(self) -> bool:
        """Whether the review is about a report to 999, undelivered or proposed."""
        about = self.latest.undelivered
        return Agency.EMERGENCY_999 in (about and about.agency, *(each.agency for each in self.latest.agencies))

    @property
    def can_seal(self) -> bool:
        """Whether a comment can be sealed: only under the key of the review's own section."""
        return self.latest.section is not None and self.latest.disclosure_id is not None

    def longest_wait(self, deadlines: Deadlines) -> timedelta:
        """Return how long from now DECIDE allows the review to be put off."""
        is_pressing = self.first.deadline - self.first.requested_at <= deadlines.emergency
        return deadlines.emergency if is_pressing else deadlines.other

    @property
    def key(self) -> bytes:
        """The message key of its records: the person, or the review if it has none."""
        return (self.latest.person or self.latest.review_id).encode()

    def overdue(self, now: datetime) -> timedelta:
        """Return how long ago it was due; zero if it is not due yet or is settled."""
        late = now - self.due
        return late if self.settled is None and late > timedelta(0) else timedelta(0)


class ReviewIndex:
    """All reviews on the topic, built from its records in their order."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}

    def take(self, partition: int, name: str, fields: Mapping[str, Any]) -> None:
        """Add one record: a request, an escalation or a settlement."""
        if name == "ReviewSettled":
            settled = ReviewSettled.model_validate(fields)
            if (known := self._known.get(settled.review_id)) is not None:
                self._known[settled.review_id] = replace(known, settled=settled)
            return
        request = ReviewRequested.model_validate(fields)
        known = self._known.get(request.review_id)
        if known is None or known.settled is not None:
            # A request after the settlement starts the review again.
            known = Known(partition, request, request, request.deadline)
        elif request.escalation > known.latest.escalation:
            known = replace(known, latest=request, asked_again_at=None)
        elif request.rejected_records != known.latest.rejected_records:
            # Another record came, or one was accepted meanwhile.
            known = replace(known, latest=request)
        elif request.deadline != known.latest.deadline:
            # Same escalation, other deadline: the member of staff did not reach the person.
            known = replace(known, latest=request, due=request.deadline, asked_again_at=request.deadline)
        self._known[request.review_id] = known

    def reviews(self, now: datetime, *, settled_too: bool = False) -> list[Known]:
        """Return the open reviews, or all, in the order of their urgency.

        First those that are due, reviews about 999 before the others; then those that are not due yet; then the settled
        ones. Each group is ordered by due time. A report that did not reach 999 is due at once.
        """

        def rank(known: Known) -> tuple[Any, ...]:
            is_due = known.overdue(now) > timedelta(0) or (known.latest.undelivered and known.is_about_999)
            is_first = is_due and known.is_about_999
            return known.settled is not None, not is_due, not is_first, known.due, known.latest.review_id

        wanted = [known for known in self._known.values() if settled_too or known.settled is None]
        return sorted(wanted, key=rank)

    def find(self, given: str) -> Known:
        """Return the one review whose id begins with `given`; raise `NoSuchReview` if there is not exactly one."""
        found = [known for name, known in self._known.items() if name.startswith(given)]
        if len(found) != 1:
            how_many = f"{len(found)} reviews have an id that begins with" if found else "there is no review"
            raise NoSuchReview(f"{how_many} {given}: `confide review list --all` has them all")
        return found[0]
