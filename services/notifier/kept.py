"""What a lane of the notifier keeps.

| entry | value | until |
| --- | --- | --- |
| `pending/NOTICE` | `NoticeProgress`: something is still to come, in words or in time | it is finished |
| `done/NOTICE` | the mark of how it ended and what was said | nothing can bring it again |
| `acknowledged/NOTICE` | the agency that has the report, of which no notice came yet | an hour has passed |

NOTICE is the first notice's id, which names its timer too; follow-ups have no entries of their own.
"""

from datetime import timedelta

from schemas import topics
from schemas.records import NotificationDue
from schemas.vocabulary import Agency, NoticeSays, NoticeState
from services.notifier.progress import NoticeProgress, mark
from streams.runtime import Turn

#: How long the mark of a notice stays after it was settled: for as long as anything read until then can come again.
SETTLED_FOR = timedelta(days=topics.SETTLED_DAYS)

#: How long an acknowledgement waits for its notice, which was written before it, to another topic.
_NOTICE_COMES_WITHIN = timedelta(hours=1)

PENDING = b"pending/"


def keep(turn: Turn, progress: NoticeProgress) -> None:
    """Keep the progress of a notice, where it is not kept already."""
    key, value = pending(progress.due.notification_id), progress.model_dump_json().encode()
    if turn.get(key) != value:
        turn.put(key, value)


def finish(turn: Turn, due: NotificationDue, state: NoticeState, said: NoticeSays | None) -> None:
    """Replace what was kept of a notice by the mark of how it ended."""
    if turn.get(pending(due.notification_id)) is not None:
        turn.drop(pending(due.notification_id))
        turn.unschedule(due.notification_id.encode())
    turn.put(done(due.notification_id), mark(state, said, due.stands), until=turn.now + SETTLED_FOR)


def progress_of(turn: Turn, notification_id: str) -> NoticeProgress | None:
    """Return the progress of a notice; None where nothing is to come of it."""
    value = turn.get(pending(notification_id))
    return None if value is None else NoticeProgress.model_validate_json(value)


def note_acknowledged(turn: Turn, notification_id: str, agency: Agency) -> None:
    """Keep that an agency has the report of a notice that did not come yet."""
    turn.put(_acknowledged(notification_id), agency.value.encode(), until=turn.now + _NOTICE_COMES_WITHIN)


def take_acknowledged(turn: Turn, due: NotificationDue) -> bool:
    """Return whether its agency is known to have the report of a notice that comes now, and forget that."""
    key = _acknowledged(due.notification_id)
    agency = turn.get(key)
    if agency is not None:
        turn.drop(key)
    return agency == due.agency.value.encode()


def _acknowledged(notification_id: str) -> bytes:
    return b"acknowledged/" + notification_id.encode()


def pending(notification_id: str) -> bytes:
    """Return the key of a notice of which something is to come."""
    return PENDING + notification_id.encode()


def done(notification_id: str) -> bytes:
    """Return the key of the mark of a notice."""
    return b"done/" + notification_id.encode()
