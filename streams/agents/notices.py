"""DECIDE's notices: each is written again when its report changes, or a channel is marked unsafe."""

from datetime import timedelta

from schemas.codec import decode_own, encode
from schemas.topics import TopicName
from schemas.vocabulary import ContactChannel, NoticeStands
from streams.agents.case_sender import CaseSender
from streams.domain.channels import Marks, dump, load, unsafe
from streams.domain.decisions import Fields
from streams.domain.policy.notices import narrowed, outweighs
from streams.runtime import Turn

_CHANNELS = b"c:"
_NOTICE = b"w:"
_NOTICES = b"n:"
#: How long after its record a notice may still wait at the notifier: as long as the notifier may be down.
_KEPT_FOR = timedelta(days=2)


class Notices:
    """The notices of one lane, and the marks of each person's channels as safe or unsafe.

    State:

    - `c:` + person → the marks. They have no end: an unsafe channel stays unsafe until it is marked safe.
    - `w:` + report id → the last `NotificationDue`, with every channel that its decision gave.
    - `n:` + person → the ids of those reports. Both are kept for 2 days, as long as the notice may wait.
    """

    def marks(self, turn: Turn, person: str) -> Marks:
        """Return the marks of a person's channels."""
        return load(turn.get(_CHANNELS + person.encode()))

    def mark(self, case: CaseSender, person: str, before: Marks, after: Marks) -> None:
        """Keep a person's marks if they changed, and write waiting notices again without channels unsafe since then.

        Without the second record the notifier would use a channel that another person reads.
        """
        if after == before:
            return
        case.turn.put(_CHANNELS + person.encode(), dump(after))
        if not unsafe(after) <= unsafe(before):
            for report_id in self._waiting(case.turn, person):
                notice = decode_own(case.turn.get(_NOTICE + report_id) or b"", "NotificationDue")[1]
                safe = narrowed(notice, unsafe(after))
                if safe != narrowed(notice, unsafe(before)):
                    case.send(TopicName.NOTIFICATIONS, "NotificationDue", safe)

    def write(self, case: CaseSender, notice: Fields, stands: NoticeStands = NoticeStands.TELLING) -> None:
        """Write a notice with the channels that are safe now, and keep it to write it again after later marks.

        `stands` is the state of its report. A state that the last notice of the report outweighs writes nothing: the
        person gets, or got, the stronger notice.
        """
        turn, person, report_id = case.turn, str(notice["person"]), str(notice["report_id"]).encode()
        stored = turn.get(_NOTICE + report_id)
        if stored is not None and outweighs(NoticeStands(decode_own(stored, "NotificationDue")[1]["stands"]), stands):
            return
        notice = {**notice, "stands": stands.value}
        case.send(TopicName.NOTIFICATIONS, "NotificationDue", narrowed(notice, self.unsafe(turn, person)))
        if not notice["channels"]:
            return
        until = turn.now + _KEPT_FOR
        waiting = dict.fromkeys((*self._waiting(turn, person), report_id))
        turn.put(_NOTICE + report_id, encode("NotificationDue", notice), until=until)
        turn.put(_NOTICES + person.encode(), b" ".join(waiting), until=until)

    def unsafe(self, turn: Turn, person: str) -> frozenset[ContactChannel]:
        """Return the person's channels that must not be used."""
        return unsafe(self.marks(turn, person))

    def _waiting(self, turn: Turn, person: str) -> list[bytes]:
        ids = (turn.get(_NOTICES + person.encode()) or b"").split()
        return [report_id for report_id in ids if turn.get(_NOTICE + report_id) is not None]
