"""What is said of a rejected record so that a person looks at it: where it lies and why, nothing of what it holds."""

from schemas.codec import encode
from schemas.disclosure import Disclosure, is_urgent
from schemas.errors import Invalid, Problem
from schemas.records import IdUsedBefore, UrgentRejected
from schemas.rejection import first_field_of, reason_of
from schemas.topics import URGENT, TopicName
from schemas.vocabulary import Service
from streams.agents.known_ids import FirstSeen
from streams.domain.ids import conflict_review_id, decision_id, rejected_review_id
from streams.runtime import Cause, PutAside, Record, Turn
from streams.runtime.agent import micros


class IdConflict(Invalid):
    """A service used the id of a disclosure before, with other content: the first stands, a person looks at both."""

    def __init__(self, review_id: str, first: IdUsedBefore) -> None:
        super().__init__((Problem("disclosure_id", "was used before with other content"),))
        self.review_id = review_id
        self.first = first

    @classmethod
    def between(cls, first: FirstSeen, disclosure: Disclosure, digest: str) -> "IdConflict":
        """Return the conflict of a disclosure, whose content has that digest, with the first one under its id."""
        service, id_ = disclosure.service, disclosure.disclosure_id
        stands = IdUsedBefore(
            disclosure_id=id_,
            decision_id=decision_id(service, id_),
            topic=first.topic,
            partition=first.partition,
            offset=first.offset,
        )
        return cls(conflict_review_id(service, id_, digest), stands)


class OtherService(Invalid):
    """A record says that it is of another service than the one whose topic it lies on: nobody believes it."""

    def __init__(self, own: Service, *, urgent: bool) -> None:
        super().__init__((Problem("service", f"is not the service of this topic; allowed: {own}"),))
        self.is_urgent = urgent

    @classmethod
    def than(cls, own: Service, disclosure: Disclosure) -> "OtherService":
        """Return the error of a disclosure on a topic of the service `own`."""
        return cls(own, urgent=is_urgent(disclosure))


def tell_of_rejected(record: Record, invalid: Invalid, turn: Turn) -> None:
    """Have DECIDE ask somebody to look at a rejected record: of an urgent topic, in conflict, or urgent by its facts.

    The facts of a record of another service can be read, so they count whatever topic it lies on.
    """
    says_urgent = isinstance(invalid, OtherService) and invalid.is_urgent
    if record.topic in URGENT or isinstance(invalid, IdConflict) or says_urgent:
        told = urgent_rejected(record, invalid, turn)
        value = encode("UrgentRejected", told.model_dump())
        turn.send(TopicName.ADMITTED_URGENT, told.review_id.encode(), value, cause=Cause.of(record))


def urgent_rejected(record: Record, invalid: Invalid, turn: Turn) -> UrgentRejected:
    """Return what is said of a rejected record: where it lies and why, and of a conflict where the first one lies."""
    conflict = invalid if isinstance(invalid, IdConflict) else None
    place = record.topic, record.partition, record.offset
    return UrgentRejected(
        review_id=rejected_review_id(*place) if conflict is None else conflict.review_id,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        field=first_field_of(invalid),
        reason=reason_of(invalid),
        rejected_at=turn.now,
        conflict=None if conflict is None else conflict.first,
    )


def timer_put_aside(work: PutAside, turn: Turn, changelog: str, partition: int) -> UrgentRejected:
    """Return what is said of a review whose escalation raises: where it was put aside, nothing of what it holds.

    The runtime gives it the time as its offset (`rejected-offset`).
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
