"""Entries of notices in a lane's state.

| entry | value | until |
| --- | --- | --- |
| `pending/NOTICE` | `NoticeProgress`: words or a wait are still to come | it is finished |
| `done/NOTICE` | its done entry: how it ended and what was said | its record cannot be read again |
| `acknowledged/NOTICE` | the agency that has the report, while the notice itself has not arrived | an hour has passed |

NOTICE is the id of the first notice, which is also the name of its timer. Follow-ups have no entries.
"""

from datetime import timedelta

from schemas import topics
from schemas.notifications import NotificationDue
from schemas.vocabulary import Agency, NoticeSays, NoticeState
from services.notifier.notice_progress import NoticeProgress, done_entry
from streams.runtime import Turn

#: How long the done entry of a finished notice stays: as long as a record that was read until then can be read again.
FINISHED_FOR = timedelta(days=topics.FINISHED_DAYS)

#: How long an acknowledgement waits for its notice, which was written before it to another topic.
_NOTICE_COMES_WITHIN = timedelta(hours=1)

PENDING = b"pending/"


def save(turn: Turn, progress: NoticeProgress) -> None:
    """Store the progress of a notice, unless the stored one is the same."""
    key, value = pending_key(progress.due.notification_id), progress.model_dump_json().encode()
    if turn.get(key) != value:
        turn.put(key, value)


def finish(turn: Turn, due: NotificationDue, state: NoticeState, said: NoticeSays | None) -> None:
    """Replace the progress of a notice by its done entry."""
    if turn.get(pending_key(due.notification_id)) is not None:
        turn.drop(pending_key(due.notification_id))
        turn.unschedule(due.notification_id.encode())
    turn.put(done_key(due.notification_id), done_entry(state, said, due.stands), until=turn.now + FINISHED_FOR)


def progress_of(turn: Turn, notification_id: str) -> NoticeProgress | None:
    """Return the progress of a notice, None if it is not pending."""
    value = turn.get(pending_key(notification_id))
    return None if value is None else NoticeProgress.model_validate_json(value)


def note_acknowledged(turn: Turn, notification_id: str, agency: Agency) -> None:
    """Store that an agency has the report of a notice that has not arrived yet."""
    turn.put(_acknowledged_key(notification_id), agency.value.encode(), until=turn.now + _NOTICE_COMES_WITHIN)


def take_acknowledged(turn: Turn, due: NotificationDue) -> bool:
    """Return whether the agency of a notice that has just arrived is known to have the report; remove the entry."""
    key = _acknowledged_key(due.notification_id)
    agency = turn.get(key)
    if agency is not None:
        turn.drop(key)
    return agency == due.agency.value.encode()


def _acknowledged_key(notification_id: str) -> bytes:
    return b"acknowledged/" + notification_id.encode()


def pending_key(notification_id: str) -> bytes:
    """Return the key of the progress of a notice."""
    return PENDING + notification_id.encode()


def done_key(notification_id: str) -> bytes:
    """Return the key of the done entry of a notice."""
    return b"done/" + notification_id.encode()
