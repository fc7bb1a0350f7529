"""DECIDE: applies the policy to each admitted disclosure of a person and sends what follows from it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from schemas.agencies import AGENCIES
from schemas.codec import decode, encode
from schemas.disclosure import ReadableDisclosure
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.policy.duty import load_duty
from schemas.records import Admitted, DeliveryChanged, UrgentRejected
from schemas.review_table import REVIEW_TABLE
from schemas.reviews import OpenReview, ReviewOutcome, ToldBefore
from schemas.topics import Group, TopicName, changelog
from schemas.vocabulary import CausedBy, Outcome, ReviewDecision, Role
from streams.agents.hand_over import OpenReports, is_of_report
from streams.agents.reading import read_delivery, read_outcome, read_to_decide
from streams.agents.rejecting import timer_put_aside, urgent_rejected
from streams.agents.reviewing import CaseSender, Reviews, admitted_of
from streams.agents.telling import Notices
from streams.domain.channels import remember, unsafe
from streams.domain.decisions import Fields, decision_fields, notification_fields, report_fields, review_fields
from streams.domain.ids import review_decision_id
from streams.domain.moments import Arrival
from streams.domain.outcomes import refuse_id_in_conflict, refuse_untimely, refuse_untold
from streams.domain.policy import Ruling, decide
from streams.domain.policy.notices import NOT_DUE, notify
from streams.domain.reviews import authenticate, refuse_untrained, reports_to_send, settle, told_after
from streams.domain.staff import StaffDirectory
from streams.runtime import Agent, Cause, PutAside, Record, Turn


@dataclass(frozen=True, slots=True)
class SignedOutcome:
    """A review's outcome, and the fields that its giver signed."""

    outcome: ReviewOutcome
    fields: Fields


#: What DECIDE works on; None: a step of a report from which nothing follows.
Message = Admitted | UrgentRejected | SignedOutcome | DeliveryChanged | None


class Decide(Agent[Message, None, None]):
    """One decision for each disclosure, and the reports, notices and reviews that follow from it.

    State: the open reviews (`Reviews`), the reports that nobody acknowledged yet (`OpenReports`), and the notices with
    the marks of the person's channels (`Notices`).
    """

    def __init__(
        self,
        policies: Policies,
        staff: Callable[[], StaffDirectory] | None = None,
        partition: int | None = None,
    ) -> None:
        self._policies = policies
        # Without a directory the policy's own rota is asked, and no outcome is authentic.
        self._staff = staff or partial(StaffDirectory, load_duty(), {})
        self._reviews = Reviews(policies, self._staff)
        self._notices = Notices()
        self._reports = OpenReports(self._reviews, self._notices)
        # What is due has no record to follow: where the lane is not said, it goes where its key does.
        self._partition = partition

    def decode(self, record: Record) -> Message:
        """Return what the record says; raise `Invalid` where it is none of a DECIDE's, or a disclosure of nobody's."""
        if record.topic == TopicName.DELIVERIES:
            return read_delivery(record)
        if record.topic == TopicName.REVIEW_OUTCOMES:
            return SignedOutcome(*read_outcome(record))
        message = read_to_decide(record)
        if isinstance(message, Admitted) and message.person is None:
            raise Invalid.of("person", "is required")
        return message

    def handle(self, batch: Sequence[tuple[Record, Message]], turn: Turn) -> None:
        """Decide each in order; ADMIT lets each disclosure id through once."""
        self._reports.alive(turn)
        for record, message in batch:
            if isinstance(message, Admitted):
                self._decide(record, message, turn)
            elif isinstance(message, SignedOutcome):
                try:
                    self._settle(record, message, turn)
                except Invalid as invalid:
                    turn.reject(record, invalid)
            elif isinstance(message, DeliveryChanged):
                way = CaseSender(turn, message.person.encode(), Cause.of(record), record.partition)
                try:
                    self._reports.take(way, message)
                except Invalid as invalid:
                    turn.reject(record, invalid)
            elif message is not None:
                way = CaseSender(turn, message.review_id.encode(), Cause.of(record), record.partition)
                self._reviews.ask_about(way, message)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Have a person look at what was urgent; where an outcome was rejected, its review is open and asks again."""
        if record.topic == TopicName.ADMITTED_URGENT:
            rejected = urgent_rejected(record, invalid, turn)
            way = CaseSender(turn, rejected.review_id.encode(), Cause.of(record), record.partition)
            self._reviews.ask_about(way, rejected)

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:
        """Ask the next person on duty, or hand a report over."""
        if is_of_report(timer):
            self._reports.due(timer, turn, cause, self._partition)
        else:
            self._reviews.due(timer, turn, cause, self._partition)

    def entry_of(self, work: bytes | None) -> bytes | None:
        """Return the key of the review or report that a timer belongs to: it is the timer's name."""
        return work

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:
        """Have a person look at a review that can no longer escalate, or at a report whose limit cannot be kept.

        The alarm of such a review gives way to that of the one which asks about it.
        """
        name = work.timer or work.entry
        if name is not None and is_of_report(name):
            self._reports.put_aside(work, CaseSender(turn, name, cause, self._partition))
            return
        if work.timer is not None:
            self._reviews.clear_put_aside(work.timer, turn, cause, self._partition)
        put_aside = timer_put_aside(work, turn, changelog(Group.DECIDE), self._partition or 0)
        self._reviews.ask_about(CaseSender(turn, put_aside.review_id.encode(), cause, self._partition), put_aside)

    def _decide(self, record: Record, admitted: Admitted, turn: Turn) -> None:
        disclosed, person = admitted.disclosure, admitted.person or ""
        # Topics keyed by person have one partition count, so what follows stays in this record's partition.
        way = CaseSender(turn, person.encode(), Cause.of(record), record.partition)
        known = self._notices.marks(turn, person)
        marks = remember(known, disclosed)
        ruling = decide(disclosed, now=turn.now, policy=self._policies, unsafe_channels=unsafe(marks))
        # What is out of scope fills in nothing, so it says nothing of channels either; no notice of it is due.
        if ruling.outcome is not Outcome.OUT_OF_SCOPE:
            self._notices.mark(way, person, known, marks)
        decision = decision_fields(disclosed, person, ruling, turn.now)
        told = report_fields(admitted, ruling, decision["decision_id"], turn.now)
        self._send(way, _Decided(admitted, record.value or b"", ruling, decision, told))

    def _settle(self, record: Record, answer: SignedOutcome, turn: Turn) -> None:
        """Carry out what a trained person made of a review; raise `Invalid` where it cannot be."""
        outcome = answer.outcome
        authenticate(outcome, answer.fields, self._staff())
        review = self._reviews.open_review(outcome, turn)
        if review is None:
            return
        trained = self._policies.in_force(turn.now).trained
        refuse_untrained(outcome.role, trained)
        REVIEW_TABLE[review.request.reason].check(outcome)
        arrival = Arrival.of(record.arrived_at(turn.now), turn.now)
        refuse_untimely(outcome, review, arrival)
        refuse_id_in_conflict(outcome, review.request)
        refuse_untold(outcome, has_section=self._reviews.has_section(turn, review))
        person = review.request.person
        way = CaseSender(turn, (person or outcome.review_id).encode(), Cause.of(record), record.partition)
        if (about := review.request.undelivered) is not None:
            followed = self._reports.settle(way, about, outcome, arrival)
            self._reviews.close(way, review, outcome, followed)
        elif outcome.decision is ReviewDecision.NOT_REACHED:
            self._reviews.ask_again(way, review, outcome, arrival)
        else:
            self._settle_disclosure(way, review, outcome, trained)

    def _settle_disclosure(
        self, way: CaseSender, review: OpenReview, outcome: ReviewOutcome, trained: Sequence[Role]
    ) -> None:
        turn, person, admitted = way.turn, review.request.person, admitted_of(review)
        channels = self._notices.unsafe(turn, person or "")

        def rule(disclosed: ReadableDisclosure) -> Ruling:
            return decide(disclosed, now=turn.now, policy=self._policies, unsafe_channels=channels)

        settled = settle(review, admitted, outcome, rule, trained=trained)
        decision_id = None
        if admitted is not None and settled is not None:
            disclosed = admitted.disclosure
            decision_id = review_decision_id(disclosed.service, disclosed.disclosure_id, outcome.review_id)
        self._reviews.close(way, review, outcome, {"decision_id": decision_id})
        if admitted is None or settled is None or decision_id is None:
            return
        admitted = admitted.model_copy(update={"disclosure": settled.disclosed})
        told = reports_to_send(report_fields(admitted, settled.ruling, decision_id, turn.now), review.told)
        notice = notify(settled.disclosed, True, channels) if told else NOT_DUE
        ruling = replace(settled.ruling, notify=notice)
        decision = decision_fields(
            settled.disclosed,
            person,
            ruling,
            turn.now,
            caused_by=CausedBy.REVIEW_OUTCOME,
            supersedes=review.request.decision_id,
            id_=decision_id,
        )
        self._send(way, _Decided(admitted, _value_of(review, settled.disclosed), ruling, decision, told, review.told))

    def _send(self, way: CaseSender, decided: "_Decided") -> None:
        admitted, ruling, told, now = decided.admitted, decided.ruling, decided.told, way.turn.now
        way.send(TopicName.DECISIONS, "Decision", decided.decision)
        notices = notification_fields(admitted, ruling, told, now)
        for (agency, report), notice in zip(told, notices, strict=True):
            way.send(AGENCIES[agency].reports, "Report", report)
            self._notices.write(way, notice)
            self._reports.watch(way, report, notice)
        review = review_fields(admitted, ruling, decided.decision["decision_id"], now)
        if review is not None:
            self._reviews.ask(way, review, decided.value, ruling, told_after(decided.told_before, told))


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision with the disclosure it is of, as a value too, and what agencies are told of it now and were before."""

    admitted: Admitted
    value: bytes
    ruling: Ruling
    decision: Fields
    told: list[Any]
    told_before: tuple[ToldBefore, ...] = ()


def _value_of(review: OpenReview, disclosed: ReadableDisclosure) -> bytes:
    """Return the `Admitted` of a review with the disclosure as it stands now."""
    fields = decode(review.admitted or b"", "Admitted")[1]
    return encode("Admitted", fields | {"disclosure": disclosed.model_dump()})
