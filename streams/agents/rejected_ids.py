"""What an ADMIT lane remembers of rejected records that a person is asked about, by their ids.

A client that repeats a refused request asks one question an hour. The id of a rejected record is remembered until a
disclosure is accepted under it: DECIDE then closes the review, if that is so of every record in it.
"""

from datetime import timedelta

from schemas.codec import encode
from schemas.disclosure import Disclosure, disclosure_key, is_urgent
from schemas.records import RejectedAccepted, UrgentRejected
from schemas.topics import KNOWN_DAYS, TopicName
from streams.agents.rejecting import is_cut_at_a_door, is_refused_at_a_door
from streams.runtime import Origin, Record, Turn

_ASKED = b"f:"
_WAITING = b"w:"
#: An hour, and as long again for records that a lane reads late.
_ASKED_FOR = timedelta(hours=2)
_WAITING_FOR = timedelta(days=KNOWN_DAYS)
#: In place of the digest: records with other content have the same id. Nobody knows which of them is accepted.
_SEVERAL = b"several"
#: Most reviews that wait for one id. A sender that repeats a record for days has one each hour.
_MOST_REVIEWS = 48


def is_asked_before(turn: Turn, record: Record, rejected: UrgentRejected, digest: str) -> bool:
    """Return whether a door refused the same bytes with the same id in the same hour before; if not, remember these.

    `digest` is a keyed digest of the bytes. Of bytes that were cut nobody knows whether the whole is the same. A record
    that no door refused was sent on purpose, for example by `confide rejected replay`: it is always asked about.

    State: `f:` + review id + `|` + digest → empty, kept for two hours.
    """
    if not is_refused_at_a_door(record) or is_cut_at_a_door(record):
        return False
    name = _ASKED + f"{rejected.review_id}|{digest}".encode()
    if turn.get(name) is not None:
        return True
    turn.put(name, b"", until=turn.now + _ASKED_FOR)
    return False


def await_acceptance(turn: Turn, sender: str, rejected: UrgentRejected, digest: str) -> None:
    """Remember the id of a rejected record, whose bytes have this keyed digest.

    State: `w:` + sender + `|` + id → the digest and the ids of the reviews that ask about it; kept for KNOWN_DAYS after
    the last one.
    """
    name = _name(sender, rejected.disclosure_id or "")
    known, *reviews = (turn.get(name) or digest.encode()).split()
    if known != digest.encode():
        known = _SEVERAL
    reviews = list(dict.fromkeys((*reviews, rejected.review_id.encode())))[-_MOST_REVIEWS:]
    turn.put(name, b" ".join((known, *reviews)), until=turn.now + _WAITING_FOR)


def note_accepted(turn: Turn, record: Record, sender: str, disclosure: Disclosure) -> None:
    """Tell DECIDE that a disclosure was accepted under the id of a rejected record.

    The question stays open if the disclosure is routine: its sender may have left out what could not be read. It stays
    open too if several contents with that id were rejected.
    """
    name = _name(sender, disclosure.disclosure_id)
    waiting = turn.get(name)
    if waiting is None:
        return
    turn.drop(name)
    known, *reviews = waiting.split()
    if known == _SEVERAL or not is_urgent(disclosure):
        return
    for review in reviews:
        accepted = RejectedAccepted(
            review_id=review.decode(), disclosure_id=disclosure.disclosure_id, accepted_at=turn.now
        )
        value = encode("RejectedAccepted", accepted.model_dump())
        turn.send(TopicName.ADMITTED_URGENT, review, value, origin=Origin.of(record))


def _name(sender: str, disclosure_id: str) -> bytes:
    return _WAITING + sender.encode() + b"|" + disclosure_key(disclosure_id)
