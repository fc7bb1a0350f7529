"""Judges each call of the channel: each time that a notice left, it was true, and a repeat was one that may be.

The channel drops a notice that it has already, so the file of notices does not show a repeat. After a crash, or after a
lane was closed, it is unknown whether a notice left. It is sent again then, if it is still true. It is not sent again
after it was settled, nor by a lane that stays open. A run has one process of the notifier: no frozen process sends late
what another one has settled.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

from schemas.topics import TopicName
from tests.chaos.judge_notices import ORDER
from tests.chaos.notice_truth import CLOCKS, Known, untrue
from tests.chaos.taken import Fields, Taken

#: The id of a notice and its words.
Name = tuple[str, str]


def calls(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    """Yield the faults of calls of the channel."""
    known = Known.of(taken)
    names = known.names()
    made: dict[str, list[Fields]] = defaultdict(list)
    for call in taken.calls:
        report = names.get(call["notification_id"])
        if report is None:
            yield f"notice {call['notification_id']} left, and is of no report"
            continue
        made[report].append(call)
        yield from (f"notice of report {report} left with {call['says']}{why}" for why in untrue(known, report, call))
    for report, of_report in made.items():
        said = [call["says"] for call in of_report]
        if said != sorted(said, key=ORDER.index):
            yield f"notices of report {report} left with less after more: {', '.join(said)}"
    yield from _repeated(taken, counts)
    yield from _uncalled(taken)


def _repeated(taken: Taken, counts: Counter[str]) -> Iterator[str]:
    by_name: dict[Name, list[Fields]] = defaultdict(list)
    for call in taken.calls:
        by_name[_name(call)].append(call)
    settled = _settled(taken)
    for name, repeats in by_name.items():
        counts["notices that left again"] += len(repeats) - 1
        yield from (f"notice {name[0]} left{fault}" for fault in _of_notice(name[1], repeats, settled.get(name)))


def _of_notice(says: str, repeats: Sequence[Fields], settled: datetime | None) -> Iterator[str]:
    for many in Counter(call["lane"] for call in repeats).values():
        if many > 1:
            yield f" {many} times with {says} while its lane stayed open"
    if settled is None:
        yield f" with {says}, and that is not settled"
    elif late := sum(datetime.fromisoformat(call["at"]) > settled + CLOCKS for call in repeats):
        yield f" {late} times with {says} after that was settled"


def _settled(taken: Taken) -> dict[Name, datetime]:
    """Return when each notice was first settled with words that left, or that may have left."""
    settled: dict[Name, datetime] = {}
    for each in taken.record.on(TopicName.NOTIFICATIONS, "NotificationSettled"):
        if each.fields["says"] is not None:
            settled.setdefault(_name(each.fields), each.fields["settled_at"])
    return settled


def _uncalled(taken: Taken) -> Iterator[str]:
    """Yield each line of the file of notices without a call: the log of calls has a gap."""
    logged = {(*_name(call), call["channel"]) for call in taken.calls}
    for line in taken.notices:
        if (*_name(line), line["channel"]) not in logged:
            yield f"notice {line['notification_id']} is in the file with {line['says']}, and no call of it was logged"


def _name(line: Fields) -> Name:
    return line["notification_id"], line["says"]
