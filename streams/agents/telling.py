"""DECIDE's notices: written again when their report stands otherwise or a channel was marked unsafe."""

from datetime import timedelta

from schemas.codec import decode, encode
from schemas.topics import TopicName
from schemas.vocabulary import ContactChannel, NoticeStands
from streams.agents.reviewing import CaseSender
from streams.domain.channels import Marks, dump, load, unsafe
from streams.domain.decisions import Fields
from streams.domain.policy.notices import narrowed, outweighs
from streams.runtime import Turn

_CHANNELS = b"c:"
_NOTICE = b"w:"
_NOTICES = b"n:"
#: For how long after it was written a notice may still wait at the notifier: as long as that may be away.
_KEPT_FOR = timedelta(days=2)


class Notices:
    """The notices of one lane, and the marks that say which of a person's channels are safe.

    State: `c:` + person → the marks, for good: a channel that was marked unsafe stays so until it is marked safe.
    `w:` + report id → the `NotificationDue` that was written last, with every channel that its decision gave, and
    `n:` + person → the ids of those reports; both for as long as the notice may wait to be told.
    """

    def marks(self, turn: Turn, person: str) -> Marks:
        """Return what is known of a person's channels."""
        return load(turn.get(_CHANNELS + person.encode()))

    def mark(self, way: CaseSender, person: str, before: Marks, after: Marks) -> None:
        """Keep a person's marks where they changed; a notice that waits is not told by a channel that is unsafe now."""
        if after == before:
            return
        way.turn.put(_CHANNELS + person.encode(), dump(after))
        if not unsafe(after) <= unsafe(before):
            for report_id in self._waiting(way.turn, person):
                notice = decode(way.turn.get(_NOTICE + report_id) or b"", "NotificationDue")[1]
                safe = narrowed(notice, unsafe(after))
                if safe != narrowed(notice, unsafe(before)):
                    way.send(TopicName.NOTIFICATIONS, "NotificationDue", safe)

    def write(self, way: CaseSender, notice: Fields, stands: NoticeStands = NoticeStands.TELLING) -> None:
        """Write a notice, by its channels that are safe now, and remember it for marks that come later."""
        turn, person, report_id = way.turn, str(notice["person"]), str(notice["report_id"]).encode()
        stored = turn.get(_NOTICE + report_id)
        if stored is not None and outweighs(NoticeStands(decode(stored, "NotificationDue")[1]["stands"]), stands):
            # The person hears, or heard, more than this.
            return
        notice = {**notice, "stands": stands.value}
        way.send(TopicName.NOTIFICATIONS, "NotificationDue", narrowed(notice, self.unsafe(turn, person)))
        if not notice["channels"]:
            return
        until = turn.now + _KEPT_FOR
        waiting = dict.fromkeys((*self._waiting(turn, person), report_id))
        turn.put(_NOTICE + report_id, encode("NotificationDue", notice), until=until)
        turn.put(_NOTICES + person.encode(), b" ".join(waiting), until=until)

    def unsafe(self, turn: Turn, person: str) -> frozenset[ContactChannel]:
        """Return the person's channels that are not to be used."""
        return unsafe(self.marks(turn, person))

    def _waiting(self, turn: Turn, person: str) -> list[bytes]:
        ids = (turn.get(_NOTICES + person.encode()) or b"").split()
        return [report_id for report_id in ids if turn.get(_NOTICE + report_id) is not None]
