"""DECIDE's open reports: each is acknowledged, or a human has it once its agency's limit has passed.

DECIDE alone sees to this, from `deliveries` and by timers of its own, so that it does not matter whether a connector is
dead, refuses to work or was started with wrong keys.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.records import DeliveryChanged, OpenReport, Report
from schemas.reviews import ReviewOutcome
from schemas.topics import SETTLED_DAYS, TopicName, reports
from schemas.vocabulary import DeliveryState, NoticeStands, ReviewDecision, StopReason
from streams.agents.open_report import PREFIX, name_of, open_report, opened, report_of
from streams.agents.reviewing import Reviews, Way
from streams.domain.delivery import LIMIT_PASSED
from streams.domain.hand_over import (
    ACKNOWLEDGED,
    PUT_ASIDE,
    again,
    limit_at,
    limit_of,
    stopped_fields,
    undelivered_fields,
    unknown_fields,
    unreadable_fields,
)
from streams.domain.ids import undelivered_review_id
from streams.runtime import Cause, PutAside, Turn

_DONE = b"q:"
_BEAT = b"h"
#: How often a lane with open reports says that it is alive, and how long a silence counts as an outage (seconds).
_BEAT_SECONDS = 5.0
_OUTAGE_SECONDS = 10.0
#: For as long as a delivery of a settled report may come: connectors keep their marks as long.
_DONE_FOR = timedelta(days=SETTLED_DAYS)
#: How long a report that was withdrawn is kept: an attempt that was under way may be acknowledged in that time.
_WITHDRAWN_FOR = timedelta(days=2)

Fields = Mapping[str, Any]


class _Beat(BaseModel):
    """When the lane was last seen alive, how long it was away in all, and how many reports are open."""

    model_config = ConfigDict(frozen=True)

    alive_at: float
    outage: float = 0.0
    reports: int = 0


class OpenReports:
    """The open reports of one lane.

    State: `p:` + report id → `OpenReport` until it is acknowledged or a human settled it, with a timer of that name at
    its limit; `q:` + report id → nothing, afterwards; `h` → `_Beat`, with a timer, while any is open.
    """

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    def watch(self, way: Way, report: Fields, notice: Fields | None) -> None:
        """Keep a report that is sent now, with the notice that is due of it, until it is acknowledged."""
        turn = way.turn
        model = Report.model_validate(report)
        beat = self._counted(turn, 1)
        kept = OpenReport(
            report=encode("Report", report),
            notice=None if notice is None else encode("NotificationDue", notice),
            generation=model.generation,
            limit_at=model.limit_from + limit_of(model.agency),
            outage=beat.outage,
        )
        self._put(turn, model.report_id, kept)
        turn.schedule(name_of(model.report_id), kept.limit_at, cause=way.cause)

    def alive(self, turn: Turn) -> None:
        """Take note that the lane is at work: a silence before this was an outage, which no limit counts."""
        beat = _beat(turn)
        now = turn.now.timestamp()
        silence = now - beat.alive_at
        if beat.reports == 0 or silence < _BEAT_SECONDS:
            return
        away = silence if silence > _OUTAGE_SECONDS else 0.0
        _keep_beat(turn, beat.model_copy(update={"alive_at": now, "outage": beat.outage + away}))

    def take(self, way: Way, changed: DeliveryChanged) -> None:
        """Take a step in the life of a report."""
        kept = open_report(way.turn, changed.report_id)
        if changed.state in ACKNOWLEDGED:
            self._acknowledged(way, changed, kept)
        elif changed.state is DeliveryState.FAILED:
            self._failed(way, changed, kept)

    def due(self, timer: bytes, turn: Turn, cause: Cause, partition: int | None) -> None:
        """Hand a report over whose limit has passed, or say that the lane is alive."""
        self.alive(turn)
        if timer == _BEAT:
            if _beat(turn).reports > 0:
                _schedule_beat(turn)
            return
        report_id = timer.removeprefix(PREFIX).decode()
        kept = open_report(turn, report_id)
        if kept is None:
            return
        at = limit_at(kept, _beat(turn).outage)
        if turn.now < at:
            turn.schedule(timer, at, cause=cause)
            # Without it every wait would count as an outage, and the report would never be handed over.
            _schedule_beat(turn)
            return
        report = report_of(kept)
        self._ask(Way(turn, report.person.encode(), cause, partition), report, LIMIT_PASSED)

    def settle(self, way: Way, report_id: str, outcome: ReviewOutcome) -> Fields:
        """Carry out what staff made of an undelivered report, and return what followed for its `ReviewSettled`.

        Raises `Invalid` where it cannot be carried out.
        """
        kept = open_report(way.turn, report_id)
        report = None if kept is None else report_of(kept)
        if outcome.decision is ReviewDecision.SEND_AGAIN:
            if kept is None or report is None:
                raise Invalid.of("decision", "the report itself cannot be read: it cannot be sent again")
            return self._send_again(way, kept, report)
        if report is None or kept is None:
            way.turn.put(_DONE + report_id.encode(), b"", until=way.turn.now + _DONE_FOR)
            return {"report_id": report_id}
        told = outcome.decision is ReviewDecision.TOLD_BY_PHONE
        why = StopReason.TOLD_BY_PHONE if told else StopReason.WITHDRAWN
        way.send(reports(report.agency), "ReportStopped", stopped_fields(report, why, way.turn.now))
        self._say(way, kept, NoticeStands.TOLD if told else NoticeStands.NOT_TOLD)
        if told:
            self._end(way.turn, report_id)
        else:
            self._counted(way.turn, -1)
            way.turn.put(_DONE + report_id.encode(), b"", until=way.turn.now + _DONE_FOR)
            withdrawn = kept.model_copy(update={"is_withdrawn": True})
            self._put(way.turn, report_id, withdrawn, until_days=_WITHDRAWN_FOR)
            way.turn.unschedule(name_of(report_id))
        return {"report_id": report_id}

    def put_aside(self, work: PutAside, way: Way) -> None:
        """Ask staff about the report whose timer raised; the lane's beat goes on."""
        turn = way.turn
        if work.timer == _BEAT or work.timer is None:
            # Its entry is gone with it: the reports are counted anew, this once over the whole state.
            kept_all = [opened(value) for _, value in turn.scan(PREFIX)]
            open_now = sum(not kept.is_withdrawn for kept in kept_all)
            outage = max((kept.outage for kept in kept_all), default=0.0)
            _keep_beat(turn, _Beat(alive_at=turn.now.timestamp(), outage=outage, reports=open_now))
            _schedule_beat(turn)
            return
        report_id = work.timer.removeprefix(PREFIX).decode("ascii", "replace")
        try:
            kept = None if work.value is None else opened(work.value)
            report = None if kept is None else report_of(kept)
        except (Invalid, ValidationError):
            kept = report = None
        if kept is None or report is None:
            request = unreadable_fields(report_id, turn.now)
            self._reviews.ask_undelivered(replace(way, key=request["review_id"].encode()), request)
            return
        self._put(turn, report_id, kept)
        self._ask(replace(way, key=report.person.encode()), report, PUT_ASIDE)

    def _acknowledged(self, way: Way, changed: DeliveryChanged, kept: OpenReport | None) -> None:
        for generation in range(1, (kept.generation if kept is not None else changed.generation) + 1):
            self._reviews.close_acknowledged(way, undelivered_review_id(changed.report_id, generation))
        if kept is None:
            return
        self._say(way, kept, NoticeStands.TOLD)
        if kept.is_withdrawn:
            way.turn.drop(name_of(changed.report_id))
        else:
            self._end(way.turn, changed.report_id)

    def _failed(self, way: Way, changed: DeliveryChanged, kept: OpenReport | None) -> None:
        if kept is not None:
            if not kept.is_withdrawn and changed.generation >= kept.generation:
                self._ask(way, report_of(kept), changed.reason or LIMIT_PASSED)
        elif way.turn.get(_DONE + changed.report_id.encode()) is None:
            request = unknown_fields(changed, way.turn.now)
            key = changed.person or request["review_id"]
            self._reviews.ask_undelivered(replace(way, key=key.encode()), request)

    def _ask(self, way: Way, report: Report, failure: str) -> None:
        way.turn.unschedule(name_of(report.report_id))
        self._reviews.ask_undelivered(way, undelivered_fields(report, failure, way.turn.now))

    def _send_again(self, way: Way, kept: OpenReport, report: Report) -> Fields:
        turn = way.turn
        fields = again(report, turn.now)
        way.send(reports(report.agency), "Report", fields)
        limit = turn.now + limit_of(report.agency)
        anew = kept.model_copy(
            update={
                "report": encode("Report", fields),
                "generation": fields["generation"],
                "limit_at": limit,
                "outage": _beat(turn).outage,
            }
        )
        self._put(turn, report.report_id, anew)
        turn.schedule(name_of(report.report_id), limit, cause=way.cause)
        return {"report_id": report.report_id, "generation": fields["generation"]}

    def _say(self, way: Way, kept: OpenReport, stands: NoticeStands) -> None:
        """Tell the notifier where the report stands now."""
        if kept.notice is not None:
            notice = decode(kept.notice, "NotificationDue")[1]
            way.send(TopicName.NOTIFICATIONS, "NotificationDue", {**notice, "stands": stands.value})

    def _end(self, turn: Turn, report_id: str) -> None:
        turn.drop(name_of(report_id))
        turn.unschedule(name_of(report_id))
        turn.put(_DONE + report_id.encode(), b"", until=turn.now + _DONE_FOR)
        self._counted(turn, -1)

    def _counted(self, turn: Turn, change: int) -> _Beat:
        """Count a report that opens or ends."""
        beat = _beat(turn)
        if beat.reports == 0:
            # Nothing was open, so nothing was kept waiting.
            beat = beat.model_copy(update={"alive_at": turn.now.timestamp()})
            _schedule_beat(turn)
        beat = beat.model_copy(update={"reports": beat.reports + change})
        _keep_beat(turn, beat)
        return beat

    def _put(self, turn: Turn, report_id: str, kept: OpenReport, until_days: timedelta | None = None) -> None:
        until = None if until_days is None else turn.now + until_days
        turn.put(name_of(report_id), encode("OpenReport", kept.model_dump()), until=until)


def is_of_report(timer: bytes) -> bool:
    """Return whether a timer of DECIDE's is one of an open report, or the lane's beat."""
    return timer == _BEAT or timer.startswith(PREFIX)


def _beat(turn: Turn) -> _Beat:
    stored = turn.get(_BEAT)
    return _Beat(alive_at=turn.now.timestamp()) if stored is None else _Beat.model_validate_json(stored)


def _schedule_beat(turn: Turn) -> None:
    turn.schedule(_BEAT, turn.now + timedelta(seconds=_BEAT_SECONDS))


def _keep_beat(turn: Turn, beat: _Beat) -> None:
    turn.put(_BEAT, beat.model_dump_json().encode())
