"""Whether an authentic outcome of a review counts: signed in time, and saying what can be so."""

from datetime import timedelta

from schemas.errors import Invalid
from schemas.records import ReviewRequested
from schemas.reviews import OpenReview, ReviewOutcome
from schemas.vocabulary import ReviewDecision
from streams.domain.moments import Arrival

#: How far the clock of a console may be off that of a worker, either way: a confirmed emergency is not lost to a clock
#: that nobody set. A record that was signed for an earlier review of the same id is much older.
CLOCK_SKEW = timedelta(minutes=2)


def refuse_untimely(outcome: ReviewOutcome, review: OpenReview, arrival: Arrival) -> None:
    """Raise `Invalid` unless the outcome was signed while its review was open.

    Without it a record that was signed once settles a review that is asked again much later under the same id. The
    worker that asked may have had a clock that was ahead: the time at which it asked is not later than `arrival`.
    """
    if outcome.decided_at < arrival.bounded(review.request.requested_at) - CLOCK_SKEW:
        raise Invalid.of("decided_at", "is before the review was asked for")
    if outcome.decided_at > arrival.now + CLOCK_SKEW:
        raise Invalid.of("decided_at", "is in the future")


def refuse_untold(outcome: ReviewOutcome, *, has_section: bool) -> None:
    """Raise `Invalid` where an agency was told by phone and it is not said who took it.

    `has_section`: the review has a section, so that the console can seal who it was.
    """
    is_told = outcome.decision is ReviewDecision.TOLD_BY_PHONE
    if is_told and has_section and outcome.section is None:
        raise Invalid.of("section", "is required by told_by_phone: it says who was told")


def refuse_id_in_conflict(outcome: ReviewOutcome, request: ReviewRequested) -> None:
    """Raise `Invalid` where a conflict is to be settled as entered again, under the very id that is in conflict.

    Nothing can be entered under it: ADMIT takes the same content for a repeat and rejects any other. Both ids are in
    lower case, as their models read them.
    """
    conflict = None if request.rejected is None else request.rejected.conflict
    if conflict is not None and outcome.entered_as == conflict.disclosure_id:
        raise Invalid.of(
            "entered_as",
            "is the id in conflict, under which the first disclosure stands; allowed: the new id under which the other"
            " one was entered",
        )
