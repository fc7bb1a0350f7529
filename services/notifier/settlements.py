"""Writes a `NotificationSettled` record for each notice that ended, and for work that the notifier cannot do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

import structlog
from opentelemetry import metrics
from pydantic import ValidationError

from schemas import topics
from schemas.codec import encode
from schemas.errors import Invalid
from schemas.notifications import NotificationDue, NotificationSettled, ServiceDisclosure
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import NoticeState
from services.notifier import notice_store
from services.notifier.notice_progress import Ended, NoticeProgress, reopened
from services.notifier.telling import Tell
from streams.domain.ids import person_of_key, rejected_notice_id, rejected_report_id
from streams.runtime import Origin, PutAside, Record, Turn
from streams.runtime.lane.poison_errors import PoisonRecord

#: The reason given for a notice on which the notifier raised again when it ran alone.
PUT_ASIDE = "put_aside"
#: The reason given for a notice of an exercise: no real person gets it.
EXERCISE = "exercise"
#: The reason given for a record that is no notice.
REJECTED = "rejected"

_log = structlog.get_logger("confide.notifier")
_notices = metrics.get_meter("confide.notifier").create_counter(Metric.NOTICES, unit="{notice}")


@dataclass(frozen=True, slots=True)
class UnknownNotice:
    """A notice whose record cannot be read: its ids follow from the record's topic, partition and offset."""

    notification_id: str
    report_id: str
    person: str
    disclosures: tuple[ServiceDisclosure, ...] = ()
    exercise: bool = False

    @classmethod
    def of(cls, record: Record) -> Self:
        """Return the notice of a record; its person is the record's key if that is one of our ids."""
        location = record.topic, record.partition, record.offset
        return cls(
            notification_id=rejected_notice_id(*location),
            report_id=rejected_report_id(*location),
            person=person_of_key(record.key),
        )


def record_settled(
    turn: Turn,
    due: NotificationDue | UnknownNotice,
    notification_id: str,
    origin: Origin,
    ended: Ended,
    review_at: datetime | None = None,
) -> None:
    """Write how the notice of this id ended, and count it; staff look at a deferred one again at `review_at`."""
    settled = NotificationSettled(
        notification_id=notification_id,
        report_id=due.report_id,
        person=due.person,
        disclosures=due.disclosures,
        state=ended.state,
        channel=ended.channel,
        reason=ended.reason,
        review_at=review_at,
        settled_at=turn.now,
        says=ended.says,
        exercise=due.exercise,
    )
    value = encode("NotificationSettled", settled.model_dump())
    turn.send(topics.TopicName.NOTIFICATIONS, due.person.encode(), value, origin=origin)
    _notices.add(1, {Attribute.DELIVERY_STATE: ended.state.value})


def hand_over_record(turn: Turn, record: Record, invalid: Invalid, due: NotificationDue | None) -> None:
    """Hand over to a human a record of the notices' topic that was rejected or put aside: staff must tell the person.

    `due` is the notice in the record, None if it cannot be read.
    """
    reason = PUT_ASIDE if isinstance(invalid, PoisonRecord) else REJECTED
    origin, ended = Origin.of(record), Ended(NoticeState.UNREACHABLE, reason=reason)
    if due is not None:
        before = turn.get(notice_store.done_key(due.notification_id))
        if before is not None and reopened(before, due, None) is None:
            # The notice is settled, and this record adds nothing.
            return
        record_settled(turn, due, due.notification_id, origin, ended)
        notice_store.finish(turn, due, NoticeState.UNREACHABLE, None)
    else:
        unknown = UnknownNotice.of(record)
        record_settled(turn, unknown, unknown.notification_id, origin, ended)
    _log.error(
        "a notice is handed over to a human",
        reason=reason,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def hand_over_work(turn: Turn, work: PutAside, origin: Origin) -> None:
    """Hand over to a human a notice whose timer, effect or entry was put aside: staff must tell the person."""
    found = _notice_of(work)
    if found is None:
        # The whole entry is in the changelog's `.rejected` topic.
        _log.critical("a notice that cannot be read was put aside, the person is not told", error=work.error)
        return
    due, notification_id = found
    # If there is a done entry, this is other work of a notice that is settled already.
    if turn.get(notice_store.done_key(due.notification_id)) is None:
        record_settled(turn, due, notification_id, origin, Ended(NoticeState.UNREACHABLE, reason=PUT_ASIDE))
        notice_store.finish(turn, due, NoticeState.UNREACHABLE, None)


def _notice_of(work: PutAside) -> tuple[NotificationDue, str] | None:
    """Return the record and the id of a notice that was put aside; None if its entry cannot be read."""
    if isinstance(work.effect, Tell):
        return work.effect.due, work.effect.notification_id
    try:
        progress = NoticeProgress.model_validate_json(work.value or b"")
    except ValidationError:
        return None
    return progress.due, progress.id_of(progress.saying or progress.next_words)
