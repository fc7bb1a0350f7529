"""How far telling the person of one report has come, and what is to be said next: pure.

| the report stands as | nothing was said | we are telling | we have not told | we have told |
| --- | --- | --- | --- | --- |
| telling | *are_telling*, once `tell_by` has passed | - | - | - |
| not_told | nothing: withdrawn | *have_not_told* | - | - |
| told | *have_told* | *have_told* | *have_told* | - |

Down the rows only: a record that says less than is known changes nothing. So whatever order the records come in, no
notice says less than one before it, and after *have_told* nothing is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.fields import Model
from schemas.identifiers import NotificationId
from schemas.records import NotificationDue
from schemas.vocabulary import ContactChannel, NoticeSays, NoticeStands, NoticeState, WithheldBecause
from streams.domain.ids import follow_up_id

#: Each says more than the one before. An agency that acknowledged was told, whatever staff withdrew.
_RANK = (NoticeStands.TELLING, NoticeStands.NOT_TOLD, NoticeStands.TOLD)

_NEXT: Mapping[tuple[NoticeStands, NoticeSays | None], NoticeSays] = MappingProxyType(
    {
        (NoticeStands.TELLING, None): NoticeSays.ARE_TELLING,
        (NoticeStands.NOT_TOLD, NoticeSays.ARE_TELLING): NoticeSays.HAVE_NOT_TOLD,
        (NoticeStands.TOLD, None): NoticeSays.HAVE_TOLD,
        (NoticeStands.TOLD, NoticeSays.ARE_TELLING): NoticeSays.HAVE_TOLD,
        (NoticeStands.TOLD, NoticeSays.HAVE_NOT_TOLD): NoticeSays.HAVE_TOLD,
    }
)


class NoticeProgress(Model):
    """A notice of which something is still to come, as the lane's state keeps it."""

    #: The record that says most of the report so far.
    due: NotificationDue
    traceparent: str | None
    #: What the person heard last; after a crash, what they may have heard.
    said: NoticeSays | None = None
    #: The first notice is settled: what is said next is a follow-up with an id of its own.
    follows: bool = False
    #: `tell_by` has passed, and the notifier's own question is on the topic behind all that was written before.
    asked: bool = False
    #: That question was read, so nothing written before it says more.
    late: bool = False
    #: An effect waits or runs that says something. At most one does.
    queued: bool = False
    #: What the channel was given. It may have left, until its end is known.
    saying: NoticeSays | None = None

    @property
    def next_words(self) -> NoticeSays | None:
        """What is to be said now; None: nothing, or nothing yet."""
        return None if self.waits else _NEXT.get((self.due.stands, self.said))

    @property
    def waits(self) -> bool:
        """Whether nothing may be said before `tell_by` has passed or the report stands otherwise."""
        return self.due.stands is NoticeStands.TELLING and self.said is None and not self.late

    def id_of(self, says: NoticeSays | None) -> NotificationId:
        """Return the id under which this is said: the first notice's own, then one for each follow-up."""
        first = NotificationId(self.due.notification_id)
        return follow_up_id(first, says) if self.follows and says is not None else first

    def taken(self, due: NotificationDue, traceparent: str | None) -> "NoticeProgress":
        """Return the progress after another record of the same notice."""
        if _RANK.index(due.stands) > _RANK.index(self.due.stands):
            return self.but(due=due, traceparent=traceparent)
        return self.but(late=True) if self.asked else self

    def heard(self, says: NoticeSays) -> "NoticeProgress":
        """Return the progress after this was said, or may have been."""
        return self.but(said=says, follows=True, saying=None, queued=False)

    def but(self, **changes: object) -> "NoticeProgress":
        """Return the progress with these fields changed."""
        return self.model_copy(update=changes)


@dataclass(frozen=True, slots=True)
class Ended:
    """How one notice ended."""

    state: NoticeState
    says: NoticeSays | None = None
    channel: ContactChannel | None = None
    reason: str | None = None


def withheld_end(due: NotificationDue) -> Ended | None:
    """Return how a notice ends that may not or cannot be told; None where it can."""
    if due.withheld_because is WithheldBecause.NOT_SAFE_TO_CONTACT:
        return Ended(NoticeState.DEFERRED, reason=due.withheld_because)
    if due.withheld_because is WithheldBecause.NO_CHANNEL or not due.channels:
        return Ended(NoticeState.UNREACHABLE, reason=WithheldBecause.NO_CHANNEL)
    return None


def mark(state: NoticeState, said: NoticeSays | None) -> bytes:
    """Return what the lane keeps of a notice of which nothing is to come as far as is known."""
    return (state if said is None else f"{state}/{said}").encode()


def reopened(marked: bytes, due: NotificationDue, traceparent: str | None) -> NoticeProgress | None:
    """Return the progress of a notice that was settled, where this record calls for a follow-up.

    None for a notice that was withheld or reached nobody: staff have it.
    """
    state, _, said = marked.decode().partition("/")
    if state not in (NoticeState.TOLD, NoticeState.WITHDRAWN):
        return None
    progress = NoticeProgress(due=due, traceparent=traceparent, said=NoticeSays(said) if said else None, follows=True)
    return None if progress.next_words is None else progress
