"""What one outcome of a review does, from its record to the records that follow. Read from the top:

1. `authenticate`: a member of staff on the duty rota signed it.
2. `_open_review` and `_check`: its review is open, and the outcome fits the review.
3. It is carried out, by what its review is about:
   - an undelivered report is sent again, closed as told by phone, or withdrawn (`_settle_report`);
   - a person who was not reached is asked about again, at the time that the outcome gives (`_ask_again`);
   - a disclosure is decided again (`_settle_disclosure`, by the rules of `streams.domain.reviews`);
   - rejected records have no disclosure: their review is closed, and the next one asks about those that the outcome
     does not cover (`_settle_rejected`).
4. `_close`: the review ends, its alarm is cleared, and `ReviewSettled` records the outcome. A person who was not
   reached is the exception: that review stays open.

All checks come before the first change, because the turn is committed even if this outcome is rejected. An outcome
that fails a check is rejected, and its review stays open.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from schemas.codec import decode_own, encode
from schemas.disclosure import ReadableDisclosure
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.records import Admitted, Undelivered
from schemas.review_table import REVIEW_TABLE
from schemas.reviews import OpenReview, ReviewOutcome
from schemas.vocabulary import CausedBy, ReviewDecision, Role
from streams.agents.case_sender import CaseSender
from streams.agents.notices import Notices
from streams.agents.open_reports import OpenReports
from streams.agents.open_reviews import LATE, OpenReviews, admitted_of, count_outcome
from streams.agents.rejected_reviews import RejectedReviews
from streams.agents.report_entry import name_of, readable
from streams.domain.decisions import Decided, Fields, decision_fields, report_fields
from streams.domain.hand_over import check_told_at
from streams.domain.ids import review_decision_id, sender_of
from streams.domain.moments import Arrival, as_entered
from streams.domain.outcomes import (
    refuse_id_in_conflict,
    refuse_missing_call_taker,
    refuse_unknown_records,
    refuse_untimely,
)
from streams.domain.policy import Ruling, decide
from streams.domain.policy.notices import NOT_DUE, notify
from streams.domain.reviews import authenticate, refuse_untrained, reports_to_send, settle
from streams.domain.staff import StaffDirectory
from streams.runtime import Origin, Record, Turn
from streams.runtime.agent import micros


@dataclass(frozen=True, slots=True)
class SignedOutcome:
    """The outcome of a review, and the decoded fields, which its signature covers."""

    outcome: ReviewOutcome
    fields: Fields


class ReviewSettler:
    """Carries out the outcomes of the reviews of one lane; `send_decision` sends a decision with what follows."""

    def __init__(
        self,
        policies: Policies,
        staff: Callable[[], StaffDirectory],
        reviews: OpenReviews,
        rejected: RejectedReviews,
        notices: Notices,
        open_reports: OpenReports,
        send_decision: Callable[[CaseSender, Decided], None],
    ) -> None:
        self._policies = policies
        self._staff = staff
        self._reviews = reviews
        self._rejected = rejected
        self._notices = notices
        self._reports = open_reports
        self._send_decision = send_decision

    def settle(self, record: Record, signed: SignedOutcome, turn: Turn) -> None:
        """Carry out one outcome; raise `Invalid`, before any change, for one that must not be carried out."""
        outcome = signed.outcome
        authenticate(outcome, signed.fields, self._staff())
        review = self._open_review(outcome, turn)
        if review is None:
            count_outcome(LATE)
            return
        trained = self._policies.in_force(turn.now).trained
        arrival = Arrival.of(record.arrived_at(turn.now), turn.now)
        self._check(outcome, review, trained, arrival, turn)
        key = review.request.person or outcome.review_id
        case = CaseSender(turn, key.encode(), Origin.of(record), record.partition)
        if (undelivered := review.request.undelivered) is not None:
            self._settle_report(case, review, undelivered, outcome, arrival)
        elif outcome.decision is ReviewDecision.NOT_REACHED:
            self._ask_again(case, review, outcome, arrival)
        elif (admitted := admitted_of(review)) is not None:
            self._settle_disclosure(case, review, admitted, outcome)
        else:
            self._settle_rejected(case, review, outcome)

    def _open_review(self, outcome: ReviewOutcome, turn: Turn) -> OpenReview | None:
        """Return the review of an outcome, None if an earlier outcome settled it; raise `Invalid` if it is unknown."""
        review = self._reviews.find(turn, outcome.review_id)
        if review is None and not self._reviews.was_settled(turn, outcome.review_id):
            raise Invalid.of("review_id", "is of no open or recently settled review")
        return review

    def _check(
        self, outcome: ReviewOutcome, review: OpenReview, trained: Sequence[Role], arrival: Arrival, turn: Turn
    ) -> None:
        """Raise `Invalid` for an outcome that does not fit its review, whatever the review is about."""
        refuse_untrained(outcome.role, trained)
        REVIEW_TABLE[review.request.reason].check(outcome)
        refuse_untimely(outcome, review, arrival)
        refuse_id_in_conflict(outcome, review.request)
        refuse_unknown_records(outcome, review.request)
        refuse_missing_call_taker(outcome, has_section=self._reviews.has_section(turn, review))

    def _settle_report(
        self, case: CaseSender, review: OpenReview, about: Undelivered, outcome: ReviewOutcome, arrival: Arrival
    ) -> None:
        """Send an undelivered report again, or close it as told by phone or withdrawn."""
        report_id = about.report_id
        if outcome.told_at is not None:
            check_told_at(outcome.told_at, about.reported_at, arrival)
        found = readable(case.turn.get(name_of(report_id)))
        followed: Mapping[str, Any] = {"report_id": report_id}
        if outcome.decision is ReviewDecision.SEND_AGAIN:
            if found is None:
                raise Invalid.of("decision", "the report itself cannot be read: it cannot be sent again")
            followed = self._reports.send_again(case, *found)
        elif found is None:
            self._reports.close_unreadable(case.turn, report_id)
        elif outcome.decision is ReviewDecision.TOLD_BY_PHONE:
            self._reports.close_told_by_phone(case, *found)
        else:
            self._reports.withdraw(case, *found, outcome.refusal)
        self._close(case, review, outcome, followed)

    def _ask_again(self, case: CaseSender, review: OpenReview, outcome: ReviewOutcome, arrival: Arrival) -> None:
        """Put the review off to the time that the outcome gives; raise `Invalid` for a time that is too late.

        The review stays open. The same outcome read again changes nothing. An outcome that was decided before the last
        one raises `Invalid`: without that, a record that is sent late would put the review off by an old time.
        """
        turn, at = case.turn, outcome.ask_again_at
        decided, last = micros(outcome.decided_at), self._reviews.last_not_reached(turn, review)
        if decided < last:
            raise Invalid.of("decided_at", "is before the last outcome that put this review off")
        if decided == last:
            count_outcome(LATE)
            return
        deadlines = self._policies.in_force(turn.now).deadlines
        latest = arrival.now + (deadlines.emergency if review.pressing else deadlines.other)
        if at is None or not arrival.now < at <= latest:
            raise Invalid.of("ask_again_at", f"must be after now and at the latest {as_entered(latest)}")
        put_off = review.model_copy(update={"request": review.request.model_copy(update={"deadline": at})})
        # The timer counts the wait from the worker's own time. Set to `at` itself, it would be late if that clock is
        # behind.
        self._reviews.ask_again(case, put_off, turn.now + (at - arrival.now), decided)
        count_outcome(outcome.decision.value)

    def _settle_rejected(self, case: CaseSender, review: OpenReview, outcome: ReviewOutcome) -> None:
        """Close the review of rejected records; the next one asks about those that the outcome does not cover."""
        self._close(case, review, outcome, {"decision_id": None})
        if outcome.records is not None:
            self._rejected.ask_about_others(case, review, outcome.records)

    def _settle_disclosure(
        self, case: CaseSender, review: OpenReview, admitted: Admitted, outcome: ReviewOutcome
    ) -> None:
        """Decide a disclosure again by the outcome."""
        turn, person = case.turn, review.request.person
        channels = self._notices.unsafe(turn, person or "")

        def rule(disclosed: ReadableDisclosure, signed: Role | None) -> Ruling:
            return decide(disclosed, now=turn.now, policy=self._policies, unsafe_channels=channels, signed=signed)

        settled = settle(review, admitted, outcome, rule)
        disclosed = settled.disclosed
        sender = sender_of(disclosed.service, exercise=disclosed.exercise)
        decision_id = review_decision_id(sender, disclosed.disclosure_id, outcome.review_id)
        self._close(case, review, outcome, {"decision_id": decision_id})
        admitted = admitted.model_copy(update={"disclosure": disclosed})
        reports = reports_to_send(report_fields(admitted, settled.ruling, decision_id, turn.now), review.told)
        notice = notify(disclosed, True, channels) if reports else NOT_DUE
        ruling = replace(settled.ruling, notify=notice)
        decision = decision_fields(
            disclosed,
            person,
            ruling,
            turn.now,
            caused_by=CausedBy.REVIEW_OUTCOME,
            supersedes=review.request.decision_id,
            id_=decision_id,
        )
        value = _admitted_value(review, disclosed)
        self._send_decision(case, Decided(admitted, value, ruling, decision, reports, review.told))

    def _close(self, case: CaseSender, review: OpenReview, outcome: ReviewOutcome, followed: Mapping[str, Any]) -> None:
        """Settle the review; `followed`: the id of the decision, or of the report and its sending, that came of it."""
        fields = outcome.model_dump(exclude={"review_id", "decided_at", "agencies", "signature"})
        self._reviews.close(case, review, {**fields, **followed})


def _admitted_value(review: OpenReview, disclosed: ReadableDisclosure) -> bytes:
    """Return the encoded `Admitted` of a review with the disclosure as it is now."""
    fields = decode_own(review.admitted or b"", "Admitted")[1]
    return encode("Admitted", fields | {"disclosure": disclosed.model_dump()})
