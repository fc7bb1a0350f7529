"""DECIDE's reviews: opened, escalated at each deadline that passes without an outcome, and settled by the first."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from opentelemetry import metrics
from pydantic import ValidationError

from schemas.codec import encode
from schemas.errors import Invalid
from schemas.policy import Policies
from schemas.policy.duty import Duty
from schemas.records import Admitted, UrgentRejected
from schemas.reports import DeliveryChanged
from schemas.reviews import OpenReview
from schemas.telemetry import Attribute, Metric
from schemas.topics import KNOWN_DAYS, TopicName
from schemas.vocabulary import Agency, ReviewDecision, ReviewReason
from streams.agents.case_sender import CaseSender
from streams.agents.decoding import stored
from streams.agents.report_entry import section_of
from streams.agents.review_alarms import (
    clear_review,
    raise_review,
    shared_alarm,
    undelivered_ended,
    undelivered_escalated,
    undelivered_opened,
    undelivered_recounted,
)
from streams.domain.decisions import Fields, section_fields
from streams.domain.ids import undelivered_review_id
from streams.domain.policy import Ruling
from streams.domain.reviews import asked, escalated, open_fields, rejected_fields
from streams.domain.staff import StaffDirectory
from streams.runtime import Origin, Turn

_OPEN = b"r:"
_SETTLED = b"s:"
_OF_REPORT = b"u:"
#: When the last `not_reached` outcome of an open review was decided.
_NOT_REACHED = b"n:"
#: How long a settled review is known: as long as the id of its disclosure. A later outcome of it is rejected.
_SETTLED_FOR = timedelta(days=KNOWN_DAYS)
#: Value of the decision attribute for an outcome that came after its review was settled, or that came twice.
LATE = "late"

_meter = metrics.get_meter("confide.decide")
_escalations = _meter.create_counter(Metric.REVIEWS_ESCALATED, unit="{review}")
_outcomes = _meter.create_counter(Metric.REVIEW_OUTCOMES, unit="{outcome}")


class OpenReviews:
    """The open reviews of one lane.

    State:

    - `r:` + review id → `OpenReview` until it is settled, with a timer of that name at its deadline.
    - `n:` + review id → when the last `not_reached` outcome of it was decided (microseconds since 1970).
    - `s:` + review id → empty, for KNOWN_DAYS after it was settled.
    - `u:` + report id → the ids of the report's open reviews.
    - `a:` + agency → how many of its undelivered reports wait (`review_alarms`).
    """

    def __init__(self, policies: Policies, staff: Callable[[], StaffDirectory]) -> None:
        self._policies = policies
        self._staff = staff

    @property
    def _duty(self) -> Duty:
        return self._staff().duty

    def open_for_ruling(
        self, case: CaseSender, request: Fields, admitted: bytes, ruling: Ruling, reported: list[Fields]
    ) -> None:
        """Open the review that a ruling asks for.

        `admitted` is the encoded `Admitted`; `reported` are the fields of a `ToldBefore` for each agency with a report.
        """
        turn = case.turn
        request["on_duty"] = asked(self._duty, turn.now, 0, ReviewReason(request["reason"]))
        self._open(case, request, open_fields(request, admitted, ruling, reported, turn.now))

    def open_for_rejected(self, case: CaseSender, review_id: str, records: Sequence[UrgentRejected]) -> None:
        """Open a review of rejected records, with the emergency deadline."""
        now = case.turn.now
        deadline = now + self._policies.in_force(now).deadlines.emergency
        request = rejected_fields(review_id, records, now, deadline, self._duty)
        self._open(case, request, {"request": request, "pressing": True})

    def change(self, case: CaseSender, review: OpenReview) -> None:
        """Write the request of an open review again, as it is now; its deadline stays."""
        self._write_again(case, review, review.request.deadline)

    def open_for_undelivered(self, case: CaseSender, request: Fields) -> None:
        """Open the review of a report that no agency acknowledged: one for each sending of the report."""
        turn, name = case.turn, str(request["review_id"]).encode()
        if self.is_known(turn, request["review_id"]):
            return
        request = {**request, "on_duty": asked(self._duty, turn.now, 0, ReviewReason.UNDELIVERED)}
        is_urgent = request["undelivered"]["agency"] == Agency.EMERGENCY_999
        of_report = _OF_REPORT + str(request["undelivered"]["report_id"]).encode()
        turn.put(of_report, b" ".join((*(turn.get(of_report) or b"").split(), name)))
        self._open(case, request, {"request": {**request, "section": None}, "pressing": is_urgent})

    def is_known(self, turn: Turn, review_id: str) -> bool:
        """Return whether a review is open, or was settled in the last KNOWN_DAYS."""
        return turn.get(_OPEN + review_id.encode()) is not None or self.was_settled(turn, review_id)

    def was_settled(self, turn: Turn, review_id: str) -> bool:
        """Return whether a review was settled in the last KNOWN_DAYS."""
        return turn.get(_SETTLED + review_id.encode()) is not None

    def find(self, turn: Turn, review_id: str) -> OpenReview | None:
        """Return an open review, None if it is not open."""
        entry = turn.get(_OPEN + review_id.encode())
        return None if entry is None else stored(OpenReview, entry)

    def due(self, timer: bytes, turn: Turn, origin: Origin, partition: int | None) -> None:
        """Escalate a review whose deadline has passed: ask the next person on duty, and raise its alarm."""
        review_id = review_of(timer)
        known = self.find(turn, review_id)
        if known is None:
            return  # It was settled meanwhile.
        review = escalated(known, self._duty, turn.now)
        request = review.request
        key = (request.person or request.review_id).encode()
        self._write_again(CaseSender(turn, key, origin, partition), review, request.deadline)
        if review.pressing:
            raise_review(turn, request.model_dump(), origin)
        elif (agency := shared_alarm(review)) is not None:
            undelivered_escalated(turn, agency, request.escalation, origin, partition)
        _escalations.add(1, {Attribute.REVIEW_REASON: request.reason.value})

    def ask_again(self, case: CaseSender, review: OpenReview, timer_at: datetime, decided: int) -> None:
        """Put off an open review: write its request again with the new deadline, and escalate it at `timer_at`.

        `decided`: when that outcome was decided (microseconds since 1970), see `last_not_reached`.
        """
        self._write_again(case, review, timer_at)
        case.turn.put(_NOT_REACHED + review.request.review_id.encode(), b"%d" % decided)

    def last_not_reached(self, turn: Turn, review: OpenReview) -> int:
        """Return when the last `not_reached` outcome of a review was decided (microseconds since 1970); 0: never."""
        return int(turn.get(_NOT_REACHED + review.request.review_id.encode()) or 0)

    def close_acknowledged(self, case: CaseSender, changed: DeliveryChanged) -> None:
        """Close the reviews of a report that its agency acknowledged late; without open reviews this has no effect."""
        self._close_of_report(case, changed, ReviewDecision.ACKNOWLEDGED)

    def close_withdrawn(self, case: CaseSender, changed: DeliveryChanged) -> None:
        """Close the reviews of a report that is not sent, because it is part of an exercise."""
        self._close_of_report(case, changed, ReviewDecision.WITHDRAWN)

    def _close_of_report(self, case: CaseSender, changed: DeliveryChanged, decision: ReviewDecision) -> None:
        turn = case.turn
        ids = (turn.get(_OF_REPORT + changed.report_id.encode()) or b"").split()
        # Earlier releases did not list a report's reviews. The id of such a review follows from the report and sending.
        ids.append(undelivered_review_id(changed.report_id, changed.generation).encode())
        for name in dict.fromkeys(ids):
            entry = turn.get(_OPEN + name)
            if entry is None:
                continue
            review = stored(OpenReview, entry)
            about = review.request.undelivered
            if about is not None and about.agency is changed.agency:
                fields = {"decision": decision.value, "by": None, "role": None}
                self.close(case, review, {**fields, "report_id": changed.report_id, "reference": changed.reference})

    def close(self, case: CaseSender, review: OpenReview, fields: Fields) -> None:
        """Settle a review: end its entry, its timer and its alarm, and write `ReviewSettled` with these fields."""
        turn, request = case.turn, review.request
        name = request.review_id.encode()
        turn.drop(_OPEN + name)
        turn.unschedule(_OPEN + name)
        _forget_not_reached(turn, name)
        turn.put(_SETTLED + name, b"", until=turn.now + _SETTLED_FOR)
        if request.undelivered is not None:
            self._unlist(turn, request.undelivered.report_id, name)
        settled = {
            "decision_id": None,
            **fields,
            "review_id": request.review_id,
            "person": request.person,
            "settled_at": turn.now,
        }
        case.send(TopicName.REVIEWS, "ReviewSettled", settled)
        if review.pressing:
            clear_review(turn, request.review_id, case.origin)
        elif (agency := shared_alarm(review)) is not None:
            undelivered_ended(turn, agency, case.origin, case.partition)
        count_outcome(str(settled["decision"]))

    def clear_put_aside(self, timer: bytes, turn: Turn, origin: Origin, partition: int | None) -> None:
        """Clear the alarm of a review whose timer was put aside, and count the undelivered reports again.

        The review of the work that was put aside raises its own alarm.
        """
        clear_review(turn, review_of(timer), origin)
        _forget_not_reached(turn, timer.removeprefix(_OPEN))
        left = []
        for name, value in turn.scan(_OPEN):
            # An entry that cannot be read is not counted: its own timer puts it aside later.
            with suppress(Invalid, ValidationError):
                if name != timer:
                    left.append(stored(OpenReview, value))
        undelivered_recounted(turn, left, origin, partition)

    def has_section(self, turn: Turn, review: OpenReview) -> bool:
        """Return whether a review has a sealed section: without one, a console has no key to seal a comment with."""
        return self._section(turn, review) is not None

    def _open(self, case: CaseSender, request: Fields, entry: Fields) -> None:
        name = _OPEN + str(request["review_id"]).encode()
        case.send(TopicName.REVIEWS, "ReviewRequested", request)
        if entry["pressing"]:
            raise_review(case.turn, request, case.origin)
        elif (about := request.get("undelivered")) is not None:
            undelivered_opened(case.turn, Agency(about["agency"]), case.origin, case.partition)
        case.turn.put(name, encode("OpenReview", entry))
        settled = _SETTLED + name.removeprefix(_OPEN)
        if case.turn.get(settled) is not None:
            # The same disclosure came again after ADMIT forgot its id: its review has the same id, and is open again.
            case.turn.drop(settled)
        case.turn.schedule(name, request["deadline"], origin=case.origin)

    def _write_again(self, case: CaseSender, review: OpenReview, timer_at: datetime) -> None:
        """Write the request of an open review again, keep the review as it is now, and escalate it at `timer_at`."""
        turn, request = case.turn, review.request
        name = _OPEN + request.review_id.encode()
        case.send(TopicName.REVIEWS, "ReviewRequested", request.model_dump() | {"section": self._section(turn, review)})
        turn.put(name, encode("OpenReview", review.model_dump()))
        turn.schedule(name, timer_at, origin=case.origin)

    def _section(self, turn: Turn, review: OpenReview) -> Any:
        if (about := review.request.undelivered) is not None:
            return section_of(turn, about.report_id)
        admitted = admitted_of(review)
        return None if admitted is None else section_fields(admitted)

    def _unlist(self, turn: Turn, report_id: str, name: bytes) -> None:
        key = _OF_REPORT + report_id.encode()
        listed = turn.get(key)
        if listed is not None:
            others = [other for other in listed.split() if other != name]
            turn.put(key, b" ".join(others)) if others else turn.drop(key)


def admitted_of(review: OpenReview) -> Admitted | None:
    """Return the disclosure that a review is about; None if it is about a rejected record or a report."""
    return None if review.admitted is None else stored(Admitted, review.admitted)


def review_of(timer: bytes) -> str:
    """Return the id of the review that a timer escalates."""
    return timer.removeprefix(_OPEN).decode()


def count_outcome(decision: str) -> None:
    """Count an outcome by its decision, or as `LATE`."""
    _outcomes.add(1, {Attribute.REVIEW_DECISION: decision})


def _forget_not_reached(turn: Turn, review_id: bytes) -> None:
    if turn.get(_NOT_REACHED + review_id) is not None:
        turn.drop(_NOT_REACHED + review_id)
