"""DECIDE's open reports: each is acknowledged, or a human has it once its agency's limit has passed.

DECIDE alone sees to this, from `deliveries` and by timers of its own, so that it does not matter whether a connector is
dead, refuses to work or was started with wrong keys. See decision 0022.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from schemas.agencies import AGENCIES
from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.records import MOST_SENDINGS, DeliveryChanged, OpenReport, Report, Undelivered
from schemas.reviews import ReviewOutcome
from schemas.topics import SETTLED_DAYS
from schemas.vocabulary import Agency, DeliveryState, NoticeStands, Refusal, ReviewDecision, StopReason
from streams.agents.beat import BEAT, Beat, schedule
from streams.agents.open_report import PREFIX, name_of, open_report, readable, report_of
from streams.agents.reviewing import CaseSender, Reviews
from streams.agents.telling import Notices
from streams.domain.delivery import LIMIT_PASSED
from streams.domain.hand_over import (
    ACKNOWLEDGED,
    LONGEST_LIMIT,
    PUT_ASIDE,
    again,
    check_told_at,
    limit_of,
    stopped_fields,
    time_left,
    undelivered_fields,
    unknown_fields,
    unreadable_fields,
    unsure_since,
)
from streams.domain.ids import undelivered_review_id
from streams.domain.moments import Arrival
from streams.runtime import Cause, PutAside, Turn

_DONE = b"q:"
_UNSURE = b"t:"
#: A limit that is so near has passed: seconds since 1970 are exact to less than a microsecond only.
_PASSED = timedelta(milliseconds=1)
#: For as long as a delivery of a settled report may come: connectors keep their marks as long.
_DONE_FOR = timedelta(days=SETTLED_DAYS)
#: How long a report that was withdrawn is kept: an attempt that was under way may be acknowledged in that time.
_WITHDRAWN_FOR = timedelta(days=2)

Fields = Mapping[str, Any]


class OpenReports:
    """The open reports of one lane.

    State: `p:` + report id → `OpenReport` until it is acknowledged or a human settled it, with a timer of that name at
    its limit; `t:` + report id → the attempt since which its agency may have it; `q:` + report id → its agency,
    afterwards; `h` → the lane's beat, with a timer, while any is open.
    """

    def __init__(self, reviews: Reviews, notices: Notices) -> None:
        self._reviews = reviews
        self._notices = notices
        self._beat = Beat()

    def alive(self, turn: Turn) -> None:
        """Note that the lane is at work."""
        self._beat.alive(turn)

    def watch(self, way: CaseSender, report: Fields, notice: Fields | None) -> None:
        """Keep a report that is sent now, with the notice that is due of it, until it is acknowledged."""
        turn = way.turn
        model = Report.model_validate(report)
        self._beat.count(turn, 1)
        kept = OpenReport(
            report=encode("Report", report),
            notice=None if notice is None else encode("NotificationDue", notice),
            generation=model.generation,
            worked=self._beat.worked(turn),
        )
        self._put(turn, model.report_id, kept)
        turn.schedule(name_of(model.report_id), turn.now + limit_of(model.agency), cause=way.cause)

    def take(self, way: CaseSender, changed: DeliveryChanged) -> None:
        """Take a step in the life of a report; raise `Invalid` where it is none of this report."""
        kept = open_report(way.turn, changed.report_id)
        if kept is not None:
            fields = decode(kept.report, "Report")[1]
            _refuse_other(changed, fields["agency"], kept.generation)
            # A connector that cannot read its own entry does not know the person.
            way = replace(way, key=fields["person"].encode())
            self._note_attempt(way, changed, kept)
        elif done := way.turn.get(_DONE + changed.report_id.encode()):
            _refuse_other(changed, done.decode(), None)
        if changed.state in ACKNOWLEDGED:
            self._acknowledged(way, changed, kept)
        elif changed.state is DeliveryState.FAILED:
            self._failed(way, changed, kept)

    def due(self, timer: bytes, turn: Turn, cause: Cause, partition: int | None) -> None:
        """Hand a report over whose limit has passed, or say that the lane is alive."""
        self.alive(turn)
        if timer == BEAT:
            self._beat.resume(turn)
            return
        report_id = timer.removeprefix(PREFIX).decode()
        kept = open_report(turn, report_id)
        if kept is None:
            return
        report = report_of(kept)
        left = time_left(kept, report.agency, self._beat.worked(turn))
        if left > _PASSED:
            turn.schedule(timer, turn.now + left, cause=cause)
            # Without it every wait would count as an outage, and the report would never be handed over.
            schedule(turn)
            return
        self._ask(CaseSender(turn, report.person.encode(), cause, partition), report, LIMIT_PASSED)

    def settle(self, way: CaseSender, about: Undelivered, outcome: ReviewOutcome, arrival: Arrival) -> Fields:
        """Carry out what staff made of an undelivered report, and return what followed for its `ReviewSettled`.

        Raises `Invalid` where it cannot be carried out.
        """
        turn, report_id = way.turn, about.report_id
        if outcome.told_at is not None:
            check_told_at(outcome.told_at, about.reported_at, arrival)
        found = readable(turn.get(name_of(report_id)))
        if outcome.decision is ReviewDecision.SEND_AGAIN:
            if found is None:
                raise Invalid.of("decision", "the report itself cannot be read: it cannot be sent again")
            return self._send_again(way, *found)
        if found is None:
            if turn.get(name_of(report_id)) is not None:
                self._end(turn, report_id, None)
            self._mark_done(turn, report_id, None)
            return {"report_id": report_id}
        kept, report = found
        told = outcome.decision is ReviewDecision.TOLD_BY_PHONE
        why = StopReason.TOLD_BY_PHONE if told else StopReason.WITHDRAWN
        way.send(AGENCIES[report.agency].reports, "ReportStopped", stopped_fields(report, why, turn.now))
        if told:
            self._say(way, kept, NoticeStands.TOLD)
            self._end(turn, report_id, report.agency)
        else:
            unsure = turn.get(_UNSURE + report_id.encode())
            self._say(way, kept, _withdrawn_as(outcome, is_unsure=unsure is not None))
            self._beat.count(turn, -1)
            self._mark_done(turn, report_id, report.agency)
            withdrawn = kept.model_copy(update={"is_withdrawn": True})
            self._put(turn, report_id, withdrawn, until=_WITHDRAWN_FOR)
            if unsure is not None:
                turn.put(_UNSURE + report_id.encode(), unsure, until=turn.now + _WITHDRAWN_FOR)
            turn.unschedule(name_of(report_id))
        return {"report_id": report_id}

    def put_aside(self, work: PutAside, way: CaseSender) -> None:
        """Ask staff about the report whose timer or entry raised; the lane's beat goes on."""
        turn = way.turn
        name = work.timer or work.entry or b""
        if name == BEAT:
            # Its entry is gone with it: the reports are counted anew, this once over the whole state. One that cannot
            # be read counts as open, until its own timer is put aside. For how long the lane was at work is not known:
            # each report that is open has had its limit when its timer is due.
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
            self._ask_unreadable(way, report_id)
            return
        kept, report = found
        self._put(turn, report_id, kept)
        self._ask(replace(way, key=report.person.encode()), report, PUT_ASIDE)

    def _acknowledged(self, way: CaseSender, changed: DeliveryChanged, kept: OpenReport | None) -> None:
        self._reviews.close_acknowledged(way, changed)
        if kept is None:
            return
        self._say(way, kept, NoticeStands.TOLD)
        if kept.is_withdrawn:
            way.turn.drop(name_of(changed.report_id))
            way.turn.drop(_UNSURE + changed.report_id.encode())
        else:
            self._end(way.turn, changed.report_id, changed.agency)

    def _note_attempt(self, way: CaseSender, changed: DeliveryChanged, kept: OpenReport) -> None:
        """Record whether the agency may have the report by an attempt of which the outcome is not known."""
        turn, key = way.turn, _UNSURE + changed.report_id.encode()
        stored = turn.get(key)
        before = None if stored is None else int(stored)
        after = unsure_since(before, changed)
        if after is None:
            if before is not None:
                turn.drop(key)
        elif after != before:
            turn.put(key, b"%d" % after, until=turn.now + _WITHDRAWN_FOR if kept.is_withdrawn else None)
            if before is None and kept.is_withdrawn:
                # It began before it was stopped, and was on its way to this lane when the report was withdrawn.
                self._say(way, kept, NoticeStands.MAYBE_TOLD)

    def _failed(self, way: CaseSender, changed: DeliveryChanged, kept: OpenReport | None) -> None:
        if kept is not None:
            if not kept.is_withdrawn and changed.generation == kept.generation:
                self._ask(way, report_of(kept), changed.reason or LIMIT_PASSED)
        elif way.turn.get(_DONE + changed.report_id.encode()) is None:
            request = unknown_fields(changed, way.turn.now)
            key = changed.person or request["review_id"]
            self._reviews.ask_undelivered(replace(way, key=key.encode()), request)

    def _ask(self, way: CaseSender, report: Report, failure: str) -> None:
        way.turn.unschedule(name_of(report.report_id))
        self._reviews.ask_undelivered(way, undelivered_fields(report, failure, way.turn.now))

    def _send_again(self, way: CaseSender, kept: OpenReport, report: Report) -> Fields:
        turn = way.turn
        if report.generation >= MOST_SENDINGS:
            raise Invalid.of("decision", f"the report was sent {MOST_SENDINGS} times: it cannot be sent again")
        fields = again(report, turn.now)
        way.send(AGENCIES[report.agency].reports, "Report", fields)
        anew = kept.model_copy(
            update={
                "report": encode("Report", fields),
                "generation": fields["generation"],
                "worked": self._beat.worked(turn),
            }
        )
        self._put(turn, report.report_id, anew)
        turn.schedule(name_of(report.report_id), turn.now + limit_of(report.agency), cause=way.cause)
        return {"report_id": report.report_id, "generation": fields["generation"]}

    def _say(self, way: CaseSender, kept: OpenReport, stands: NoticeStands) -> None:
        """Tell the notifier where the report stands now."""
        if kept.notice is not None:
            self._notices.write(way, decode(kept.notice, "NotificationDue")[1], stands)

    def _ask_unreadable(self, way: CaseSender, report_id: str) -> None:
        """Ask about a report of which only the id is known, as a sending of which no review was asked for yet."""
        turn = way.turn
        for generation in range(1, MOST_SENDINGS + 1):
            review_id = undelivered_review_id(report_id, generation)
            if not self._reviews.is_known(turn, review_id):
                way = replace(way, key=review_id.encode())
                self._reviews.ask_undelivered(way, unreadable_fields(report_id, generation, turn.now))
                return

    def _end(self, turn: Turn, report_id: str, agency: Agency | None) -> None:
        turn.drop(name_of(report_id))
        turn.drop(_UNSURE + report_id.encode())
        turn.unschedule(name_of(report_id))
        self._mark_done(turn, report_id, agency)
        self._beat.count(turn, -1)

    def _mark_done(self, turn: Turn, report_id: str, agency: Agency | None) -> None:
        value = b"" if agency is None else agency.value.encode()
        turn.put(_DONE + report_id.encode(), value, until=turn.now + _DONE_FOR)

    def _put(self, turn: Turn, report_id: str, kept: OpenReport, until: timedelta | None = None) -> None:
        ends = None if until is None else turn.now + until
        turn.put(name_of(report_id), encode("OpenReport", kept.model_dump()), until=ends)


def is_of_report(timer: bytes) -> bool:
    """Return whether a timer of DECIDE's is one of an open report, or the lane's beat."""
    return timer == BEAT or timer.startswith(PREFIX)


def _refuse_other(changed: DeliveryChanged, agency: str, sent: int | None) -> None:
    """Raise `Invalid` for a step that another agency, or a sending that never was, says of a report."""
    if changed.agency != agency:
        raise Invalid.of("agency", "is not the agency of this report")
    if sent is not None and changed.generation > sent:
        raise Invalid.of("generation", "is of no sending of this report")


def _withdrawn_as(outcome: ReviewOutcome, *, is_unsure: bool) -> NoticeStands:
    """Return where a report stands that staff withdrew: what the person may be told of it holds in each case."""
    if outcome.refusal is Refusal.ALREADY_REPORTED:
        return NoticeStands.ALREADY_TOLD
    return NoticeStands.MAYBE_TOLD if is_unsure else NoticeStands.NOT_TOLD
