"""Judges notices: each was true when it was sent, and each person was told in the end what is true of the report.

The lines in the file of notices, each with its time, are the notices that were sent. `NotificationSettled` must agree.
The file has no second line of a notice that was sent again: `judge_calls` judges each time that a notice left.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from schemas.topics import TopicName
from schemas.vocabulary import NoticeSays, NoticeState
from tests.chaos.notice_truth import Known, untrue
from tests.chaos.taken import Fields, Taken

_WITH_STAFF = (NoticeState.DEFERRED, NoticeState.UNREACHABLE)
_SAYS = NoticeSays
_OF_WITHDRAWN = (_SAYS.HAVE_NOT_TOLD, _SAYS.MAY_HAVE_TOLD, _SAYS.HAD_BEEN_TOLD)
#: Each says more than those before it.
ORDER = (_SAYS.ARE_TELLING, *_OF_WITHDRAWN, _SAYS.HAVE_TOLD)


def notices(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of notices, and of what each person was told in the end."""
    known = Known.of(taken)
    names = known.names()
    heard: dict[str, list[Fields]] = defaultdict(list)
    for line in taken.notices:
        report = names.get(line["notification_id"])
        if report is None:
            yield f"notice {line['notification_id']} was sent, and is of no report"
            continue
        heard[report].append(line)
        counts[f"notices that say {line['says']}"] += 1
        yield from (f"notice of report {report} says {line['says']}{why}" for why in untrue(known, report, line))
    for report, lines in heard.items():
        yield from _doubled(report, lines)
    yield from _unlike(taken)
    yield from _unheard(taken, known, heard)


def _doubled(report: str, lines: list[Fields]) -> Iterator[str]:
    # The same notice may be sent by another channel: a channel was marked unsafe while a crash hid whether it was sent.
    times = Counter((line["says"], line["channel"]) for line in lines)
    yield from (f"notice of report {report}: {says} was sent {n} times" for (says, _), n in times.items() if n > 1)
    said = [line["says"] for line in lines]
    if said != sorted(said, key=ORDER.index):
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


def _unheard(taken: Taken, known: Known, heard: dict[str, list[Fields]]) -> Iterator[str]:
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


def _lacks(known: Known, report: str, words: set[str], *, said_nothing: bool) -> str | None:
    if report in known.informed:
        return None if _SAYS.HAVE_TOLD in words else "was acknowledged, and its person was never told so"
    if report not in known.withdrawn:
        return None if words else "waits for staff, and its person got no notice"
    if not words:
        # A report that was withdrawn before its first notice needs no notice.
        return None if said_nothing else "was withdrawn, and its notice has no end"
    wanted = set(_OF_WITHDRAWN) - ({_SAYS.HAVE_NOT_TOLD} if report in known.arrived else set())
    return None if words & wanted else f"was withdrawn, and its person was told only {', '.join(sorted(words))}"
