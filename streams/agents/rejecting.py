"""Makes the `UrgentRejected` of a rejected record, for a review: its position and the reason, none of its content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codec import encode
from schemas.disclosure import Disclosure
from schemas.errors import Invalid, Problem
from schemas.records import IdUsedBefore, UrgentRejected
from schemas.refused_bytes import id_in, json_fields, may_be_urgent
from schemas.rejection import REFUSED_BY, REFUSED_EXERCISE, REFUSED_LENGTH, first_field_of, reason_of
from schemas.topics import SERVICE_OF, URGENT, TopicName
from schemas.vocabulary import Service
from streams.agents.known_ids import FirstSeen
from streams.domain.ids import conflict_review_id, decision_id, lane_of, rejected_review_id, sender_of
from streams.runtime import Origin, PutAside, Record, Turn
from streams.runtime.agent import micros


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a record of a service's topic says of itself: its id, if it can be read, and whether it is an exercise."""

    sender: str
    disclosure_id: str | None
    exercise: bool
    #: Whether its fields could be read and do not rule out an immediate risk.
    is_urgent: bool = False

    @classmethod
    def by(cls, record: Record, fields: Mapping[str, Any], *, exercise: bool) -> "Claimed":
        """Return what the record says in these fields. The service is that of the topic."""
        sender = sender_of(SERVICE_OF[record.topic], exercise=exercise)
        return cls(sender, id_in(fields), exercise, bool(fields) and may_be_urgent(fields))

    @classmethod
    def at_a_door(cls, record: Record) -> "Claimed":
        """Return what a record says that a door refused; the door's header says whether it is an exercise."""
        return cls.by(record, json_fields(record.value or b""), exercise=_is_exercise_at_a_door(record))

    @classmethod
    def unread(cls, record: Record) -> "Claimed":
        """Return what is known of a record whose content is not read: to read it again may raise, or take as long."""
        return cls.by(record, {}, exercise=_is_exercise_at_a_door(record))


class InvalidDisclosure(Invalid):
    """A record that ADMIT could read in part; `claimed` is what it says of itself."""

    def __init__(self, problems: tuple[Problem, ...], claimed: Claimed) -> None:
        super().__init__(problems)
        self.claimed = claimed


class IdConflict(InvalidDisclosure):
    """A service used a disclosure id again with other content. The first disclosure counts; a human compares both."""

    def __init__(self, review_id: str, first: IdUsedBefore, claimed: Claimed) -> None:
        super().__init__((Problem("disclosure_id", "was used before with other content"),), claimed)
        self.review_id = review_id
        self.first = first

    @classmethod
    def between(cls, first: FirstSeen, disclosure: Disclosure, digest: str) -> "IdConflict":
        """Return the conflict of a disclosure, whose content has this digest, with the first one of the same id."""
        sender, id_ = sender_of(disclosure.service, exercise=disclosure.exercise), disclosure.disclosure_id
        counts = IdUsedBefore(
            disclosure_id=id_,
            decision_id=decision_id(sender, id_),
            topic=first.topic,
            partition=first.partition,
            offset=first.offset,
        )
        return cls(conflict_review_id(sender, id_, digest), counts, Claimed(sender, id_, disclosure.exercise))


class OtherService(InvalidDisclosure):
    """A record names another service than that of its topic. It may be forged, so it is not admitted."""

    def __init__(self, own: Service, claimed: Claimed) -> None:
        super().__init__((Problem("service", f"is not the service of this topic; allowed: {own}"),), claimed)


def is_refused_at_a_door(record: Record) -> bool:
    """Return whether a door wrote the record as it came, because it could not read it."""
    return any(name == REFUSED_BY for name, _ in record.headers)


def is_cut_at_a_door(record: Record) -> bool:
    """Return whether a door wrote only the first part of the record."""
    return any(name == REFUSED_LENGTH for name, _ in record.headers)


def asks_a_person(record: Record, invalid: Invalid) -> bool:
    """Return whether a person must look at a rejected record: from an urgent topic, a conflict, or with urgent facts.

    Facts that could be read count on a routine topic too: the facts decide what is urgent, and not the topic.
    """
    has_urgent_facts = isinstance(invalid, InvalidDisclosure) and invalid.claimed.is_urgent
    return record.topic in URGENT or isinstance(invalid, IdConflict) or has_urgent_facts


def urgent_rejected(
    record: Record, invalid: Invalid, turn: Turn, claimed: Claimed | None = None, *, counts_id: bool = False
) -> UrgentRejected:
    """Return the `UrgentRejected` of a record: where it is and why; for a conflict also where the first record is.

    `claimed` is None for a record that a lane of ours wrote. `counts_id`: this lane will see the record's id accepted.
    """
    conflict = invalid if isinstance(invalid, IdConflict) else None
    sender = lane_of(record.topic, record.partition) if claimed is None else claimed.sender
    arrived_at = record.arrived_at(turn.now)
    return UrgentRejected(
        review_id=rejected_review_id(sender, arrived_at) if conflict is None else conflict.review_id,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        field=first_field_of(invalid),
        reason=reason_of(invalid),
        rejected_at=turn.now,
        conflict=None if conflict is None else conflict.first,
        disclosure_id=claimed.disclosure_id if claimed is not None and counts_id else None,
        exercise=claimed is not None and claimed.exercise,
    )


def send_rejected(record: Record, rejected: UrgentRejected, turn: Turn) -> None:
    """Ask DECIDE for a review of a rejected record."""
    value = encode("UrgentRejected", rejected.model_dump())
    turn.send(TopicName.ADMITTED_URGENT, rejected.review_id.encode(), value, origin=Origin.of(record))


def timer_put_aside(work: PutAside, turn: Turn, changelog: str, partition: int) -> UrgentRejected:
    """Return the `UrgentRejected` of a review that was put aside because its escalation raised: where it is.

    A timer has no offset, so the time is used as one, as in the header `rejected-offset` that the runtime writes.
    """
    return UrgentRejected(
        review_id=rejected_review_id(lane_of(changelog, partition), turn.now),
        topic=changelog,
        partition=partition,
        offset=micros(turn.now),
        field="timer",
        reason=f"timer: the escalation of a review raised ({work.error}), and the review was put aside",
        rejected_at=turn.now,
    )


def _is_exercise_at_a_door(record: Record) -> bool:
    return any(name == REFUSED_EXERCISE for name, _ in record.headers)
