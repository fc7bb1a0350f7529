"""Progress of the notices about one report, and the words that come next: pure.

| state of the report | nothing was said | are_telling | have_not_told | may_have_told | had_been_told |
| --- | --- | --- | --- | --- | --- |
| telling | *are_telling*, once `tell_by` has passed | - | - | - | - |
| not_told | nothing: withdrawn | *have_not_told* | - | - | - |
| maybe_told | nothing: withdrawn | *may_have_told* | *may_have_told* | - | - |
| already_told | nothing: withdrawn | *had_been_told* | *had_been_told* | *had_been_told* | - |
| told | *have_told* | *have_told* | *have_told* | *have_told* | *have_told* |

The state only moves down the rows: a record that says less than is known changes nothing. So no notice says less than
one before it, whatever the order of the records, and nothing follows *have_told*. A record of the same row removes
channels that were marked unsafe, and never adds one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.fields import Model
from schemas.identifiers import NotificationId
from schemas.notifications import NotificationDue
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
    """Progress of one notice that is not finished, as the lane's state holds it."""

    #: The record that says most about the report so far.
    due: NotificationDue
    traceparent: str | None
    #: The last words that the person got; after a crash, those that they may have got.
    said: NoticeSays | None = None
    #: The first notice is settled: the next words are a follow-up with its own id.
    follows: bool = False
    #: `tell_by` has passed, and the notifier's own question is on the topic after all earlier records.
    asked: bool = False
    #: The connector wrote that the agency has the report. Until DECIDE writes so too, nothing less is said.
    acknowledged: bool = False
    #: That question was read, so no record before it says more.
    late: bool = False
    #: An effect of this notice waits or runs. There is at most one.
    queued: bool = False
    #: The words that the channel got. Until the effect ends they may have left.
    saying: NoticeSays | None = None

    @property
    def next_words(self) -> NoticeSays | None:
        """The words to send now, None if there are none or none yet."""
        return None if self.waits else _NEXT.get((self.due.stands, self.said))

    @property
    def waits(self) -> bool:
        """Whether nothing may be said before `tell_by` has passed or the state of the report changes."""
        if self.acknowledged and self.due.stands is not NoticeStands.TOLD:
            return True
        return self.due.stands is NoticeStands.TELLING and self.said is None and not self.late

    def id_of(self, says: NoticeSays | None) -> NotificationId:
        """Return the id of the notice with these words: that of the first notice, then one for each follow-up."""
        first = NotificationId(self.due.notification_id)
        return follow_up_id(first, says) if self.follows and says is not None else first

    def updated_by(self, due: NotificationDue, traceparent: str | None) -> "NoticeProgress":
        """Return the progress after another record of the same notice."""
        if outweighs(due.stands, self.due.stands):
            return self.replaced(due=due, traceparent=traceparent)
        # DECIDE may not know of the acknowledgement yet: then its record says less and is still the newest.
        is_newest = self.acknowledged or due.stands is self.due.stands
        if is_newest and (fewer := _fewer_channels(self.due, due)) is not None:
            return self.replaced(due=fewer)
        if not self.asked:
            return self
        if self.acknowledged:
            return self.replaced(late=True, due=self.due.model_copy(update={"stands": NoticeStands.TOLD}))
        return self.replaced(late=True)

    def after_saying(self, says: NoticeSays) -> "NoticeProgress":
        """Return the progress after these words were said, or may have been."""
        return self.replaced(said=says, follows=True, saying=None, queued=False)

    def replaced(self, **changes: object) -> "NoticeProgress":
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
    """Return how a notice ends that may not or cannot be sent, None if it can."""
    if due.withheld_because is WithheldBecause.NOT_SAFE_TO_CONTACT:
        return Ended(NoticeState.DEFERRED, reason=due.withheld_because)
    if due.withheld_because is WithheldBecause.NO_CHANNEL or not due.channels:
        return Ended(NoticeState.UNREACHABLE, reason=WithheldBecause.NO_CHANNEL)
    return None


def done_entry(state: NoticeState, said: NoticeSays | None, stands: NoticeStands) -> bytes:
    """Return the done entry of a notice: how it ended, the words that were said, the state of its report."""
    return f"{state}/{said or ''}/{stands}".encode()


def reopened(done: bytes, due: NotificationDue, traceparent: str | None) -> NoticeProgress | None:
    """Return the new progress of a settled notice if this record calls for a follow-up, else None.

    A withheld notice is not reopened: staff have it. A notice that reached no person is tried again when the state of
    its report changes, because a channel that failed may work by then.
    """
    # A done entry of an earlier version has fewer parts.
    state, said, stood = (*done.decode().split("/"), "", "")[:3]
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
    """Return the notice with the channels that both records give, None if that removes none."""
    channels = tuple(channel for channel in known.channels if channel in due.channels)
    if len(channels) == len(known.channels):
        return None
    withheld = known.withheld_because if channels else WithheldBecause.NOT_SAFE_TO_CONTACT
    return known.model_copy(update={"channels": channels, "withheld_because": withheld})
