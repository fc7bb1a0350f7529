"""The notifier: tells a young person the state of the report about them (`notice_progress.py` has the table).

    NotificationDue, telling   → stored, timer at `tell_by`
    ... of an exercise         → at a live channel: settled as withdrawn
    told, not_told, …          → the words of the table; deferred or unreachable if the notice is withheld
    DeliveryChanged            → if the agency has the report: nothing less than *we have told* from now on
    timer: `tell_by`           → the notice again on its own topic, as a question: was anything else written before it?
    that question read         → we are telling; if the agency has the report, we have told
    effect begins              → the words that the table gives now; if they changed, this effect is dropped for another
    effect ends                → NotificationSettled, then the next words of the table

Why the notifier writes a question: when the timer is due, earlier records may still be unread, after an outage for
example. The question is read after them, so *we are telling* is sent only if no earlier record says more. Why it reads
acknowledgements itself: DECIDE may be late after an outage. The timer waits until the acknowledgements that had arrived
by then are read (`timers_follow`). Usually DECIDE writes within moments that the report was acknowledged, with the safe
channels.

After a crash during the effect it is unknown whether the notice left. If it is still true it is sent again under the
same id; if not, it is settled as unknown, and a follow-up says what is true now.

The trip of one notice, top-down: `handle` → `_take` or `_take_acknowledged` → `_proceed` → the effect (`starting`,
`perform`, `effect_done`) → `_proceed` again; a wait ends with `due` → `_ask`. Then come `resume` after a restore and
the hand-over to a human.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import timedelta

from pydantic import ValidationError

from schemas import topics
from schemas.codec import decode_own, encode
from schemas.errors import Invalid
from schemas.notifications import NotificationDue
from schemas.policy import Policy
from schemas.reports import DeliveryChanged
from schemas.vocabulary import NoticeStands, NoticeState, PeerKind
from services.notifier import notice_store, settlements
from services.notifier.channels import ChannelPort, Told, Unreachable
from services.notifier.notice_progress import Ended, NoticeProgress, reopened, withheld_end
from services.notifier.settlements import record_settled
from services.notifier.telling import Tell, TellEnded, tell
from streams.domain.hand_over import ACKNOWLEDGED
from streams.domain.ids import notification_id as notice_of
from streams.runtime import Agent, Origin, PutAside, Record, Turn

#: When staff look at a withheld notice again.
REVIEW_AFTER = timedelta(hours=24)

#: A message of the notifier; None: a record from which nothing follows.
Message = NotificationDue | DeliveryChanged | None


class Notifier(Agent[Message, Tell, TellEnded]):
    """One lane of the notifier; `partition` is the partition of its own questions, None: it follows from the person."""

    unfinished = notice_store.PENDING
    #: A channel tries again by itself, while the disk is full for example.
    effect_seconds = 900.0

    def __init__(
        self,
        channel: ChannelPort,
        policy: Policy,
        review_after: timedelta = REVIEW_AFTER,
        partition: int | None = None,
        *,
        kind: PeerKind = PeerKind.LIVE,
    ) -> None:
        self._kind = kind
        self._channel = channel
        self._policy = policy
        self._review_after = review_after
        self._partition = partition

    def decode(self, record: Record) -> Message:
        """Return the notice that is due or the acknowledgement, None if nothing follows.

        Raises `Invalid` for a record of the notices' topic that is no notice. Returns None for an unreadable delivery:
        DECIDE rejects it.
        """
        if record.topic == topics.TopicName.DELIVERIES:
            return _acknowledgement(record)
        if record.value is None:
            raise Invalid.of("value", "is missing")
        name, fields = decode_own(record.value, "NotificationDue", "NotificationSettled")
        if name == "NotificationSettled":
            return None
        try:
            return NotificationDue.model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None

    def handle(self, batch: Sequence[tuple[Record, Message]], turn: Turn) -> None:
        """Update the progress of each notice by its records, and start the words that follow."""
        for record, message in batch:
            if isinstance(message, NotificationDue):
                self._take(record, message, turn)
            elif message is not None:
                self._take_acknowledged(record, message, turn)

    def _take(self, record: Record, due: NotificationDue, turn: Turn) -> None:
        traceparent = _traceparent(record, turn)
        progress = notice_store.progress_of(turn, due.notification_id)
        if progress is not None:
            updated = progress.updated_by(due, traceparent)
            if updated != progress:
                self._proceed(turn, updated)
            return
        done = turn.get(notice_store.done_key(due.notification_id))
        if done is not None:
            if self._keeps_back(due):
                return
            follow_up = reopened(done, due, traceparent)
            if follow_up is not None:
                turn.drop(notice_store.done_key(due.notification_id))
                self._proceed(turn, follow_up)
            return
        acknowledged = notice_store.take_acknowledged(turn, due)
        first = NoticeProgress(due=due, traceparent=traceparent, acknowledged=acknowledged)
        if withheld_end(due) is None and first.waits:
            tell_by = due.tell_by or due.due_at
            # The wait keeps its intended length, even if the clock of DECIDE's process is ahead of this one.
            at = min(tell_by, turn.now + max(timedelta(0), tell_by - due.due_at))
            turn.schedule(due.notification_id.encode(), at, origin=_origin(first))
        self._proceed(turn, first)

    def _take_acknowledged(self, record: Record, changed: DeliveryChanged, turn: Turn) -> None:
        notification_id = notice_of(changed.report_id)
        progress = notice_store.progress_of(turn, notification_id)
        if progress is None:
            # For a settled notice, DECIDE writes what follows.
            if turn.get(notice_store.done_key(notification_id)) is None:
                notice_store.note_acknowledged(turn, notification_id, changed.agency)
        elif progress.due.agency is changed.agency and not progress.acknowledged:
            known = progress.replaced(acknowledged=True, traceparent=_traceparent(record, turn))
            if progress.waits and not progress.asked:
                # Its timer is not due yet.
                notice_store.save(turn, known)
            elif progress.due.stands is not NoticeStands.TOLD:
                self._ask(turn, known)

    def _proceed(self, turn: Turn, progress: NoticeProgress) -> None:
        """Save the notice, and start or settle what is next, unless an effect of it waits or runs."""
        due, says, origin = progress.due, progress.next_words, _origin(progress)
        if self._keeps_back(due):
            # Each notice passes here before it is told, also one that was taken by a simulated notifier before.
            ended = Ended(NoticeState.WITHDRAWN, reason=settlements.EXERCISE)
            record_settled(turn, due, due.notification_id, origin, ended)
            notice_store.finish(turn, due, NoticeState.WITHDRAWN, progress.said)
            return
        withheld = withheld_end(due)
        if progress.queued or (progress.waits and withheld is None):
            notice_store.save(turn, progress)
        elif progress.saying is not None and (progress.saying is not says or withheld is not None):
            # A crash cut it off, and it is no longer true or may not be sent again.
            cut_off = Ended(NoticeState.UNKNOWN, progress.saying)
            record_settled(turn, due, progress.id_of(progress.saying), origin, cut_off)
            self._proceed(turn, progress.after_saying(progress.saying))
        elif withheld is not None and (says is not None or progress.said is None):
            review_at = turn.now + self._review_after if withheld.state is NoticeState.DEFERRED else None
            record_settled(turn, due, progress.id_of(says), origin, withheld, review_at)
            notice_store.finish(turn, due, withheld.state, progress.said)
        elif says is not None:
            notice_store.save(turn, progress.replaced(queued=True))
            turn.start(Tell(due, progress.id_of(says), says, origin), origin=origin)
        elif progress.said is not None:
            notice_store.finish(turn, due, NoticeState.TOLD, progress.said)
        else:
            record_settled(turn, due, due.notification_id, origin, Ended(NoticeState.WITHDRAWN))
            notice_store.finish(turn, due, NoticeState.WITHDRAWN, None)

    def _keeps_back(self, due: NotificationDue) -> bool:
        return due.exercise and self._kind is PeerKind.LIVE

    def slot(self, effect: Tell) -> AbstractAsyncContextManager[None] | None:  # noqa: ARG002 - all are alike
        """Return a slot without a limit, so that `starting` is called when the effect begins."""
        return nullcontext()

    def starting(self, effect: Tell, turn: Turn, origin: Origin) -> bool:  # noqa: ARG002 - the effect has it too
        """Record the words that the channel gets; if other words are due by now, start those and return False."""
        progress = notice_store.progress_of(turn, effect.due.notification_id)
        if progress is None:
            return False
        if progress.next_words is not effect.says or progress.due != effect.due:
            self._proceed(turn, progress.replaced(queued=False))
            return False
        notice_store.save(turn, progress.replaced(saying=effect.says))
        return True

    async def perform(self, effect: Tell) -> TellEnded:
        """Give the notice to the channel."""
        return await tell(effect, self._channel, self._policy)

    def effect_done(self, effect: Tell, result: TellEnded, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - the span's is nearer
        """Record how the notice ended, and proceed with the progress as it is now."""
        progress = notice_store.progress_of(turn, effect.due.notification_id)
        if progress is None:
            return
        match result.result:
            case Told(channel):
                ended = Ended(NoticeState.TOLD, effect.says, channel)
                record_settled(turn, effect.due, effect.notification_id, result.origin, ended)
                self._proceed(turn, progress.after_saying(effect.says))
            case Unreachable(reason):
                ended = Ended(NoticeState.UNREACHABLE, reason=reason)
                record_settled(turn, effect.due, effect.notification_id, result.origin, ended)
                notice_store.finish(turn, progress.due, NoticeState.UNREACHABLE, progress.said)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:  # noqa: ARG002 - the progress has it too
        """Write the question for a report that was not acknowledged by `tell_by`."""
        progress = notice_store.progress_of(turn, timer.decode())
        if progress is not None and progress.waits:
            self._ask(turn, progress)

    def _ask(self, turn: Turn, progress: NoticeProgress) -> None:
        """Write the notice again after all earlier records; a record that is read before it may say more."""
        notice_store.save(turn, progress.replaced(asked=True, late=False))
        value = encode("NotificationDue", progress.due.model_dump())
        key = progress.due.person.encode()
        turn.send(topics.TopicName.NOTIFICATIONS, key, value, origin=_origin(progress), partition=self._partition)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - the value has all of it
        """Resume a notice after the lane's state was restored; its effect, if any, ended with the process."""
        progress = NoticeProgress.model_validate_json(value).replaced(queued=False)
        if progress.asked and progress.due.stands is NoticeStands.TELLING and not progress.acknowledged:
            # Time has passed, so ask anew: the first question may be read before records of the other topic that say
            # more.
            notice_store.save(turn, progress.replaced(asked=False, late=False))
            turn.schedule(progress.due.notification_id.encode(), turn.now, origin=_origin(progress))
        else:
            self._proceed(turn, progress)

    def entry_of(self, work: bytes | Tell) -> bytes | None:
        """Return the key of the entry of the notice that a timer (by its name) or an effect belongs to."""
        if isinstance(work, bytes):
            return notice_store.PENDING + work
        return notice_store.pending_key(work.due.notification_id)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Hand over to a human a notice whose record was rejected or put aside.

        The notice is the one in the record if it can be read; otherwise its ids follow from the record's topic,
        partition and offset. A delivery is left to DECIDE, which reads it too and hands it over.
        """
        if record.topic != topics.TopicName.DELIVERIES:
            settlements.hand_over_record(turn, record, invalid, self._readable(record))

    def put_aside(self, work: PutAside, turn: Turn, origin: Origin) -> None:
        """Hand over to a human a notice on which the notifier raised."""
        settlements.hand_over_work(turn, work, origin)

    def _readable(self, record: Record) -> NotificationDue | None:
        try:
            message = self.decode(record)
        except Invalid:
            return None
        return message if isinstance(message, NotificationDue) else None


def _acknowledgement(record: Record) -> DeliveryChanged | None:
    try:
        fields = decode_own(record.value or b"", "DeliveryChanged")[1]
        return DeliveryChanged.model_validate(fields) if fields["state"] in ACKNOWLEDGED else None
    except (Invalid, ValidationError):
        return None


def _traceparent(record: Record, turn: Turn) -> str | None:
    header = Origin.of(record).traceparent
    return None if header is None else turn.contexts.get(header, header).decode("ascii", "replace")


def _origin(progress: NoticeProgress) -> Origin:
    return Origin(None if progress.traceparent is None else progress.traceparent.encode("ascii"))
