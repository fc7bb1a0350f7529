"""Judges notices: each was true when it was sent, and each person was told in the end what is true of the report.

The lines in the file of notices, each with its time, are the notices that were sent. `NotificationSettled` must agree.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.topics import TopicName
from schemas.vocabulary import NoticeSays, NoticeState, Refusal, ReviewDecision
from streams.domain.ids import follow_up_id
from tests.chaos.taken import Fields, Taken

#: Time until the notifier knows of a change (seconds).
_NEWS_SECONDS = 10.0
#: Largest difference between the clock by which a notice waits and the clock by which `tell_by` was set.
_CLOCKS = timedelta(seconds=0.1)
_WITH_STAFF = (NoticeState.DEFERRED, NoticeState.UNREACHABLE)
_SAYS = NoticeSays
_OF_WITHDRAWN = (_SAYS.HAVE_NOT_TOLD, _SAYS.MAY_HAVE_TOLD, _SAYS.HAD_BEEN_TOLD)
#: Each says more than those before it.
_ORDER = (_SAYS.ARE_TELLING, *_OF_WITHDRAWN, _SAYS.HAVE_TOLD)


@dataclass(slots=True)
class _Known:
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
    def of(cls, taken: Taken) -> "_Known":
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


def notices(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of notices, and of what each person was told in the end."""
    known = _Known.of(taken)
    names = known.names()
    heard: dict[str, list[Fields]] = defaultdict(list)
    for line in taken.notices:
        report = names.get(line["notification_id"])
        if report is None:
            yield f"notice {line['notification_id']} was sent, and is of no report"
            continue
        heard[report].append(line)
        counts[f"notices that say {line['says']}"] += 1
        yield from (f"notice of report {report} says {line['says']}{why}" for why in _untrue(known, report, line))
    for report, lines in heard.items():
        yield from _doubled(report, lines)
    yield from _unlike(taken)
    yield from _unheard(taken, known, heard)


def _untrue(known: _Known, report: str, line: Fields) -> Iterator[str]:
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
            if tell_by is not None and at < tell_by - _CLOCKS:
                yield " before its time"
        case _:
            if withdrawn is None or withdrawn["settled_at"] > at:
                yield ", and it was not withdrawn"
            if not known.may_be_unknown(informed, at):
                yield ", and the agency had it"
            yield from _untrue_of_withdrawn(known, report, line["says"], at)


def _untrue_of_withdrawn(known: _Known, report: str, says: str, at: datetime) -> Iterator[str]:
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


def _doubled(report: str, lines: list[Fields]) -> Iterator[str]:
    # The same notice may be sent by another channel: a channel was marked unsafe while a crash hid whether it was sent.
    times = Counter((line["says"], line["channel"]) for line in lines)
    yield from (f"notice of report {report}: {says} was sent {n} times" for (says, _), n in times.items() if n > 1)
    said = [line["says"] for line in lines]
    if said != sorted(said, key=_ORDER.index):
        yield f"notices of report {report} say less after more: {', '.join(said)}"


def _unlike(taken: Taken) -> Iterator[str]:
    """Yield each line without its `NotificationSettled`, and each of those without its line."""
    left = {(line["notification_id"], line["says"]) for line in taken.notices}
    settled: Counter[tuple[str, str]] = Counter()
    for each in taken.record.on(TopicName.NOTIFICATIONS, "NotificationSettled"):
        notice = each.fields
        if notice["says"] is None:
            continue
        name = notice["notification_id"], notice["says"]
        settled[name] += 1
        # A notice in the state `unknown` may or may not have been sent.
        if notice["state"] == NoticeState.TOLD and name not in left:
            yield f"notice {name[0]} is settled as {name[1]}, and was never sent"
    yield from (f"notice {id_} was settled {n} times as {says}" for (id_, says), n in settled.items() if n > 1)
    yield from (f"notice {id_} was sent as {says}, and is not settled" for id_, says in left - settled.keys())


def _unheard(taken: Taken, known: _Known, heard: dict[str, list[Fields]]) -> Iterator[str]:
    """Yield each report whose person was not told in the end what is true; notices that staff have do not count."""
    with_staff, said_nothing = set(), set()
    for each in taken.record.on(TopicName.NOTIFICATIONS, "NotificationSettled"):
        if each.fields["state"] in _WITH_STAFF:
            with_staff.add(each.fields["report_id"])
        elif each.fields["state"] == NoticeState.WITHDRAWN:
            said_nothing.add(each.fields["report_id"])
    for report in taken.made():
        if report not in known.due:
            yield f"report {report} has no notice"
        elif report not in with_staff:
            words = {line["says"] for line in heard[report]}
            why = _lacks(known, report, words, said_nothing=report in said_nothing)
            if why is not None:
                yield f"report {report} {why}"


def _lacks(known: _Known, report: str, words: set[str], *, said_nothing: bool) -> str | None:
    if report in known.informed:
        return None if _SAYS.HAVE_TOLD in words else "was acknowledged, and its person was never told so"
    if report not in known.withdrawn:
        return None if words else "waits for staff, and its person got no notice"
    if not words:
        # A report that was withdrawn before its first notice needs no notice.
        return None if said_nothing else "was withdrawn, and its notice has no end"
    wanted = set(_OF_WITHDRAWN) - ({_SAYS.HAVE_NOT_TOLD} if report in known.arrived else set())
    return None if words & wanted else f"was withdrawn, and its person was told only {', '.join(sorted(words))}"
