"""The truth of a notice at a moment, by the topics, the agencies' logs and the outcomes of staff."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.topics import TopicName
from schemas.vocabulary import NoticeSays, Refusal, ReviewDecision
from streams.domain.ids import follow_up_id
from tests.chaos.taken import Fields, Taken

#: Time until the notifier knows of a change (seconds).
_NEWS_SECONDS = 10.0
#: Largest difference between the clocks of two processes: that by which a notice waits, and that of `tell_by`.
CLOCKS = timedelta(seconds=0.1)


@dataclass(slots=True)
class Known:
    """Facts about the reports of a run."""

    taken: Taken
    arrived: dict[str, datetime]
    #: When an agency acknowledged each report, or staff told the agency by phone.
    informed: dict[str, datetime]
    attempts: dict[str, list[Fields]]
    #: The settled review that withdrew each report.
    withdrawn: dict[str, Fields] = field(default_factory=dict)
    #: The first notice of each report.
    due: dict[str, Fields] = field(default_factory=dict)

    @classmethod
    def of(cls, taken: Taken) -> "Known":
        """Return the facts from the topics and the agencies' logs."""
        arrived, informed = taken.arrived(), taken.told_by_phone()
        for id_, at in taken.acknowledged().items():
            if id_ in arrived:
                informed[id_] = min(max(at, arrived[id_]), informed.get(id_, datetime.max.replace(tzinfo=at.tzinfo)))
        known = cls(taken, arrived, informed, taken.attempts())
        for end in taken.reviews_settled():
            if end["decision"] == ReviewDecision.WITHDRAWN and end["report_id"] is not None:
                known.withdrawn[end["report_id"]] = end
        for each in taken.record.on(TopicName.NOTIFICATIONS, "NotificationDue"):
            known.due.setdefault(each.fields["report_id"], each.fields)
        return known

    def names(self) -> dict[str, str]:
        """Return the report of each possible id of a notice."""
        names: dict[str, str] = {}
        for id_, due in self.due.items():
            first = due["notification_id"]
            names |= {first: id_, **{follow_up_id(first, says): id_ for says in NoticeSays}}
        return names

    def may_be_unknown(self, since: datetime | None, at: datetime) -> bool:
        """Return whether the notifier may not know at `at` of a change at `since`; true without a change."""
        if since is None:
            return True
        absences = self.taken.absences
        away = absences.seconds(since, at) + absences.moving_seconds(since, at)
        return (at - since).total_seconds() <= _NEWS_SECONDS + away


def untrue(known: Known, report: str, line: Fields) -> Iterator[str]:
    """Yield why the notice of a report was not true at `at`, the moment in its line."""
    at = datetime.fromisoformat(line["at"])
    informed, withdrawn = known.informed.get(report), known.withdrawn.get(report)
    match line["says"]:
        case NoticeSays.HAVE_TOLD:
            if informed is None or informed > at:
                yield ", and the agency did not have it"
        case NoticeSays.ARE_TELLING:
            if not known.may_be_unknown(informed, at):
                yield " long after the agency had it"
            if withdrawn is not None and not known.may_be_unknown(withdrawn["settled_at"], at):
                yield " long after it was withdrawn"
            tell_by = known.due[report]["tell_by"]
            if tell_by is not None and at < tell_by - CLOCKS:
                yield " before its time"
        case _:
            if withdrawn is None or withdrawn["settled_at"] > at:
                yield ", and it was not withdrawn"
            if not known.may_be_unknown(informed, at):
                yield ", and the agency had it"
            yield from _untrue_of_withdrawn(known, report, line["says"], at)


def _untrue_of_withdrawn(known: Known, report: str, says: str, at: datetime) -> Iterator[str]:
    match says:
        case NoticeSays.HAVE_NOT_TOLD:
            if not known.may_be_unknown(known.arrived.get(report), at):
                yield ", and the agency had accepted it"
        case NoticeSays.MAY_HAVE_TOLD:
            if not any(attempt["changed_at"] <= at for attempt in known.attempts.get(report, ())):
                yield ", and no attempt was begun"
        case _:
            if report in known.withdrawn and known.withdrawn[report]["refusal"] != Refusal.ALREADY_REPORTED:
                yield ", and staff did not record that the agency knew"
