"""Makes the `UrgentRejected` of a rejected record, for a review: its position and the reason, none of its content."""

from hashlib import sha256

from schemas.codec import encode
from schemas.disclosure import Disclosure, is_urgent
from schemas.errors import Invalid, Problem
from schemas.identifiers import ReviewId
from schemas.records import IdUsedBefore, UrgentRejected
from schemas.rejection import REFUSED_BY, REFUSED_LENGTH, first_field_of, reason_of
from schemas.topics import SERVICE_OF, URGENT, TopicName
from schemas.vocabulary import Service
from streams.agents.known_ids import FirstSeen
from streams.domain.ids import conflict_review_id, decision_id, refused_review_id, rejected_review_id, sender_of
from streams.runtime import Origin, PutAside, Record, Turn
from streams.runtime.agent import micros


class IdConflict(Invalid):
    """A service used a disclosure id again with other content. The first disclosure counts; a human compares both."""

    def __init__(self, review_id: str, first: IdUsedBefore) -> None:
        super().__init__((Problem("disclosure_id", "was used before with other content"),))
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
        return cls(conflict_review_id(sender, id_, digest), counts)


class OtherService(Invalid):
    """A record names another service than that of its topic. It may be forged, so it is not admitted."""

    def __init__(self, own: Service, *, urgent: bool) -> None:
        super().__init__((Problem("service", f"is not the service of this topic; allowed: {own}"),))
        self.is_urgent = urgent

    @classmethod
    def than(cls, own: Service, disclosure: Disclosure) -> "OtherService":
        """Return the error of a disclosure on a topic of the service `own`."""
        return cls(own, urgent=is_urgent(disclosure))


def is_refused_at_a_door(record: Record) -> bool:
    """Return whether a door wrote the record as it came, because it could not read it."""
    return any(name == REFUSED_BY for name, _ in record.headers)


def is_cut_at_a_door(record: Record) -> bool:
    """Return whether a door wrote only the first part of the record."""
    return any(name == REFUSED_LENGTH for name, _ in record.headers)


def report_rejected(record: Record, invalid: Invalid, turn: Turn) -> None:
    """Ask DECIDE for a review of a rejected record from an urgent topic, with a conflict, or with urgent facts.

    The facts of an `OtherService` record could be read, so they count on a routine topic too.
    """
    has_urgent_facts = isinstance(invalid, OtherService) and invalid.is_urgent
    if record.topic in URGENT or isinstance(invalid, IdConflict) or has_urgent_facts:
        rejected = urgent_rejected(record, invalid, turn)
        value = encode("UrgentRejected", rejected.model_dump())
        turn.send(TopicName.ADMITTED_URGENT, rejected.review_id.encode(), value, origin=Origin.of(record))


def urgent_rejected(record: Record, invalid: Invalid, turn: Turn) -> UrgentRejected:
    """Return the `UrgentRejected` of a record: where it is and why; for a conflict also where the first record is."""
    conflict = invalid if isinstance(invalid, IdConflict) else None
    return UrgentRejected(
        review_id=_review_id(record) if conflict is None else conflict.review_id,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        field=first_field_of(invalid),
        reason=reason_of(invalid),
        rejected_at=turn.now,
        conflict=None if conflict is None else conflict.first,
    )


def _review_id(record: Record) -> ReviewId:
    if is_refused_at_a_door(record):
        # A sender may send the same again and again: that is one question.
        return refused_review_id(SERVICE_OF[record.topic], sha256(record.value or b"").hexdigest())
    return rejected_review_id(record.topic, record.partition, record.offset)


def timer_put_aside(work: PutAside, turn: Turn, changelog: str, partition: int) -> UrgentRejected:
    """Return the `UrgentRejected` of a review that was put aside because its escalation raised: where it is.

    A timer has no offset, so the time is used as one, as in the header `rejected-offset` that the runtime writes.
    """
    offset = micros(turn.now)
    return UrgentRejected(
        review_id=rejected_review_id(changelog, partition, offset),
        topic=changelog,
        partition=partition,
        offset=offset,
        field="timer",
        reason=f"timer: the escalation of a review raised ({work.error}), and the review was put aside",
        rejected_at=turn.now,
    )
