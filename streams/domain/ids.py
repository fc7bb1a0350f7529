"""Ids as functions of what caused them (UUIDv5, RFC 9562), so that doing the same again gives the same ids.

None contains the person: persons may be merged, and an id must not change when they are.
"""

from hashlib import sha1, sha256
from uuid import UUID

from schemas.identifiers import DecisionId, NotificationId, PersonId, ReportId, ReviewId, Token
from schemas.vocabulary import Service

#: What is not mistaken for another when it is read aloud or copied by hand: no 0 and O, no 1 and I.
_READ_ALOUD = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_NAMESPACE = UUID("6f0a6d0e-3c55-5b6b-9a56-0f3d5f0c9b41")


def person_id(service: Service, first_disclosure: str, first_token: Token) -> PersonId:
    """Return the id of the person whom this disclosure of a service made known; IDENTITY assigns it once.

    The token is part of it because ADMIT forgets ids after KNOWN_DAYS. A service that then uses an id again for
    somebody else would join the two persons.
    """
    return PersonId(_derive("person", service, first_disclosure, first_token))


def decision_id(service: Service, disclosure: str, caused_by: str = "disclosure") -> DecisionId:
    """Return the id of the decision that `caused_by` brought about for this disclosure of a service."""
    return DecisionId(_derive("decision", service, disclosure, caused_by))


def review_decision_id(service: Service, disclosure: str, review: str) -> DecisionId:
    """Return the id of the decision that settling this review brings about: the first outcome alone settles it."""
    return decision_id(service, disclosure, f"review_outcome|{review}")


def report_id(decision: str, agency: str) -> ReportId:
    """Return the id of what this agency is told on this decision."""
    return ReportId(_derive("report", decision, agency))


def rejected_report_id(topic: str, partition: int, offset: int) -> ReportId:
    """Return the id under which a record that is no readable report is handed over, by its place."""
    return ReportId(_derive("report", topic, str(partition), str(offset)))


def rejected_notice_id(topic: str, partition: int, offset: int) -> NotificationId:
    """Return the id under which a record that is no readable notice is handed over, by its place."""
    return NotificationId(_derive("notification", topic, str(partition), str(offset)))


def review_id(decision: str) -> ReviewId:
    """Return the id of the review that this decision asks for."""
    return ReviewId(_derive("review", decision))


def rejected_review_id(topic: str, partition: int, offset: int) -> ReviewId:
    """Return the id of the review of a record that was rejected there."""
    return ReviewId(_derive("review", topic, str(partition), str(offset)))


def conflict_review_id(service: Service, disclosure: str, digest: str) -> ReviewId:
    """Return the id of the review of other content (`digest`) under an id that this service used before.

    The same content that comes again under it is the same review.
    """
    return ReviewId(_derive("conflict", service, disclosure, digest))


def undelivered_review_id(report: str, generation: int) -> ReviewId:
    """Return the id of the review of a report that no agency acknowledged, for that one of its sendings."""
    return ReviewId(_derive("undelivered", report, str(generation)))


def notification_id(report: str) -> NotificationId:
    """Return the id of the notice that tells the person of this report."""
    return NotificationId(_derive("notification", report))


def follow_up_id(first: str, says: str) -> NotificationId:
    """Return the id of the notice that follows the first one of a report and says this."""
    return NotificationId(_derive("notification", first, says))


def notice_reference(first: str) -> str:
    """Return the short reference that the first notice of a report and its follow-ups give the person to ask with.

    A function of the first notice's id: whoever is asked finds the notice by computing it again.
    """
    bits = int.from_bytes(sha256(b"notice reference|" + first.encode()).digest()[:5])
    return "".join([_READ_ALOUD[bits >> shift & 31] for shift in range(35, -1, -5)])


def _derive(*parts: str) -> str:
    # Lengths keep ("a", "b:c") and ("a:b", "c") apart.
    name = "|".join([f"{len(part)}:{part}" for part in parts])
    # As uuid.uuid5 has it, which builds an object on the way: several ids follow from every disclosure.
    digest = bytearray(sha1(_NAMESPACE.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
