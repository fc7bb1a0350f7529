"""DECIDE's open reports: each is acknowledged, or a human takes it over once its agency's limit has passed.

DECIDE does this from `deliveries` and its own timers. So it works even if a connector is dead, refuses to work or was
started with wrong keys. See decision 0022.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from schemas.agencies import AGENCIES
from schemas.codec import decode_own, encode
from schemas.errors import Invalid
from schemas.reports import MOST_SENDINGS, DeliveryChanged, OpenReport, Report
from schemas.topics import FINISHED_DAYS
from schemas.vocabulary import Agency, DeliveryState, NoticeStands, Refusal, StopReason
from streams.agents.beat import BEAT, Beat, schedule
from streams.agents.case_sender import CaseSender
from streams.agents.notices import Notices
from streams.agents.open_reviews import OpenReviews
from streams.agents.report_entry import PREFIX, name_of, open_report, readable, report_of
from streams.domain.delivery import LIMIT_PASSED
from streams.domain.hand_over import (
    ACKNOWLEDGED,
    EXERCISE,
    LONGEST_LIMIT,
    PUT_ASIDE,
    again,
    first_unknown_attempt,
    limit_of,
    stopped_fields,
    time_left,
    undelivered_fields,
    unknown_fields,
    unreadable_fields,
)
from streams.domain.ids import undelivered_review_id
from streams.runtime import Origin, PutAside, Turn

_DONE = b"q:"
_UNKNOWN_ATTEMPT = b"t:"
#: A limit with less time left counts as passed: the lane's seconds at work are exact to less than a microsecond only.
_PASSED = timedelta(milliseconds=1)
#: How long after a report is closed a delivery step of it may still come: connectors keep their entries as long.
_DONE_FOR = timedelta(days=FINISHED_DAYS)
#: How long a withdrawn report is kept: an attempt under way when it was withdrawn may be acknowledged in that time.
_WITHDRAWN_FOR = timedelta(days=2)

Fields = Mapping[str, Any]


class OpenReports:
    """The open reports of one lane.

    State:

    - `p:` + report id → `OpenReport` until it is acknowledged or staff close it; its timer has the same name.
    - `t:` + report id → the number of the first attempt by which its agency may have it.
    - `q:` + report id → its agency, once the report is closed.
    - `h` → the lane's beat, with a timer, while any report is open.
    """

    def __init__(self, reviews: OpenReviews, notices: Notices) -> None:
        self._reviews = reviews
        self._notices = notices
        self._beat = Beat()

    def alive(self, turn: Turn) -> None:
        """Record that the lane is at work."""
        self._beat.alive(turn)

    def watch(self, case: CaseSender, report: Fields, notice: Fields | None) -> None:
        """Keep a report that is sent in this turn, with its notice, until it is acknowledged or its limit passes."""
        turn = case.turn
        model = Report.model_validate(report)
        self._beat.count(turn, 1)
        entry = OpenReport(
            report=encode("Report", report),
            notice=None if notice is None else encode("NotificationDue", notice),
            generation=model.generation,
            worked=self._beat.worked(turn),
        )
        self._put(turn, model.report_id, entry)
        turn.schedule(name_of(model.report_id), turn.now + limit_of(model.agency), origin=case.origin)

    def apply_step(self, case: CaseSender, changed: DeliveryChanged) -> None:
        """Apply a delivery step to its report; raise `Invalid` for a step of another agency or an unknown sending."""
        entry = open_report(case.turn, changed.report_id)
        if entry is not None:
            fields = decode_own(entry.report, "Report")[1]
            _refuse_other(changed, fields["agency"], entry.generation)
            # The step itself may lack the person: a connector that cannot read its own entry does not know it.
            case = replace(case, key=fields["person"].encode())
            self._note_attempt(case, changed, entry)
        elif done := case.turn.get(_DONE + changed.report_id.encode()):
            _refuse_other(changed, done.decode(), None)
        if changed.state in ACKNOWLEDGED:
            self._acknowledged(case, changed, entry)
        elif changed.state is DeliveryState.FAILED:
            self._failed(case, changed, entry)

    def due(self, timer: bytes, turn: Turn, origin: Origin, partition: int | None) -> None:
        """Hand over a report whose limit has passed, or record the lane's beat."""
        self.alive(turn)
        if timer == BEAT:
            self._beat.resume(turn)
            return
        report_id = timer.removeprefix(PREFIX).decode()
        entry = open_report(turn, report_id)
        if entry is None:
            return
        report = report_of(entry)
        left = time_left(entry, report.agency, self._beat.worked(turn))
        if left > _PASSED:
            turn.schedule(timer, turn.now + left, origin=origin)
            # Without a beat every wait would count as an outage, and the report would never be handed over.
            schedule(turn)
            return
        self._hand_over(CaseSender(turn, report.person.encode(), origin, partition), report, LIMIT_PASSED)

    def send_again(self, case: CaseSender, entry: OpenReport, report: Report) -> Fields:
        """Send a report again, with a new limit, and return the id and the number of the new sending.

        Raises `Invalid` after MOST_SENDINGS sendings.
        """
        turn = case.turn
        if report.generation >= MOST_SENDINGS:
            raise Invalid.of("decision", f"the report was sent {MOST_SENDINGS} times: it cannot be sent again")
        fields = again(report, turn.now)
        case.send(AGENCIES[report.agency].reports, "Report", fields)
        anew = entry.model_copy(
            update={
                "report": encode("Report", fields),
                "generation": fields["generation"],
                "worked": self._beat.worked(turn),
            }
        )
        self._put(turn, report.report_id, anew)
        turn.schedule(name_of(report.report_id), turn.now + limit_of(report.agency), origin=case.origin)
        return {"report_id": report.report_id, "generation": fields["generation"]}

    def close_told_by_phone(self, case: CaseSender, entry: OpenReport, report: Report) -> None:
        """Close a report whose agency staff told by phone: stop its attempts and write its notice."""
        case.send(
            AGENCIES[report.agency].reports,
            "ReportStopped",
            stopped_fields(report, StopReason.TOLD_BY_PHONE, case.turn.now),
        )
        self._write_notice(case, entry, NoticeStands.TOLD)
        self._end(case.turn, report.report_id, report.agency)

    def withdraw(self, case: CaseSender, entry: OpenReport, report: Report, refusal: Refusal | None) -> None:
        """Withdraw a report: stop its attempts, write its notice, and keep it for 2 days without a limit.

        It is kept because an attempt that is under way may be acknowledged: the notice is corrected then.
        """
        turn, report_id = case.turn, report.report_id
        case.send(
            AGENCIES[report.agency].reports, "ReportStopped", stopped_fields(report, StopReason.WITHDRAWN, turn.now)
        )
        attempt = turn.get(_UNKNOWN_ATTEMPT + report_id.encode())
        self._write_notice(case, entry, _withdrawn_as(refusal, may_have_reached=attempt is not None))
        self._beat.count(turn, -1)
        self._put_done(turn, report_id, report.agency)
        withdrawn = entry.model_copy(update={"is_withdrawn": True})
        self._put(turn, report_id, withdrawn, until=_WITHDRAWN_FOR)
        if attempt is not None:
            turn.put(_UNKNOWN_ATTEMPT + report_id.encode(), attempt, until=turn.now + _WITHDRAWN_FOR)
        turn.unschedule(name_of(report_id))

    def close_unreadable(self, turn: Turn, report_id: str) -> None:
        """Close a report whose entry is missing or cannot be read: nothing of it can be sent or stopped."""
        if turn.get(name_of(report_id)) is not None:
            self._end(turn, report_id, None)
        self._put_done(turn, report_id, None)

    def put_aside(self, work: PutAside, case: CaseSender) -> None:
        """Open a review of the report whose timer or entry raised; the lane's beat continues."""
        turn = case.turn
        name = work.timer or work.entry or b""
        if name == BEAT:
            # The beat's entry is dropped with it, so the reports are counted again, this once over the whole state. An
            # entry that cannot be read counts as open until its own timer is put aside. How long the lane was at work
            # is not known any more, so each open report counts as past its limit when its timer is due.
            found_all = [readable(value) for _, value in turn.scan(PREFIX)]
            open_now = sum(found is None or not found[0].is_withdrawn for found in found_all)
            worked = max((found[0].worked for found in found_all if found), default=0.0)
            self._beat.begin_anew(turn, open_now, worked + LONGEST_LIMIT.total_seconds())
            return
        report_id = name.removeprefix(PREFIX).decode("ascii", "replace")
        found = readable(work.value)
        if found is None:
            if work.value is not None:
                self._beat.count(turn, -1)
            self._hand_over_unreadable(case, report_id)
            return
        entry, report = found
        self._put(turn, report_id, entry)
        self._hand_over(replace(case, key=report.person.encode()), report, PUT_ASIDE)

    def _acknowledged(self, case: CaseSender, changed: DeliveryChanged, entry: OpenReport | None) -> None:
        self._reviews.close_acknowledged(case, changed)
        if entry is None:
            return
        self._write_notice(case, entry, NoticeStands.TOLD)
        if entry.is_withdrawn:
            case.turn.drop(name_of(changed.report_id))
            case.turn.drop(_UNKNOWN_ATTEMPT + changed.report_id.encode())
        else:
            self._end(case.turn, changed.report_id, changed.agency)

    def _note_attempt(self, case: CaseSender, changed: DeliveryChanged, entry: OpenReport) -> None:
        """Record whether the agency may have the report by an attempt with an unknown outcome."""
        turn, key = case.turn, _UNKNOWN_ATTEMPT + changed.report_id.encode()
        stored = turn.get(key)
        before = None if stored is None else int(stored)
        after = first_unknown_attempt(before, changed)
        if after is None:
            if before is not None:
                turn.drop(key)
        elif after != before:
            turn.put(key, b"%d" % after, until=turn.now + _WITHDRAWN_FOR if entry.is_withdrawn else None)
            if before is None and entry.is_withdrawn:
                # The attempt began before it was stopped. Its record reached this lane after the withdrawal.
                self._write_notice(case, entry, NoticeStands.MAYBE_TOLD)

    def _failed(self, case: CaseSender, changed: DeliveryChanged, entry: OpenReport | None) -> None:
        if entry is not None:
            if entry.is_withdrawn or changed.generation != entry.generation:
                return
            report = report_of(entry)
            if report.exercise and _is_kept_back(changed):
                # Its agency is live, so it did not get the report. Nobody is called in its stead.
                self._reviews.close_withdrawn(case, changed)
                self._write_notice(case, entry, NoticeStands.NOT_TOLD)
                self._end(case.turn, report.report_id, report.agency)
            else:
                self._hand_over(case, report, changed.reason or LIMIT_PASSED)
        elif case.turn.get(_DONE + changed.report_id.encode()) is None and not _is_kept_back(changed):
            request = unknown_fields(changed, case.turn.now)
            key = changed.person or request["review_id"]
            self._reviews.open_for_undelivered(replace(case, key=key.encode()), request)

    def _hand_over(self, case: CaseSender, report: Report, failure: str) -> None:
        case.turn.unschedule(name_of(report.report_id))
        self._reviews.open_for_undelivered(case, undelivered_fields(report, failure, case.turn.now))

    def _hand_over_unreadable(self, case: CaseSender, report_id: str) -> None:
        """Open the review of a report with a known id alone, for the first sending that has had no review yet."""
        turn = case.turn
        for generation in range(1, MOST_SENDINGS + 1):
            review_id = undelivered_review_id(report_id, generation)
            if not self._reviews.is_known(turn, review_id):
                case = replace(case, key=review_id.encode())
                self._reviews.open_for_undelivered(case, unreadable_fields(report_id, generation, turn.now))
                return

    def _write_notice(self, case: CaseSender, entry: OpenReport, stands: NoticeStands) -> None:
        """Write the report's notice again, with the state that the report has now."""
        if entry.notice is not None:
            self._notices.write(case, decode_own(entry.notice, "NotificationDue")[1], stands)

    def _end(self, turn: Turn, report_id: str, agency: Agency | None) -> None:
        turn.drop(name_of(report_id))
        turn.drop(_UNKNOWN_ATTEMPT + report_id.encode())
        turn.unschedule(name_of(report_id))
        self._put_done(turn, report_id, agency)
        self._beat.count(turn, -1)

    def _put_done(self, turn: Turn, report_id: str, agency: Agency | None) -> None:
        value = b"" if agency is None else agency.value.encode()
        turn.put(_DONE + report_id.encode(), value, until=turn.now + _DONE_FOR)

    def _put(self, turn: Turn, report_id: str, entry: OpenReport, until: timedelta | None = None) -> None:
        ends = None if until is None else turn.now + until
        turn.put(name_of(report_id), encode("OpenReport", entry.model_dump()), until=ends)


def _is_kept_back(changed: DeliveryChanged) -> bool:
    """Return whether a live connector did not send a report because it is part of an exercise."""
    return changed.exercise and changed.reason == EXERCISE


def is_of_report(timer: bytes) -> bool:
    """Return whether a timer of DECIDE belongs to an open report, or to the lane's beat."""
    return timer == BEAT or timer.startswith(PREFIX)


def _refuse_other(changed: DeliveryChanged, agency: str, sent: int | None) -> None:
    """Raise `Invalid` for a step of another agency than the report's, or of a sending that was never sent."""
    if changed.agency != agency:
        raise Invalid.of("agency", "is not the agency of this report")
    if sent is not None and changed.generation > sent:
        raise Invalid.of("generation", "is of no sending of this report")


def _withdrawn_as(refusal: Refusal | None, *, may_have_reached: bool) -> NoticeStands:
    """Return the state of a withdrawn report for its notice, which must be true in each case."""
    if refusal is Refusal.ALREADY_REPORTED:
        return NoticeStands.ALREADY_TOLD
    return NoticeStands.MAYBE_TOLD if may_have_reached else NoticeStands.NOT_TOLD
