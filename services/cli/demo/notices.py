"""Compares what notices say with the deliveries of their reports. Pure: works on the records' fields in JSON form."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from schemas.vocabulary import DeliveryState, NoticeSays, NoticeState

Fields = Mapping[str, Any]

_ACKNOWLEDGED = (DeliveryState.ACKNOWLEDGED, DeliveryState.OUTCOME_KNOWN)
#: Notices in these states are with staff, who tell the person themselves, or later.
_WITH_STAFF = (NoticeState.DEFERRED, NoticeState.UNREACHABLE)


def acknowledgements(deliveries: Iterable[Fields]) -> dict[str, datetime]:
    """Return the time of the first acknowledgement of each acknowledged report, by the id of the report."""
    first: dict[str, datetime] = {}
    for delivery in deliveries:
        if delivery["state"] in _ACKNOWLEDGED:
            at = _time(delivery["changed_at"])
            first[delivery["report_id"]] = min(at, first.get(delivery["report_id"], at))
    return first


def untrue_notices(settled: Iterable[Fields], acknowledged: Mapping[str, datetime]) -> list[str]:
    """Return each notice that was not true when it was settled.

    `acknowledged` is the time from which an agency has its report; a report that staff told by phone belongs there too.
    """
    return [
        f"notice {notice['notification_id']} says {notice['says']} of report {notice['report_id']}, {why}"
        for notice in settled
        if (why := _why_untrue(notice, acknowledged.get(notice["report_id"]))) is not None
    ]


def repeated_notices(settled: Iterable[Fields]) -> list[str]:
    """Return each report with two notices, under two ids, that say `have_told`."""
    notices_of: dict[str, set[str]] = {}
    for notice in settled:
        if notice["says"] == NoticeSays.HAVE_TOLD and notice["state"] == NoticeState.TOLD:
            notices_of.setdefault(notice["report_id"], set()).add(notice["notification_id"])
    return [
        f"report {report_id} has {len(notices)} notices that say {NoticeSays.HAVE_TOLD}, not one"
        for report_id, notices in notices_of.items()
        if len(notices) > 1
    ]


def missing_notices(settled: Iterable[Fields], acknowledged: Mapping[str, datetime]) -> list[str]:
    """Return each acknowledged report whose settled notices neither say `have_told` nor are with staff."""
    known = list(settled)
    ended = {notice["report_id"] for notice in known if notice["says"] == NoticeSays.HAVE_TOLD}
    ended |= {notice["report_id"] for notice in known if notice["state"] in _WITH_STAFF}
    waiting = dict.fromkeys(notice["report_id"] for notice in known if notice["report_id"] in acknowledged)
    return [
        f"report {report_id} was acknowledged, and no notice says so yet"
        for report_id in waiting
        if report_id not in ended
    ]


def settled_after_tell_by(due: Mapping[str, Fields], settled: Mapping[str, Fields]) -> set[str]:
    """Return the ids of the notices that were settled at or after their `tell_by`."""
    return {
        notification_id
        for notification_id, end in settled.items()
        if notification_id in due
        and due[notification_id]["tell_by"] is not None
        and _time(end["settled_at"]) >= _time(due[notification_id]["tell_by"])
    }


def _why_untrue(notice: Fields, acknowledged_at: datetime | None) -> str | None:
    settled_at = _time(notice["settled_at"])
    match notice["says"]:
        case NoticeSays.HAVE_TOLD if acknowledged_at is None:
            return "which was never acknowledged"
        case NoticeSays.HAVE_TOLD if acknowledged_at is not None and settled_at < acknowledged_at:
            return "before it was acknowledged"
        case NoticeSays.HAVE_NOT_TOLD if acknowledged_at is not None and settled_at >= acknowledged_at:
            return "after it was acknowledged"
        case _:
            return None


def _time(written: str | datetime) -> datetime:
    return datetime.fromisoformat(written) if isinstance(written, str) else written
