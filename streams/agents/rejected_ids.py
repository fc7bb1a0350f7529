"""What an ADMIT lane remembers of rejected records that a person is asked about.

The same bytes again in the same hour are no further question. The id of a rejected record is remembered until it is
accepted: DECIDE then closes the review, if that is so of every record in it.
"""

from datetime import timedelta

from schemas.codec import encode
from schemas.disclosure import disclosure_key
from schemas.records import RejectedAccepted, UrgentRejected
from schemas.topics import KNOWN_DAYS, TopicName
from streams.agents.rejecting import Claimed, is_cut_at_a_door
from streams.runtime import Origin, Record, Turn

_ASKED = b"f:"
_WAITING = b"w:"
#: The review that an ended hour had may still be open, but it gets no more records.
_ASKED_FOR = timedelta(hours=2)
_WAITING_FOR = timedelta(days=KNOWN_DAYS)


def is_asked_before(turn: Turn, record: Record, rejected: UrgentRejected, digest: str) -> bool:
    """Return whether the same bytes were rejected in the same hour before; if not, remember these.

    `digest` is a keyed digest of the bytes. Of bytes that were cut nobody knows whether the whole is the same, and that
    two records are empty says nothing.

    State: `f:` + review id + `|` + digest → empty, kept for two hours.
    """
    if not record.value or is_cut_at_a_door(record):
        return False
    name = _ASKED + f"{rejected.review_id}|{digest}".encode()
    if turn.get(name) is not None:
        return True
    turn.put(name, b"", until=turn.now + _ASKED_FOR)
    return False


def await_acceptance(turn: Turn, claimed: Claimed, rejected: UrgentRejected) -> None:
    """Remember the id of a rejected record, if it counts.

    State: `w:` + sender + `|` + id → the ids of the reviews that ask about it; kept for KNOWN_DAYS.
    """
    if rejected.disclosure_id is None:
        return
    name = _name(claimed.sender, rejected.disclosure_id)
    waiting = (turn.get(name) or b"").split()
    reviews = dict.fromkeys((*waiting, rejected.review_id.encode()))
    turn.put(name, b" ".join(reviews), until=turn.now + _WAITING_FOR)


def note_accepted(turn: Turn, record: Record, sender: str, disclosure_id: str) -> None:
    """Tell DECIDE that a disclosure was accepted, if a rejected record of its id waits for that."""
    name = _name(sender, disclosure_id)
    waiting = turn.get(name)
    if waiting is None:
        return
    turn.drop(name)
    for review in waiting.split():
        accepted = RejectedAccepted(review_id=review.decode(), disclosure_id=disclosure_id, accepted_at=turn.now)
        value = encode("RejectedAccepted", accepted.model_dump())
        turn.send(TopicName.ADMITTED_URGENT, review, value, origin=Origin.of(record))


def _name(sender: str, disclosure_id: str) -> bytes:
    return _WAITING + sender.encode() + b"|" + disclosure_key(disclosure_id)
