"""DECIDE's reviews: asked for, escalated again and again while nobody answers, and settled by the first who does."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from opentelemetry import metrics
from pydantic import ValidationError

from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.policy.duty import Duty
from schemas.records import Admitted, DeliveryChanged, UrgentRejected
from schemas.reviews import OpenReview, ReviewOutcome
from schemas.telemetry import Attribute, Metric
from schemas.topics import KNOWN_DAYS, TopicName
from schemas.vocabulary import Agency, ReviewDecision, ReviewReason
from streams.agents.alarming import (
    clear_review,
    raise_review,
    shared_alarm,
    undelivered_ended,
    undelivered_escalated,
    undelivered_opened,
    undelivered_recounted,
)
from streams.agents.open_report import section_of
from streams.domain.decisions import Fields, section_fields
from streams.domain.ids import undelivered_review_id
from streams.domain.moments import Arrival, as_entered
from streams.domain.policy import Ruling
from streams.domain.reviews import asked, escalated, open_fields, rejected_fields
from streams.domain.staff import StaffDirectory
from streams.runtime import Cause, Turn
from streams.runtime.agent import micros

_OPEN = b"r:"
_SETTLED = b"s:"
_OF_REPORT = b"u:"
#: When the last outcome was decided that nobody was reached, while the review is open.
_NOT_REACHED = b"n:"
#: As long as a disclosure's id is known: an outcome that comes later still is of a review that nobody remembers.
_SETTLED_FOR = timedelta(days=KNOWN_DAYS)
_LATE = "late"

_meter = metrics.get_meter("confide.decide")
_escalations = _meter.create_counter(Metric.REVIEWS_ESCALATED, unit="{review}")
_outcomes = _meter.create_counter(Metric.REVIEW_OUTCOMES, unit="{outcome}")


@dataclass(frozen=True, slots=True)
class CaseSender:
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

    State: `r:` + review id → `OpenReview` until it is settled, with a timer of that name at its deadline; `n:` + review
    id → when the last `not_reached` of it was decided; `s:` + review id → nothing, for KNOWN_DAYS once it is settled;
    `u:` + report id → the ids of its reviews that are open; `a:` + agency → how many of its undelivered reports wait
    (`alarming`).
    """

    def __init__(self, policies: Policies, staff: Callable[[], StaffDirectory]) -> None:
        self._policies = policies
        self._staff = staff

    @property
    def _duty(self) -> Duty:
        return self._staff().duty

    def ask(self, way: CaseSender, request: Fields, value: bytes, ruling: Ruling, told: list[Fields]) -> None:
        """Ask somebody what the ruling on a disclosure leaves open; `value` is its record, `told` who knows of it."""
        turn = way.turn
        request["on_duty"] = asked(self._duty, turn.now, 0, ReviewReason(request["reason"]))
        self._open(way, request, open_fields(request, value, ruling, told, turn.now))

    def ask_about(self, way: CaseSender, rejected: UrgentRejected) -> None:
        """Have somebody look at a record that was rejected; once, however often it is told."""
        turn, name = way.turn, rejected.review_id.encode()
        if turn.get(_OPEN + name) is not None or turn.get(_SETTLED + name) is not None:
            return
        deadline = turn.now + self._policies.in_force(turn.now).deadlines.emergency
        reason = ReviewReason.REJECTED if rejected.conflict is None else ReviewReason.CONFLICTING_ID
        on_duty = asked(self._duty, turn.now, 0, reason)
        request = rejected_fields(rejected, reason, turn.now, deadline, on_duty)
        self._open(way, request, {"request": request, "pressing": True})

    def ask_undelivered(self, way: CaseSender, request: Fields) -> None:
        """Have somebody see to a report that no agency acknowledged; once for each of its sendings."""
        turn, name = way.turn, str(request["review_id"]).encode()
        if self.is_known(turn, request["review_id"]):
            return
        request = {**request, "on_duty": asked(self._duty, turn.now, 0, ReviewReason.UNDELIVERED)}
        is_urgent = request["undelivered"]["agency"] == Agency.EMERGENCY_999
        of_report = _OF_REPORT + str(request["undelivered"]["report_id"]).encode()
        turn.put(of_report, b" ".join((*(turn.get(of_report) or b"").split(), name)))
        self._open(way, request, {"request": {**request, "section": None}, "pressing": is_urgent})

    def is_known(self, turn: Turn, review_id: str) -> bool:
        """Return whether a review is open, or was settled of late."""
        name = review_id.encode()
        return turn.get(_OPEN + name) is not None or turn.get(_SETTLED + name) is not None

    def close_acknowledged(self, way: CaseSender, changed: DeliveryChanged) -> None:
        """Close the reviews of a report that its agency acknowledged after all; nothing where there is none."""
        turn = way.turn
        ids = (turn.get(_OF_REPORT + changed.report_id.encode()) or b"").split()
        # A review from before they were listed by report.
        ids.append(undelivered_review_id(changed.report_id, changed.generation).encode())
        for name in dict.fromkeys(ids):
            stored = turn.get(_OPEN + name)
            if stored is None:
                continue
            review = OpenReview.model_validate(decode(stored, "OpenReview")[1])
            about = review.request.undelivered
            if about is not None and about.agency is changed.agency:
                said = {"decision": ReviewDecision.ACKNOWLEDGED.value, "by": None, "role": None}
                self._end(way, review, {**said, "report_id": changed.report_id, "reference": changed.reference})

    def ask_again(self, way: CaseSender, review: OpenReview, outcome: ReviewOutcome, arrival: Arrival) -> None:
        """Ask at the time that whoever did not reach the person gave; raise `Invalid` for one that is too late.

        The same outcome once more changes nothing; one that was decided before the last is refused with `Invalid`.
        """
        turn, at = way.turn, outcome.ask_again_at
        name = _NOT_REACHED + review.request.review_id.encode()
        decided, last = micros(outcome.decided_at), int(turn.get(name) or 0)
        if decided < last:
            raise Invalid.of("decided_at", "is before that of the outcome which said last when to ask again")
        if decided == last:
            _outcomes.add(1, {Attribute.REVIEW_DECISION: _LATE})
            return
        deadlines = self._policies.in_force(turn.now).deadlines
        latest = arrival.now + (deadlines.emergency if review.pressing else deadlines.other)
        if at is None or not arrival.now < at <= latest:
            raise Invalid.of("ask_again_at", f"must be after now and at the latest {as_entered(latest)}")
        request = review.request.model_copy(update={"deadline": at})
        # Its timer counts the wait, by this clock: one that is behind would ask too late.
        self._ask_anew(way, review.model_copy(update={"request": request}), turn.now + (at - arrival.now))
        turn.put(name, b"%d" % decided)
        _outcomes.add(1, {Attribute.REVIEW_DECISION: outcome.decision.value})

    def due(self, timer: bytes, turn: Turn, cause: Cause, partition: int | None) -> None:
        """Ask the next person on duty: the deadline of a review has passed."""
        stored = turn.get(timer)
        if stored is None:
            return  # settled: nobody waits for it any more
        fields = decode(stored, "OpenReview")[1]
        review = escalated(OpenReview.model_validate(fields), self._duty, turn.now)
        request = review.request
        self._ask_anew(
            CaseSender(turn, (request.person or request.review_id).encode(), cause, partition), review, request.deadline
        )
        if review.pressing:
            raise_review(turn, request.model_dump(), cause)
        elif (agency := shared_alarm(review)) is not None:
            undelivered_escalated(turn, agency, request.escalation, cause, partition)
        _escalations.add(1, {Attribute.REVIEW_REASON: request.reason.value})

    def clear_put_aside(self, timer: bytes, turn: Turn, cause: Cause, partition: int | None) -> None:
        """Clear the alarm of a review that was put aside: the review which asks about it has one of its own."""
        clear_review(turn, review_of(timer), cause)
        _forget_not_reached(turn, timer.removeprefix(_OPEN))
        left = []
        for name, value in turn.scan(_OPEN):
            with suppress(Invalid, ValidationError):  # one that cannot be read is put aside in its turn
                if name != timer:
                    left.append(OpenReview.model_validate(decode(value, "OpenReview")[1]))
        undelivered_recounted(turn, left, cause, partition)

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

    def close(self, way: CaseSender, review: OpenReview, outcome: ReviewOutcome, followed: Mapping[str, Any]) -> None:
        """Settle a review; `followed`: the decision, or the sending of a report, that came of it."""
        said = outcome.model_dump(exclude={"review_id", "decided_at", "agencies", "signature"})
        self._end(way, review, {**said, **followed})

    def _end(self, way: CaseSender, review: OpenReview, said: Fields) -> None:
        turn, request = way.turn, review.request
        name = request.review_id.encode()
        turn.drop(_OPEN + name)
        turn.unschedule(_OPEN + name)
        _forget_not_reached(turn, name)
        turn.put(_SETTLED + name, b"", until=turn.now + _SETTLED_FOR)
        if request.undelivered is not None:
            self._unlist(turn, request.undelivered.report_id, name)
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
        elif (agency := shared_alarm(review)) is not None:
            undelivered_ended(turn, agency, way.cause, way.partition)
        _outcomes.add(1, {Attribute.REVIEW_DECISION: str(settled["decision"])})

    def _unlist(self, turn: Turn, report_id: str, name: bytes) -> None:
        key = _OF_REPORT + report_id.encode()
        stored = turn.get(key)
        if stored is not None:
            others = [other for other in stored.split() if other != name]
            turn.put(key, b" ".join(others)) if others else turn.drop(key)

    def _ask_anew(self, way: CaseSender, review: OpenReview, at: datetime) -> None:
        """Write the request of an open review once more, keep it as it is now, and escalate it at that time."""
        turn, request = way.turn, review.request
        name = _OPEN + request.review_id.encode()
        way.send(TopicName.REVIEWS, "ReviewRequested", request.model_dump() | {"section": self._section(turn, review)})
        turn.put(name, encode("OpenReview", review.model_dump()))
        turn.schedule(name, at, cause=way.cause)

    def has_section(self, turn: Turn, review: OpenReview) -> bool:
        """Return whether a review has a section, with which what staff say of it can be sealed."""
        return self._section(turn, review) is not None

    def _section(self, turn: Turn, review: OpenReview) -> Any:
        if (about := review.request.undelivered) is not None:
            return section_of(turn, about.report_id)
        admitted = admitted_of(review)
        return None if admitted is None else section_fields(admitted)

    def _open(self, way: CaseSender, request: Fields, kept: Fields) -> None:
        name = _OPEN + str(request["review_id"]).encode()
        way.send(TopicName.REVIEWS, "ReviewRequested", request)
        if kept["pressing"]:
            raise_review(way.turn, request, way.cause)
        elif (about := request.get("undelivered")) is not None:
            undelivered_opened(way.turn, Agency(about["agency"]), way.cause, way.partition)
        way.turn.put(name, encode("OpenReview", kept))
        settled = _SETTLED + name.removeprefix(_OPEN)
        if way.turn.get(settled) is not None:
            # A disclosure that came again long after asks again.
            way.turn.drop(settled)
        way.turn.schedule(name, request["deadline"], cause=way.cause)


def _forget_not_reached(turn: Turn, review_id: bytes) -> None:
    if turn.get(_NOT_REACHED + review_id) is not None:
        turn.drop(_NOT_REACHED + review_id)


def admitted_of(review: OpenReview) -> Admitted | None:
    """Return the disclosure that a review is about, None where it is about a rejected record."""
    if review.admitted is None:
        return None
    return Admitted.model_validate(decode(review.admitted, "Admitted")[1])


def review_of(timer: bytes) -> str:
    """Return the id of the review that a timer escalates."""
    return timer.removeprefix(_OPEN).decode()
