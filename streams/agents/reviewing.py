"""DECIDE's reviews: asked for, escalated again and again while nobody answers, and settled by the first who does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from opentelemetry import metrics

from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.policy.duty import Duty
from schemas.records import Admitted, UrgentRejected
from schemas.reviews import OpenReview, ReviewOutcome
from schemas.telemetry import Attribute, Metric
from schemas.topics import KNOWN_DAYS, URGENT, TopicName
from schemas.vocabulary import Agency, ReviewDecision, ReviewReason
from streams.agents.alarming import clear_review, raise_review
from streams.agents.open_report import section_of
from streams.domain.decisions import Fields, section_fields
from streams.domain.ids import rejected_review_id
from streams.domain.policy import Ruling
from streams.domain.reviews import asked, escalated, open_fields, rejected_fields
from streams.domain.staff import StaffDirectory
from streams.runtime import Cause, PutAside, Record, Turn
from streams.runtime.agent import micros

_OPEN = b"r:"
_SETTLED = b"s:"
#: As long as a disclosure's id is known: an outcome that comes later still is of a review that nobody remembers.
_SETTLED_FOR = timedelta(days=KNOWN_DAYS)
_LATE = "late"
#: As in the headers of the rejected record.
_MOST_OF_A_REASON = 1_000

_meter = metrics.get_meter("confide.decide")
_escalations = _meter.create_counter(Metric.REVIEWS_ESCALATED, unit="{review}")
_outcomes = _meter.create_counter(Metric.REVIEW_OUTCOMES, unit="{outcome}")


@dataclass(frozen=True, slots=True)
class Way:
    """Where a turn sends what follows of one case: one key, one partition, one trace."""

    turn: Turn
    key: bytes
    cause: Cause
    partition: int | None

    def send(self, topic: str, name: str, fields: Mapping[str, Any]) -> None:
        """Write a record."""
        self.turn.send(topic, self.key, encode(name, fields), cause=self.cause, partition=self.partition)


class Reviews:
    """The open reviews of one lane.

    State: `r:` + review id → `OpenReview` until it is settled, with a timer of that name at its deadline; `s:` + review
    id → nothing, for KNOWN_DAYS once it is.
    """

    def __init__(self, policies: Policies, staff: Callable[[], StaffDirectory]) -> None:
        self._policies = policies
        self._staff = staff

    @property
    def _duty(self) -> Duty:
        return self._staff().duty

    def ask(self, way: Way, request: Fields, value: bytes, ruling: Ruling, told: list[Fields]) -> None:
        """Ask somebody what the ruling on a disclosure leaves open; `value` is its record, `told` who knows of it."""
        turn = way.turn
        request["on_duty"] = asked(self._duty, turn.now, 0, ReviewReason(request["reason"]))
        self._open(way, request, open_fields(request, value, ruling, told, turn.now))

    def ask_about(self, way: Way, rejected: UrgentRejected) -> None:
        """Have somebody look at a record of an urgent topic that was rejected; once, however often it is told."""
        turn, name = way.turn, rejected.review_id.encode()
        if turn.get(_OPEN + name) is not None or turn.get(_SETTLED + name) is not None:
            return
        deadline = turn.now + self._policies.in_force(turn.now).deadlines.emergency
        on_duty = asked(self._duty, turn.now, 0, ReviewReason.REJECTED)
        request = rejected_fields(rejected, turn.now, deadline, on_duty)
        self._open(way, request, {"request": request, "pressing": True})

    def ask_undelivered(self, way: Way, request: Fields) -> None:
        """Have somebody see to a report that no agency acknowledged; once for each of its sendings."""
        turn, name = way.turn, str(request["review_id"]).encode()
        if turn.get(_OPEN + name) is not None or turn.get(_SETTLED + name) is not None:
            return
        request = {**request, "on_duty": asked(self._duty, turn.now, 0, ReviewReason.UNDELIVERED)}
        is_urgent = request["undelivered"]["agency"] == Agency.EMERGENCY_999
        self._open(way, request, {"request": {**request, "section": None}, "pressing": is_urgent})

    def close_acknowledged(self, way: Way, review_id: str) -> None:
        """Close the review of a report that its agency acknowledged after all; nothing where there is none."""
        stored = way.turn.get(_OPEN + review_id.encode())
        if stored is not None:
            review = OpenReview.model_validate(decode(stored, "OpenReview")[1])
            self._end(way, review, {"decision": ReviewDecision.ACKNOWLEDGED.value, "by": None, "role": None})

    def ask_again(self, way: Way, review: OpenReview, outcome: ReviewOutcome) -> None:
        """Ask at the time that whoever did not reach the person gave; raise `Invalid` for one that is too late."""
        turn, at = way.turn, outcome.ask_again_at
        deadlines = self._policies.in_force(turn.now).deadlines
        latest = turn.now + (deadlines.emergency if review.pressing else deadlines.other)
        if at is None or not turn.now < at <= latest:
            raise Invalid.of("ask_again_at", f"must be after now and at the latest {latest.isoformat()}")
        request = review.request.model_copy(update={"deadline": at})
        self._ask_anew(way, review.model_copy(update={"request": request}))
        _outcomes.add(1, {Attribute.REVIEW_DECISION: outcome.decision.value})

    def due(self, timer: bytes, turn: Turn, cause: Cause, partition: int | None) -> None:
        """Ask the next person on duty: the deadline of a review has passed."""
        stored = turn.get(timer)
        if stored is None:
            return  # settled: nobody waits for it any more
        fields = decode(stored, "OpenReview")[1]
        review = escalated(OpenReview.model_validate(fields), self._duty, turn.now)
        request = review.request
        self._ask_anew(Way(turn, (request.person or request.review_id).encode(), cause, partition), review)
        if review.pressing:
            raise_review(turn, request.model_dump(), cause)
        _escalations.add(1, {Attribute.REVIEW_REASON: request.reason.value})

    def open_review(self, outcome: ReviewOutcome, turn: Turn) -> OpenReview | None:
        """Return the review that an outcome is about, None where another settled it: that is counted, and all.

        Raises `Invalid` where there is none.
        """
        name = outcome.review_id.encode()
        stored = turn.get(_OPEN + name)
        if stored is not None:
            return OpenReview.model_validate(decode(stored, "OpenReview")[1])
        if turn.get(_SETTLED + name) is None:
            raise Invalid.of("review_id", "is of no review that is open or was settled of late")
        _outcomes.add(1, {Attribute.REVIEW_DECISION: _LATE})
        return None

    def close(self, way: Way, review: OpenReview, outcome: ReviewOutcome, followed: Mapping[str, Any]) -> None:
        """Settle a review; `followed`: the decision, or the sending of a report, that came of it."""
        said = outcome.model_dump(exclude={"review_id", "decided_at", "facts", "agencies", "signature"})
        self._end(way, review, {**said, **followed})

    def _end(self, way: Way, review: OpenReview, said: Fields) -> None:
        turn, request = way.turn, review.request
        name = request.review_id.encode()
        turn.drop(_OPEN + name)
        turn.unschedule(_OPEN + name)
        turn.put(_SETTLED + name, b"", until=turn.now + _SETTLED_FOR)
        settled = {
            "decision_id": None,
            **said,
            "review_id": request.review_id,
            "person": request.person,
            "settled_at": turn.now,
        }
        way.send(TopicName.REVIEWS, "ReviewSettled", settled)
        if review.pressing:
            clear_review(turn, request.review_id, way.cause)
        _outcomes.add(1, {Attribute.REVIEW_DECISION: str(settled["decision"])})

    def _ask_anew(self, way: Way, review: OpenReview) -> None:
        """Write the request of an open review once more, and keep it as it is now."""
        turn, request = way.turn, review.request
        name = _OPEN + request.review_id.encode()
        way.send(TopicName.REVIEWS, "ReviewRequested", request.model_dump() | {"section": self._section(turn, review)})
        turn.put(name, encode("OpenReview", review.model_dump()))
        turn.schedule(name, request.deadline, cause=way.cause)

    def _section(self, turn: Turn, review: OpenReview) -> Any:
        if (about := review.request.undelivered) is not None:
            return section_of(turn, about.report_id)
        admitted = admitted_of(review)
        return None if admitted is None else section_fields(admitted)

    def _open(self, way: Way, request: Fields, kept: Fields) -> None:
        name = _OPEN + str(request["review_id"]).encode()
        way.send(TopicName.REVIEWS, "ReviewRequested", request)
        if kept["pressing"]:
            raise_review(way.turn, request, way.cause)
        way.turn.put(name, encode("OpenReview", kept))
        settled = _SETTLED + name.removeprefix(_OPEN)
        if way.turn.get(settled) is not None:
            # A disclosure that came again long after asks again.
            way.turn.drop(settled)
        way.turn.schedule(name, request["deadline"], cause=way.cause)


def admitted_of(review: OpenReview) -> Admitted | None:
    """Return the disclosure that a review is about, None where it is about a rejected record."""
    if review.admitted is None:
        return None
    return Admitted.model_validate(decode(review.admitted, "Admitted")[1])


def tell_of_rejected(record: Record, invalid: Invalid, turn: Turn) -> None:
    """Have DECIDE ask somebody to look at a rejected record, where its topic is urgent."""
    if record.topic in URGENT:
        told = urgent_rejected(record, invalid, turn)
        value = encode("UrgentRejected", told.model_dump())
        turn.send(TopicName.ADMITTED_URGENT, told.review_id.encode(), value, cause=Cause.of(record))


def urgent_rejected(record: Record, invalid: Invalid, turn: Turn) -> UrgentRejected:
    """Return what is said of a rejected record of an urgent topic: where it lies and why, nothing of what it holds."""
    first = invalid.problems[0].field if invalid.problems else ""
    return UrgentRejected(
        review_id=rejected_review_id(record.topic, record.partition, record.offset),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        field=first,
        reason=str(invalid)[:_MOST_OF_A_REASON],
        rejected_at=turn.now,
    )


def review_of(timer: bytes) -> str:
    """Return the id of the review that a timer escalates."""
    return timer.removeprefix(_OPEN).decode()


def timer_put_aside(work: PutAside, turn: Turn, changelog: str, partition: int) -> UrgentRejected:
    """Return what is said of a review whose escalation raises: where it was put aside, nothing of what it holds.

    The runtime gives it the time as its offset (`rejected-offset`).
    """
    offset = micros(turn.now)
    return UrgentRejected(
        review_id=rejected_review_id(changelog, partition, offset),
        topic=changelog,
        partition=partition,
        offset=offset,
        field="timer",
        reason=f"timer: the escalation of a review raised ({work.error}), and the review was put aside",
        rejected_at=turn.now,
    )
