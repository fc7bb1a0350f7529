"""Ids, computed from their cause (UUIDv5, RFC 9562): the same work done again gives the same ids.

No id contains the person: persons may be merged, and an id must not change then.
"""

import re
from datetime import UTC, datetime
from hashlib import sha1, sha256
from uuid import UUID

from schemas.identifiers import DecisionId, NotificationId, PersonId, ReportId, ReviewId, Token
from schemas.vocabulary import Service

#: Characters that are not confused when read aloud or copied by hand: no 0 and O, no 1 and I.
_READ_ALOUD = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
#: The person of a record that cannot be read.
NO_PERSON = ""
#: Our ids are UUIDs. Other text in a key may be anything, a name for example: it goes no further.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAMESPACE = UUID("6f0a6d0e-3c55-5b6b-9a56-0f3d5f0c9b41")


def person_of_key(key: bytes | None) -> str:
    """Return the person whose id is the key of a record; `NO_PERSON` if the key is not one of our ids."""
    person = (key or b"").decode("ascii", "replace")
    return person if _ID.fullmatch(person) else NO_PERSON


def sender_of(service: Service, *, exercise: bool) -> str:
    """Return whose ids these are: a service's, or those of its exercises.

    An exercise never shares an id with a real disclosure: it could not take the id of an emergency, nor the person.
    """
    return f"{service}|exercise" if exercise else service.value


def person_id(sender: str, first_disclosure: str, first_token: Token) -> PersonId:
    """Return the id of the person of whom this disclosure was the first; IDENTITY assigns it once.

    It depends on the token because ADMIT forgets disclosure ids after KNOWN_DAYS. A service may then use a disclosure
    id again for another person, and without the token both persons would have the same id.
    """
    return PersonId(_derive("person", sender, first_disclosure, first_token))


def lone_person_id(sender: str, disclosure: str, digest: str) -> PersonId:
    """Return the id of the person of a disclosure without a token: ADMIT assigns it, and no other disclosure has it.

    `digest` is that of the disclosure's content, for the reason why `person_id` takes a token.
    """
    return PersonId(_derive("lone person", sender, disclosure, digest))


def decision_id(sender: str, disclosure: str, caused_by: str = "disclosure") -> DecisionId:
    """Return the id of the decision on this disclosure of a sender (`sender_of`) that `caused_by` led to."""
    return DecisionId(_derive("decision", sender, disclosure, caused_by))


def review_decision_id(sender: str, disclosure: str, review: str) -> DecisionId:
    """Return the id of the decision that follows when this review is settled; only its first outcome settles it."""
    return decision_id(sender, disclosure, f"review_outcome|{review}")


def report_id(decision: str, agency: str) -> ReportId:
    """Return the id of the report of this decision to this agency."""
    return ReportId(_derive("report", decision, agency))


def rejected_report_id(topic: str, partition: int, offset: int) -> ReportId:
    """Return the report id for a record that is no readable report, by its topic, partition and offset."""
    return ReportId(_derive("report", topic, str(partition), str(offset)))


def rejected_notice_id(topic: str, partition: int, offset: int) -> NotificationId:
    """Return the notice id for a record that is no readable notice, by its topic, partition and offset."""
    return NotificationId(_derive("notification", topic, str(partition), str(offset)))


def review_id(decision: str) -> ReviewId:
    """Return the id of the review that this decision asks for."""
    return ReviewId(_derive("review", decision))


def rejected_review_id(sender: str, arrived_at: datetime) -> ReviewId:
    """Return the id of the first review of the records of a sender that arrived in this hour (UTC) and were rejected.

    `sender` is that of `sender_of`, or of `lane_of`.
    """
    return ReviewId(_derive("review", "rejected", sender, f"{arrived_at.astimezone(UTC):%Y-%m-%dT%H}"))


def lane_of(topic: str, partition: int) -> str:
    """Return the sender of records that no service sent, but a lane of ours: their topic and partition."""
    return f"{topic}|{partition}"


def later_review_id(first: ReviewId, generation: int) -> ReviewId:
    """Return the id of a generation of the review `first`, which is generation 1."""
    return first if generation == 1 else ReviewId(_derive("review", first, str(generation)))


def conflict_review_id(sender: str, disclosure: str, digest: str) -> ReviewId:
    """Return the id of the review of a disclosure id that its sender used again with other content (`digest`).

    The same content under that id once more has the same review.
    """
    return ReviewId(_derive("conflict", sender, disclosure, digest))


def undelivered_review_id(report: str, generation: int) -> ReviewId:
    """Return the id of the review of one sending of a report that no agency acknowledged."""
    return ReviewId(_derive("undelivered", report, str(generation)))


def notification_id(report: str) -> NotificationId:
    """Return the id of the first notice to the person about this report."""
    return NotificationId(_derive("notification", report))


def follow_up_id(first: str, says: str) -> NotificationId:
    """Return the id of the notice that follows the first notice of a report, by the message that it carries."""
    return NotificationId(_derive("notification", first, says))


def notice_reference(first: str) -> str:
    """Return the short reference in the notices of one report, by which the person can ask about them.

    It is computed from the id of the first notice: staff find the notice when they compute it again.
    """
    bits = int.from_bytes(sha256(b"notice reference|" + first.encode()).digest()[:5])
    return "".join([_READ_ALOUD[bits >> shift & 31] for shift in range(35, -1, -5)])


def _derive(*parts: str) -> str:
    # Lengths keep ("a", "b:c") and ("a:b", "c") apart.
    name = "|".join([f"{len(part)}:{part}" for part in parts])
    # The same as uuid.uuid5, which also builds an object. Several ids follow from every disclosure, so that would cost.
    digest = bytearray(sha1(_NAMESPACE.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
