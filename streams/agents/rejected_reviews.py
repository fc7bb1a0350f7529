"""DECIDE's reviews of rejected records: one for a sender and hour, so that a faulty sender asks one question, not many.

A review has generations. The records that come while one is open are added to it. An outcome covers the records that
were shown to the member of staff; the next generation asks about the others, and about those that come later, each with
a deadline of its own. A review closes by itself once every record in it was sent again under its id and accepted. An id
with other content is one question for each content, and never closes by itself.
"""

from datetime import timedelta

from pydantic import ValidationError

from schemas.errors import Invalid
from schemas.identifiers import ReviewId
from schemas.records import RejectedAccepted, UrgentRejected
from schemas.reviews import OpenReview
from schemas.topics import KNOWN_DAYS
from schemas.vocabulary import ReviewDecision
from streams.agents.case_sender import CaseSender
from streams.agents.open_reviews import OpenReviews
from streams.domain.ids import later_review_id
from streams.runtime import Turn

_GENERATION = b"h:"
_OF_ID = b"i:"
_KNOWN_FOR = timedelta(days=KNOWN_DAYS)
#: How many records one review asks about: as many as a member of staff can look at, and its request stays small.
RECORDS_OF_A_REVIEW = 50


class RejectedReviews:
    """The reviews of rejected records of one lane.

    State, kept for KNOWN_DAYS:

    - `h:` + id of the first generation → number of the last one.
    - `i:` + id of the first generation + `|` + disclosure id → the numbers of the generations with a record of that id.
    """

    def __init__(self, reviews: OpenReviews) -> None:
        self._reviews = reviews

    def add(self, case: CaseSender, rejected: UrgentRejected) -> None:
        """Ask about a rejected record: in the open review of its sender and hour, else in the next generation."""
        if rejected.conflict is not None:
            if not self._reviews.is_known(case.turn, rejected.review_id):
                self._reviews.open_for_rejected(case, rejected.review_id, (rejected,))
            return
        first = ReviewId(rejected.review_id)
        review = self._open(case.turn, later_review_id(first, self._last(case.turn, first) or 1))
        if review is None or len(review.request.rejected_records) >= RECORDS_OF_A_REVIEW:
            self._open_next(case, first, (rejected,))
        else:
            self._list(case.turn, first, self._last(case.turn, first), (rejected,))
            self._change(case, review, (*review.request.rejected_records, rejected))

    def accept(self, case: CaseSender, accepted: RejectedAccepted) -> None:
        """Note that the id of a rejected record was accepted; close each review of which that was the last record."""
        first = ReviewId(accepted.review_id)
        for generation in (case.turn.get(_of_id(first, accepted.disclosure_id)) or b"").split():
            review = self._open(case.turn, later_review_id(first, int(generation)))
            if review is None:
                continue
            records = tuple(
                each.model_copy(update={"accepted_at": accepted.accepted_at})
                if each.disclosure_id == accepted.disclosure_id
                else each
                for each in review.request.rejected_records
            )
            if records == review.request.rejected_records:
                continue
            if all(each.accepted_at is not None for each in records):
                fields = {"decision": ReviewDecision.ACCEPTED.value, "by": None, "role": None, "records": len(records)}
                self._reviews.close(_of_review(case, review.request.review_id), review, fields)
            else:
                self._change(case, review, records)

    def ask_about_others(self, case: CaseSender, review: OpenReview, shown: int) -> None:
        """Open the next generation of a review that is settled, for the records after the first `shown` ones.

        If each of them was accepted meanwhile, nothing is left to ask.
        """
        records = review.request.rejected_records
        others = records[shown:]
        if any(each.accepted_at is None for each in others):
            self._open_next(case, ReviewId(records[0].review_id), others)

    def _open(self, turn: Turn, review_id: ReviewId) -> OpenReview | None:
        """Return a review, None if it is not open or cannot be read: its own timer puts it aside then."""
        try:
            return self._reviews.find(turn, review_id)
        except (Invalid, ValidationError):
            return None

    def _last(self, turn: Turn, first: ReviewId) -> int:
        return int(turn.get(_GENERATION + first.encode()) or 0)

    def _open_next(self, case: CaseSender, first: ReviewId, records: tuple[UrgentRejected, ...]) -> None:
        turn = case.turn
        generation = self._last(turn, first) + 1
        turn.put(_GENERATION + first.encode(), b"%d" % generation, until=turn.now + _KNOWN_FOR)
        self._list(turn, first, generation, records)
        review_id = later_review_id(first, generation)
        self._reviews.open_for_rejected(_of_review(case, review_id), review_id, records)

    def _list(self, turn: Turn, first: ReviewId, generation: int, records: tuple[UrgentRejected, ...]) -> None:
        """Note in which generation the ids of these records are."""
        for each in records:
            if each.disclosure_id is not None:
                name = _of_id(first, each.disclosure_id)
                listed = dict.fromkeys((*(turn.get(name) or b"").split(), b"%d" % generation))
                turn.put(name, b" ".join(listed), until=turn.now + _KNOWN_FOR)

    def _change(self, case: CaseSender, review: OpenReview, records: tuple[UrgentRejected, ...]) -> None:
        request = review.request.model_copy(update={"rejected_records": records})
        changed = review.model_copy(update={"request": request})
        self._reviews.change(_of_review(case, request.review_id), changed)


def _of_id(first: ReviewId, disclosure_id: str) -> bytes:
    return _OF_ID + f"{first}|{disclosure_id}".encode()


def _of_review(case: CaseSender, review_id: str) -> CaseSender:
    """Return a `CaseSender` with the id of the review as key; the partition stays that of the first generation."""
    return CaseSender(case.turn, review_id.encode(), case.origin, case.partition)
