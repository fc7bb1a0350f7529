"""The notifier: says to the person where the report on them stands (`progress.py` has the table).

    NotificationDue, telling   → kept, timer at `tell_by`
    told, not_told             → what the table says; deferred or unreachable where the notice is withheld
    DeliveryChanged            → where the agency has the report: nothing less than *we have told* is said from now on
    timer: `tell_by`           → the notice again on its own topic: the question whether anything else was written
    that question read         → we are telling; where the agency has the report, we have told
    effect begins              → says what the table says then, else it is left out and the next one is started
    effect ends                → NotificationSettled, and what the table says then

Why the notifier asks: the timer may be due while records wait that were written before, after an outage for example.
Its own record comes behind them, so *we are telling* is said only where no earlier record knows more. Why it reads
acknowledgements itself: DECIDE may be late after an outage. The timer waits until those are read that had come by then
(`timers_follow`). As a rule DECIDE says within moments that the report was acknowledged, by the channels that are safe.

A crash while the channel works leaves it unknown whether the notice left. Where it is still true it is said again
under the same id; where it is not, it is settled as unknown, and a follow-up says what is true now.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import structlog
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import ValidationError

from schemas import topics
from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.policy import Policy
from schemas.records import DeliveryChanged, NotificationDue, NotificationSettled
from schemas.telemetry import Attribute, Metric, Span
from schemas.vocabulary import NoticeSays, NoticeStands, NoticeState
from services.notifier import kept
from services.notifier.channels import ChannelPort, Told, Unreachable
from services.notifier.handed_over import UnknownNotice
from services.notifier.notice import compose
from services.notifier.progress import Ended, NoticeProgress, reopened, withheld_end
from streams.domain.hand_over import ACKNOWLEDGED
from streams.domain.ids import notification_id as notice_of
from streams.runtime import Agent, Cause, PutAside, Record, Turn
from streams.runtime.lane.poison_errors import PoisonRecord
from streams.runtime.lane.tracing import cause_of, context_of

#: When a notice that was withheld is looked at again.
REVIEW_AFTER = timedelta(hours=24)

#: The reason given for a notice on which the notifier raised also when it was alone.
PUT_ASIDE = "put_aside"
#: The reason given for a record that is no notice.
REJECTED = "rejected"

_log = structlog.get_logger("confide.notifier")
_notices = metrics.get_meter("confide.notifier").create_counter(Metric.NOTICES, unit="{notice}")


@dataclass(frozen=True, slots=True)
class Tell:
    """Say this of a report, as the notice of this id."""

    due: NotificationDue
    notification_id: str
    says: NoticeSays
    cause: Cause


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of telling it, and the span it was told in."""

    result: Told | Unreachable
    cause: Cause


#: What the notifier works on; None: a record from which nothing follows.
Message = NotificationDue | DeliveryChanged | None


class Notifier(Agent[Message, Tell, Outcome]):
    """One lane of the notifier; `partition` is where its own questions go, None: by the person."""

    unfinished = kept.PENDING
    #: A channel tries again by itself, while the disk is full for instance.
    effect_seconds = 900.0

    def __init__(
        self,
        channel: ChannelPort,
        policy: Policy,
        review_after: timedelta = REVIEW_AFTER,
        partition: int | None = None,
    ) -> None:
        self._channel = channel
        self._policy = policy
        self._review_after = review_after
        self._partition = partition

    def decode(self, record: Record) -> Message:
        """Return the notice that is due or the acknowledgement, None where nothing follows.

        Raises `Invalid` for a record of the notices' topic that is no notice. Returns None for an unreadable delivery:
        DECIDE rejects it.
        """
        if record.topic == topics.TopicName.DELIVERIES:
            return _acknowledgement(record)
        if record.value is None:
            raise Invalid.of("value", "is missing")
        name, fields = decode(record.value, "NotificationDue", "NotificationSettled")
        if name == "NotificationSettled":
            return None
        try:
            return NotificationDue.model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None

    def handle(self, batch: Sequence[tuple[Record, Message]], turn: Turn) -> None:
        """Take in where reports stand, and begin to say what follows."""
        for record, message in batch:
            if isinstance(message, NotificationDue):
                self._take(record, message, turn)
            elif message is not None:
                self._take_acknowledged(record, message, turn)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - the value has all of it
        """Take up a notice whose effect, if it had one, ended with the process."""
        progress = NoticeProgress.model_validate_json(value).but(queued=False)
        if progress.asked and progress.due.stands is NoticeStands.TELLING and not progress.acknowledged:
            # Time has passed: records may wait that say more. The question may be read before those on the other topic.
            kept.keep(turn, progress.but(asked=False, late=False))
            turn.schedule(progress.due.notification_id.encode(), turn.now, cause=_cause(progress))
        else:
            self._go_on(turn, progress)

    def due(self, timer: bytes, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - the progress has it too
        """Ask whether a report that was not acknowledged by `tell_by` stands otherwise by now."""
        progress = kept.progress_of(turn, timer.decode())
        if progress is not None and progress.waits:
            self._ask(turn, progress)

    def slot(self, effect: Tell) -> AbstractAsyncContextManager[None] | None:  # noqa: ARG002 - all are alike
        """Return a slot without a limit, so that `starting` is called when the effect begins."""
        return nullcontext()

    def starting(self, effect: Tell, turn: Turn, cause: Cause) -> bool:  # noqa: ARG002 - the effect has it too
        """Record what the channel is given; where something else is to be said by now, start that instead."""
        progress = kept.progress_of(turn, effect.due.notification_id)
        if progress is None:
            return False
        if progress.next_words is not effect.says or progress.due != effect.due:
            self._go_on(turn, progress.but(queued=False))
            return False
        kept.keep(turn, progress.but(saying=effect.says))
        return True

    async def perform(self, effect: Tell) -> Outcome:
        """Tell the notice through the channel."""
        with trace.get_tracer("confide.notifier").start_as_current_span(
            Span.NOTICE_TELL,
            context=context_of(effect.cause),
            kind=SpanKind.CLIENT,
            attributes={
                Attribute.NOTIFICATION_ID: effect.notification_id,
                Attribute.AGENCY: effect.due.agency.value,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            notice = compose(effect.due, effect.says, self._policy, effect.notification_id)
            result = await self._channel.tell(notice)
            if isinstance(result, Unreachable):
                span.set_status(StatusCode.ERROR)
            return Outcome(result, cause_of(span, effect.cause))

    def effect_done(self, effect: Tell, result: Outcome, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - the span's is nearer
        """Record how it ended, and go on with what is known by now."""
        progress = kept.progress_of(turn, effect.due.notification_id)
        if progress is None:
            return
        match result.result:
            case Told(channel):
                self._settle(
                    turn,
                    effect.due,
                    effect.notification_id,
                    result.cause,
                    Ended(NoticeState.TOLD, effect.says, channel),
                )
                self._go_on(turn, progress.heard(effect.says))
            case Unreachable(reason):
                ended = Ended(NoticeState.UNREACHABLE, reason=reason)
                self._settle(turn, effect.due, effect.notification_id, result.cause, ended)
                kept.finish(turn, progress.due, NoticeState.UNREACHABLE, progress.said)

    def entry_of(self, work: bytes | Tell) -> bytes | None:
        """Return the key of the entry of the notice that a timer (by its name) or an effect belongs to."""
        return kept.PENDING + work if isinstance(work, bytes) else kept.pending(work.due.notification_id)

    def rejected(self, record: Record, invalid: Invalid, turn: Turn) -> None:
        """Settle a notice whose record was rejected, or put aside, as unreachable: staff have to tell the person.

        It is the notice that the record holds, as far as that can be read; else its ids follow from the record's place.
        """
        if record.topic == topics.TopicName.DELIVERIES:
            # DECIDE reads it too, and hands it over.
            return
        reason, cause = PUT_ASIDE if isinstance(invalid, PoisonRecord) else REJECTED, Cause.of(record)
        ended = Ended(NoticeState.UNREACHABLE, reason=reason)
        due = self._readable(record)
        if due is not None:
            before = turn.get(kept.done(due.notification_id))
            if before is not None and reopened(before, due, None) is None:
                # It says nothing that did not count when the notice was settled.
                return
            self._settle(turn, due, due.notification_id, cause, ended)
            kept.finish(turn, due, NoticeState.UNREACHABLE, None)
        else:
            unknown = UnknownNotice.of(record)
            self._settle(turn, unknown, unknown.notification_id, cause, ended)
        _log.error(
            "a notice is handed to a human",
            reason=reason,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:
        """Settle a notice on which the notifier raised as unreachable: staff have to tell the person."""
        found = _notice_of(work)
        if found is None:
            # The entry is whole in the changelog's `.rejected` topic.
            _log.critical("a notice that cannot be read was put aside, the person is not told", error=work.error)
            return
        due, notification_id = found
        # Other work of it was there still when it was settled.
        if turn.get(kept.done(due.notification_id)) is None:
            self._settle(turn, due, notification_id, cause, Ended(NoticeState.UNREACHABLE, reason=PUT_ASIDE))
            kept.finish(turn, due, NoticeState.UNREACHABLE, None)

    def _readable(self, record: Record) -> NotificationDue | None:
        try:
            message = self.decode(record)
        except Invalid:
            return None
        return message if isinstance(message, NotificationDue) else None

    def _take_acknowledged(self, record: Record, changed: DeliveryChanged, turn: Turn) -> None:
        notification_id = notice_of(changed.report_id)
        progress = kept.progress_of(turn, notification_id)
        if progress is None:
            # Of a notice that is settled, DECIDE says what follows.
            if turn.get(kept.done(notification_id)) is None:
                kept.note_acknowledged(turn, notification_id, changed.agency)
        elif progress.due.agency is changed.agency and not progress.acknowledged:
            known = progress.but(acknowledged=True, traceparent=_traceparent(record, turn))
            if progress.waits and not progress.asked:
                # Its timer is to come.
                kept.keep(turn, known)
            elif progress.due.stands is not NoticeStands.TOLD:
                self._ask(turn, known)

    def _take(self, record: Record, due: NotificationDue, turn: Turn) -> None:
        traceparent = _traceparent(record, turn)
        progress = kept.progress_of(turn, due.notification_id)
        if progress is not None:
            taken = progress.taken(due, traceparent)
            if taken != progress:
                self._go_on(turn, taken)
            return
        marked = turn.get(kept.done(due.notification_id))
        if marked is not None:
            follow_up = reopened(marked, due, traceparent)
            if follow_up is not None:
                turn.drop(kept.done(due.notification_id))
                self._go_on(turn, follow_up)
            return
        first = NoticeProgress(due=due, traceparent=traceparent, acknowledged=kept.take_acknowledged(turn, due))
        if withheld_end(due) is None and first.waits:
            tell_by = due.tell_by or due.due_at
            # A wait is as long as was meant, also where the clock of DECIDE's process was ahead of this one.
            at = min(tell_by, turn.now + max(timedelta(0), tell_by - due.due_at))
            turn.schedule(due.notification_id.encode(), at, cause=_cause(first))
        self._go_on(turn, first)

    def _go_on(self, turn: Turn, progress: NoticeProgress) -> None:
        """Keep the notice, and do what is to be done about it now unless an effect is at it."""
        due, says, cause = progress.due, progress.next_words, _cause(progress)
        withheld = withheld_end(due)
        if progress.queued or (progress.waits and withheld is None):
            kept.keep(turn, progress)
        elif progress.saying is not None and (progress.saying is not says or withheld is not None):
            # A crash cut it off, and it is not true any more, or may not be said again.
            cut_off = Ended(NoticeState.UNKNOWN, progress.saying)
            self._settle(turn, due, progress.id_of(progress.saying), cause, cut_off)
            self._go_on(turn, progress.heard(progress.saying))
        elif withheld is not None and (says is not None or progress.said is None):
            self._settle(turn, due, progress.id_of(says), cause, withheld)
            kept.finish(turn, due, withheld.state, progress.said)
        elif says is not None:
            kept.keep(turn, progress.but(queued=True))
            turn.start(Tell(due, progress.id_of(says), says, cause), cause=cause)
        elif progress.said is not None:
            kept.finish(turn, due, NoticeState.TOLD, progress.said)
        else:
            self._settle(turn, due, due.notification_id, cause, Ended(NoticeState.WITHDRAWN))
            kept.finish(turn, due, NoticeState.WITHDRAWN, None)

    def _ask(self, turn: Turn, progress: NoticeProgress) -> None:
        """Write the notice again behind all that was written before; what is read until then may say more."""
        kept.keep(turn, progress.but(asked=True, late=False))
        value = encode("NotificationDue", progress.due.model_dump())
        key = progress.due.person.encode()
        turn.send(topics.TopicName.NOTIFICATIONS, key, value, cause=_cause(progress), partition=self._partition)

    def _settle(
        self, turn: Turn, due: NotificationDue | UnknownNotice, notification_id: str, cause: Cause, ended: Ended
    ) -> None:
        settled = NotificationSettled(
            notification_id=notification_id,
            report_id=due.report_id,
            person=due.person,
            disclosures=due.disclosures,
            state=ended.state,
            channel=ended.channel,
            reason=ended.reason,
            review_at=turn.now + self._review_after if ended.state is NoticeState.DEFERRED else None,
            settled_at=turn.now,
            says=ended.says,
        )
        value = encode("NotificationSettled", settled.model_dump())
        turn.send(topics.TopicName.NOTIFICATIONS, due.person.encode(), value, cause=cause)
        _notices.add(1, {Attribute.DELIVERY_STATE: ended.state.value})


def _acknowledgement(record: Record) -> DeliveryChanged | None:
    try:
        fields = decode(record.value or b"", "DeliveryChanged")[1]
        return DeliveryChanged.model_validate(fields) if fields["state"] in ACKNOWLEDGED else None
    except (Invalid, ValidationError):
        return None


def _notice_of(work: PutAside) -> tuple[NotificationDue, str] | None:
    """Return the record and the id of a notice that was put aside; None where its entry cannot be read."""
    if isinstance(work.effect, Tell):
        return work.effect.due, work.effect.notification_id
    try:
        progress = NoticeProgress.model_validate_json(work.value or b"")
    except ValidationError:
        return None
    return progress.due, progress.id_of(progress.saying or progress.next_words)


def _traceparent(record: Record, turn: Turn) -> str | None:
    header = Cause.of(record).traceparent
    return None if header is None else turn.contexts.get(header, header).decode("ascii", "replace")


def _cause(progress: NoticeProgress) -> Cause:
    return Cause(None if progress.traceparent is None else progress.traceparent.encode("ascii"))
