"""How far telling the person of one report has come, and what is to be said next: pure.

| the report stands as | nothing was said | are_telling | have_not_told | may_have_told | had_been_told |
| --- | --- | --- | --- | --- | --- |
| telling | *are_telling*, once `tell_by` has passed | - | - | - | - |
| not_told | nothing: withdrawn | *have_not_told* | - | - | - |
| maybe_told | nothing: withdrawn | *may_have_told* | *may_have_told* | - | - |
| already_told | nothing: withdrawn | *had_been_told* | *had_been_told* | *had_been_told* | - |
| told | *have_told* | *have_told* | *have_told* | *have_told* | *have_told* |

Down the rows only: a record that says less than is known changes nothing. So whatever order the records come in, no
notice says less than one before it, and after *have_told* nothing is said. A record of the same row takes channels away
that were marked unsafe, and never adds one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.fields import Model
from schemas.identifiers import NotificationId
from schemas.records import NotificationDue
from schemas.vocabulary import ContactChannel, NoticeSays, NoticeStands, NoticeState, WithheldBecause
from streams.domain.ids import follow_up_id
from streams.domain.policy.notices import outweighs

_STANDS, _SAYS = NoticeStands, NoticeSays

_NEXT: Mapping[tuple[NoticeStands, NoticeSays | None], NoticeSays] = MappingProxyType(
    {
        (_STANDS.TELLING, None): _SAYS.ARE_TELLING,
        (_STANDS.NOT_TOLD, _SAYS.ARE_TELLING): _SAYS.HAVE_NOT_TOLD,
        (_STANDS.MAYBE_TOLD, _SAYS.ARE_TELLING): _SAYS.MAY_HAVE_TOLD,
        (_STANDS.MAYBE_TOLD, _SAYS.HAVE_NOT_TOLD): _SAYS.MAY_HAVE_TOLD,
        (_STANDS.ALREADY_TOLD, _SAYS.ARE_TELLING): _SAYS.HAD_BEEN_TOLD,
        (_STANDS.ALREADY_TOLD, _SAYS.HAVE_NOT_TOLD): _SAYS.HAD_BEEN_TOLD,
        (_STANDS.ALREADY_TOLD, _SAYS.MAY_HAVE_TOLD): _SAYS.HAD_BEEN_TOLD,
        (_STANDS.TOLD, None): _SAYS.HAVE_TOLD,
        (_STANDS.TOLD, _SAYS.ARE_TELLING): _SAYS.HAVE_TOLD,
        (_STANDS.TOLD, _SAYS.HAVE_NOT_TOLD): _SAYS.HAVE_TOLD,
        (_STANDS.TOLD, _SAYS.MAY_HAVE_TOLD): _SAYS.HAVE_TOLD,
        (_STANDS.TOLD, _SAYS.HAD_BEEN_TOLD): _SAYS.HAVE_TOLD,
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
    #: An agency has the report, as its connector wrote. DECIDE says so too; until then nothing less is said.
    acknowledged: bool = False
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
        if self.acknowledged and self.due.stands is not NoticeStands.TOLD:
            return True
        return self.due.stands is NoticeStands.TELLING and self.said is None and not self.late

    def id_of(self, says: NoticeSays | None) -> NotificationId:
        """Return the id under which this is said: the first notice's own, then one for each follow-up."""
        first = NotificationId(self.due.notification_id)
        return follow_up_id(first, says) if self.follows and says is not None else first

    def taken(self, due: NotificationDue, traceparent: str | None) -> "NoticeProgress":
        """Return the progress after another record of the same notice."""
        if outweighs(due.stands, self.due.stands):
            return self.but(due=due, traceparent=traceparent)
        # DECIDE may not know of the acknowledgement yet: then its record says less, and is the newest all the same.
        is_newest = self.acknowledged or due.stands is self.due.stands
        if is_newest and (fewer := _fewer_channels(self.due, due)) is not None:
            return self.but(due=fewer)
        if not self.asked:
            return self
        if self.acknowledged:
            return self.but(late=True, due=self.due.model_copy(update={"stands": NoticeStands.TOLD}))
        return self.but(late=True)

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


def mark(state: NoticeState, said: NoticeSays | None, stands: NoticeStands) -> bytes:
    """Return what the lane keeps of a notice of which nothing is to come as far as is known."""
    return f"{state}/{said or ''}/{stands}".encode()


def reopened(marked: bytes, due: NotificationDue, traceparent: str | None) -> NoticeProgress | None:
    """Return the progress of a notice that was settled, where this record calls for a follow-up.

    None for a notice that was withheld: staff have it. One that reached nobody is tried again once its report stands
    otherwise, since a channel that failed may work by then.
    """
    # A mark of an earlier version says less.
    state, said, stood = (*marked.decode().split("/"), "", "")[:3]
    match state:
        case NoticeState.TOLD | NoticeState.WITHDRAWN:
            pass
        case NoticeState.UNREACHABLE if stood and outweighs(due.stands, NoticeStands(stood)) and not withheld_end(due):
            pass
        case _:
            return None
    progress = NoticeProgress(due=due, traceparent=traceparent, said=NoticeSays(said) if said else None, follows=True)
    return None if progress.next_words is None else progress


def _fewer_channels(known: NotificationDue, due: NotificationDue) -> NotificationDue | None:
    """Return the notice with the channels that both records give; None where that takes none away."""
    channels = tuple(channel for channel in known.channels if channel in due.channels)
    if len(channels) == len(known.channels):
        return None
    withheld = known.withheld_because if channels else WithheldBecause.NOT_SAFE_TO_CONTACT
    return known.model_copy(update={"channels": channels, "withheld_because": withheld})
