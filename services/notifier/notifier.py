"""The notifier: every notice that is due is settled once, as told, deferred or unreachable.

A notice that may be told is kept in the lane's state until its channel says that it was; a crash has it told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas import topics
from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.policy import Policy
from schemas.records import NotificationDue, NotificationSettled
from schemas.telemetry import Attribute, Metric, Span
from schemas.vocabulary import ContactChannel, NoticeState, WithheldBecause
from services.notifier.channels import ChannelPort, Told, Unreachable
from services.notifier.notice import compose
from streams.runtime import Agent, Cause, PutAside, Record, Turn
from streams.runtime.tracing import cause_of, context_of

#: When a notice that was withheld is looked at again.
REVIEW_AFTER = timedelta(hours=24)

#: How long the mark of a settled notice stays after it was due: for as long as anything can bring it again.
SETTLED_FOR = timedelta(days=topics.SETTLED_DAYS)

#: The reason given for a notice on which the notifier raised also when it was alone.
PUT_ASIDE = "put_aside"

_PENDING = b"pending/"
_log = structlog.get_logger("confide.notifier")
_notices = metrics.get_meter("confide.notifier").create_counter(Metric.NOTICES, unit="{notice}")


class Pending(BaseModel):
    """A notice on its way, as the lane's state keeps it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    due: NotificationDue
    traceparent: str | None

    @property
    def cause(self) -> Cause:
        """What brought the notice here, as far as a trace follows it."""
        return Cause(None if self.traceparent is None else self.traceparent.encode("ascii"))


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell a notice."""

    due: NotificationDue
    cause: Cause


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of telling it, and the span it was told in."""

    result: Told | Unreachable
    cause: Cause


class Notifier(Agent[NotificationDue | None, Tell, Outcome]):
    """One lane of the notifier."""

    unfinished = _PENDING

    def __init__(self, channel: ChannelPort, policy: Policy, review_after: timedelta = REVIEW_AFTER) -> None:
        self._channel = channel
        self._policy = policy
        self._review_after = review_after

    def decode(self, record: Record) -> NotificationDue | None:
        """Return the notice that is due, None for one that is settled; raise `Invalid` for anything else."""
        if record.value is None:
            raise Invalid.of("value", "is missing")
        name, fields = decode(record.value, "NotificationDue", "NotificationSettled")
        if name == "NotificationSettled":
            return None
        try:
            return NotificationDue.model_validate(fields)
        except ValidationError as error:
            raise Invalid.from_validation(error) from None

    def handle(self, batch: Sequence[tuple[Record, NotificationDue | None]], turn: Turn) -> None:
        """Settle what cannot be told, and begin to tell the rest."""
        for record, due in batch:
            if due is None or _is_known(turn, due.notification_id):
                continue
            header = Cause.of(record).traceparent
            cause = Cause(None if header is None else turn.contexts.get(header, header))
            if due.withheld_because is WithheldBecause.NOT_SAFE_TO_CONTACT:
                self._settle(turn, due, NoticeState.DEFERRED, cause, reason=due.withheld_because)
            elif due.withheld_because is WithheldBecause.NO_CHANNEL or not due.channels:
                self._settle(turn, due, NoticeState.UNREACHABLE, cause, reason=WithheldBecause.NO_CHANNEL)
            else:
                traceparent = None if cause.traceparent is None else cause.traceparent.decode("ascii", "replace")
                pending = Pending(due=due, traceparent=traceparent)
                turn.put(_pending(due.notification_id), pending.model_dump_json().encode())
                turn.start(Tell(due, cause), cause=cause)

    def resume(self, key: bytes, value: bytes, turn: Turn) -> None:  # noqa: ARG002 - the value has all of it
        """Send a pending notice again: a crash left its outcome unknown."""
        pending = Pending.model_validate_json(value)
        turn.start(Tell(pending.due, pending.cause), cause=pending.cause)

    async def perform(self, effect: Tell) -> Outcome:
        """Tell the notice through the channel."""
        with trace.get_tracer("confide.notifier").start_as_current_span(
            Span.NOTICE_TELL,
            context=context_of(effect.cause),
            kind=SpanKind.CLIENT,
            attributes={
                Attribute.NOTIFICATION_ID: effect.due.notification_id,
                Attribute.AGENCY: effect.due.agency.value,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            result = await self._channel.tell(compose(effect.due, self._policy))
            if isinstance(result, Unreachable):
                span.set_status(StatusCode.ERROR)
            return Outcome(result, cause_of(span, effect.cause))

    def settled(self, effect: Tell, result: Outcome, turn: Turn, cause: Cause) -> None:  # noqa: ARG002 - the span's is nearer
        """Record how it ended."""
        match result.result:
            case Told(channel):
                self._settle(turn, effect.due, NoticeState.TOLD, result.cause, channel=channel)
            case Unreachable(reason):
                self._settle(turn, effect.due, NoticeState.UNREACHABLE, result.cause, reason=reason)

    def entry_of(self, work: bytes | Tell) -> bytes | None:
        """Return the key of the entry of the notice that an effect tells; there are no timers."""
        return None if isinstance(work, bytes) else _pending(work.due.notification_id)

    def put_aside(self, work: PutAside, turn: Turn, cause: Cause) -> None:
        """Settle a notice on which the notifier raised as unreachable: staff have to tell the person."""
        due = _due_of(work)
        if due is None:
            # The entry is whole in the changelog's `.rejected` topic.
            _log.critical("a notice that cannot be read was put aside, the person is not told", error=work.error)
        elif turn.get(_done(due.notification_id)) is None:
            self._settle(turn, due, NoticeState.UNREACHABLE, cause, reason=PUT_ASIDE)

    def _settle(
        self,
        turn: Turn,
        due: NotificationDue,
        state: NoticeState,
        cause: Cause,
        *,
        channel: ContactChannel | None = None,
        reason: str | None = None,
    ) -> None:
        settled = NotificationSettled(
            notification_id=due.notification_id,
            report_id=due.report_id,
            person=due.person,
            disclosures=due.disclosures,
            state=state,
            channel=channel,
            reason=reason,
            review_at=turn.now + self._review_after if state is NoticeState.DEFERRED else None,
            settled_at=turn.now,
        )
        value = encode("NotificationSettled", settled.model_dump())
        turn.send(topics.TopicName.NOTIFICATIONS, due.person.encode(), value, cause=cause)
        if turn.get(_pending(due.notification_id)) is not None:
            turn.drop(_pending(due.notification_id))
        turn.put(_done(due.notification_id), state.value.encode(), until=due.due_at + SETTLED_FOR)
        _notices.add(1, {Attribute.DELIVERY_STATE: state.value})


def _due_of(work: PutAside) -> NotificationDue | None:
    """Return the notice of work that was put aside; None where its entry cannot be read."""
    if isinstance(work.effect, Tell):
        return work.effect.due
    try:
        return Pending.model_validate_json(work.value or b"").due
    except ValidationError:
        return None


def _is_known(turn: Turn, notification_id: str) -> bool:
    return turn.get(_pending(notification_id)) is not None or turn.get(_done(notification_id)) is not None


def _pending(notification_id: str) -> bytes:
    return _PENDING + notification_id.encode()


def _done(notification_id: str) -> bytes:
    return b"done/" + notification_id.encode()
