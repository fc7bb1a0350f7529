"""DECIDE: applies the policy to each admitted disclosure, and sends the records that follow.

`decide` of the policy tries the outcomes in the order of `streams/domain/policy/evaluation.py`. The effect of an
outcome of a review is in `settle`, and that of a delivery step in `open_reports`.
"""

from collections.abc import Callable, Sequence
from functools import partial

from schemas.agencies import AGENCIES
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.policy.duty import load_duty
from schemas.records import Admitted, RejectedAccepted, UrgentRejected
from schemas.reports import DeliveryChanged
from schemas.topics import Group, TopicName, changelog
from schemas.vocabulary import Outcome
from streams.agents.case_sender import CaseSender
from streams.agents.decoding import read_delivery, read_outcome, read_to_decide
from streams.agents.notices import Notices
from streams.agents.open_reports import OpenReports, is_of_report
from streams.agents.open_reviews import OpenReviews
from streams.agents.rejected_reviews import RejectedReviews
from streams.agents.rejecting import timer_put_aside, urgent_rejected
from streams.agents.settle import ReviewSettler, SignedOutcome
from streams.domain.channels import remember, unsafe
from streams.domain.decisions import Decided, decision_fields, notification_fields, report_fields, review_fields
from streams.domain.policy import decide
from streams.domain.reviews import reported_after
from streams.domain.staff import StaffDirectory
from streams.runtime import Agent, Origin, PutAside, Record, Turn

#: What DECIDE works on; None: a delivery step that has no effect.
Message = Admitted | UrgentRejected | RejectedAccepted | SignedOutcome | DeliveryChanged | None


class Decide(Agent[Message, None, None]):
    """Makes one decision for each disclosure, and sends the reports, notices and reviews that follow from it.

    State: the open reviews (`OpenReviews`, `RejectedReviews`), the reports that no agency has acknowledged yet
    (`OpenReports`), and the notices with the marks of each person's channels (`Notices`).
    """

    def __init__(
        self,
        policies: Policies,
        staff: Callable[[], StaffDirectory] | None = None,
        partition: int | None = None,
    ) -> None:
        self._policies = policies
        # Without a directory the rota that comes with the policy is used. It has no keys, so every outcome is rejected.
        staff = staff or partial(StaffDirectory, load_duty(), {})
        self._reviews = OpenReviews(policies, staff)
        self._rejected = RejectedReviews(self._reviews)
        self._notices = Notices()
        self._reports = OpenReports(self._reviews, self._notices)
        self._settler = ReviewSettler(
            policies, staff, self._reviews, self._rejected, self._notices, self._reports, self._send
        )
        # A timer has no record whose partition its outputs could take. None: the partition that their key belongs to.
        self._partition = partition

    def decode(self, record: Record) -> Message:
        """Return the record's message; raise `Invalid` for another schema, or a disclosure without a person."""
        if record.topic == TopicName.DELIVERIES:
            return read_delivery(record)
        if record.topic == TopicName.REVIEW_OUTCOMES:
            return SignedOutcome(*read_outcome(record))
        message = read_to_decide(record)
        if isinstance(message, Admitted) and message.person is None:
            raise Invalid.of("person", "is required")
        return message

    def handle(self, batch: Sequence[tuple[Record, Message]], turn: Turn) -> None:
        """Work on each message in order; ADMIT has removed repeated disclosures."""
        self._reports.alive(turn)
        for record, message in batch:
            if isinstance(message, Admitted):
                self._decide(record, message, turn)
            elif isinstance(message, SignedOutcome):
                try:
                    self._settler.settle(record, message, turn)
                except Invalid as invalid:
                    turn.reject(record, invalid)
            elif isinstance(message, DeliveryChanged):
                try:
                    self._reports.apply_step(_case(record, message.person, turn), message)
                except Invalid as invalid:
                    turn.reject(record, invalid)
            elif isinstance(message, UrgentRejected):
                self._rejected.add(_case(record, message.review_id, turn), message)
            elif message is not None:
                self._rejected.accept(_case(record, message.review_id, turn), message)

    def _decide(self, record: Record, admitted: Admitted, turn: Turn) -> None:
        disclosed, person = admitted.disclosure, admitted.person or ""
        case = _case(record, person, turn)
        known = self._notices.marks(turn, person)
        earliest = self._policies.in_force(disclosed.disclosed_at).earliest
        marks = remember(known, disclosed, earliest, turn.now)
        ruling = decide(disclosed, now=turn.now, policy=self._policies, unsafe_channels=unsafe(marks))
        # The policy takes no fact from a disclosure that is out of scope, so its channels are not marked either.
        if ruling.outcome is not Outcome.OUT_OF_SCOPE:
            self._notices.mark(case, person, known, marks)
        decision = decision_fields(disclosed, person, ruling, turn.now)
        reports = report_fields(admitted, ruling, decision["decision_id"], turn.now)
        self._send(case, Decided(admitted, record.value or b"", ruling, decision, reports))

    def _send(self, case: CaseSender, decided: Decided) -> None:
        """Send the decision, a report and a notice for each agency, and the review if the ruling asks for one.

        All of it goes into one turn, and is committed together.
        """
        admitted, ruling, now = decided.admitted, decided.ruling, case.turn.now
        case.send(TopicName.DECISIONS, "Decision", decided.decision)
        notices = notification_fields(admitted, ruling, decided.reports, now)
        for (agency, report), notice in zip(decided.reports, notices, strict=True):
            case.send(AGENCIES[agency].reports, "Report", report)
            self._notices.write(case, notice)
            self._reports.watch(case, report, notice)
        review = review_fields(admitted, ruling, decided.decision["decision_id"], now)
        if review is not None:
            reported = reported_after(decided.reported_before, decided.reports)
            self._reviews.open_for_ruling(case, review, decided.value, ruling, reported)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Open a review of a rejected urgent disclosure; the review of a rejected outcome is still open."""
        if record.topic == TopicName.ADMITTED_URGENT:
            rejected = urgent_rejected(record, invalid, turn)
            self._rejected.add(_case(record, rejected.review_id, turn), rejected)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        """Ask the next person on duty, or hand a report over."""
        if is_of_report(timer):
            self._reports.due(timer, turn, origin, self._partition)
        else:
            self._reviews.due(timer, turn, origin, self._partition)

    def entry_of(self, work: bytes | None) -> bytes | None:
        """Return the key of the review or report that a timer belongs to, which is the timer's name."""
        return work

    def put_aside(self, work: PutAside, turn: Turn, origin: Origin) -> None:
        """Open a new review for a review that can no longer escalate, or for a report whose limit is no longer watched.

        The alarm of a review that was put aside is cleared: the new review raises its own.
        """
        name = work.timer or work.entry
        if name is not None and is_of_report(name):
            self._reports.put_aside(work, CaseSender(turn, name, origin, self._partition))
            return
        if work.timer is not None:
            self._reviews.clear_put_aside(work.timer, turn, origin, self._partition)
        put_aside = timer_put_aside(work, turn, changelog(Group.DECIDE), self._partition or 0)
        case = CaseSender(turn, put_aside.review_id.encode(), origin, self._partition)
        self._rejected.add(case, put_aside)


def _case(record: Record, key: str, turn: Turn) -> CaseSender:
    """Return the sender of what follows from a record.

    Topics that are keyed by person have the same number of partitions, so it all stays in the record's partition.
    """
    return CaseSender(turn, key.encode(), Origin.of(record), record.partition)
