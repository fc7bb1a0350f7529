"""Checks of an outcome of a review whose signature is verified: it was signed in time, and its content is possible.

`authenticate` of `reviews.py` verifies the signature.
"""

from datetime import timedelta

from schemas.errors import Invalid
from schemas.records import ReviewRequested
from schemas.reviews import OpenReview, ReviewOutcome
from schemas.vocabulary import ReviewDecision
from streams.domain.moments import Arrival

#: How far the clocks of a console and a worker may differ, in either direction. Without it a confirmed emergency would
#: be rejected because of a clock that was not set. An outcome of an earlier review with the same id is much older.
CLOCK_SKEW = timedelta(minutes=2)


def refuse_untimely(outcome: ReviewOutcome, review: OpenReview, arrival: Arrival) -> None:
    """Raise `Invalid` unless the outcome was signed while its review was open.

    Without it an old outcome would settle a later review with the same id. The worker that opened the review may have a
    clock that was ahead, so the review counts as opened no later than `arrival`.
    """
    if outcome.decided_at < arrival.bounded(review.request.requested_at) - CLOCK_SKEW:
        raise Invalid.of("decided_at", "is before the review was asked for")
    if outcome.decided_at > arrival.now + CLOCK_SKEW:
        raise Invalid.of("decided_at", "is in the future")


def refuse_missing_call_taker(outcome: ReviewOutcome, *, has_section: bool) -> None:
    """Raise `Invalid` if staff told an agency by phone and the outcome does not name who took the call.

    `has_section`: the review has a sealed section, so the console has a key to seal that name with.
    """
    is_told = outcome.decision is ReviewDecision.TOLD_BY_PHONE
    if is_told and has_section and outcome.section is None:
        raise Invalid.of("section", "is required by told_by_phone: it names who took the call")


def refuse_id_in_conflict(outcome: ReviewOutcome, request: ReviewRequested) -> None:
    """Raise `Invalid` if a conflict of ids is settled as entered again under the same id.

    No disclosure can be entered under it: ADMIT skips the same content as a repeat and rejects any other. Both ids are
    in lower case, as their models read them.
    """
    conflicts = [each.conflict.disclosure_id for each in request.rejected_records if each.conflict is not None]
    if any(id_ in conflicts for id_ in outcome.entered_under):
        raise Invalid.of(
            "entered_under",
            "is the id in conflict, which the first disclosure keeps; allowed: the new id under which the other"
            " one was entered",
        )


def refuse_unknown_records(outcome: ReviewOutcome, request: ReviewRequested) -> None:
    """Raise `Invalid` if an outcome covers more rejected records than its review asks about."""
    asked = len(request.rejected_records)
    if outcome.records is not None and outcome.records > asked:
        raise Invalid.of("records", f"is more than the review has; allowed: 1 to {asked}, those that were shown")
