"""The marks of a person's channels: an unsafe channel stays unsafe until it is marked safe."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.disclosure import ReadableDisclosure
from schemas.vocabulary import ContactChannel
from streams.domain.policy.times import unknown_time, when_disclosed


@dataclass(frozen=True, slots=True)
class Mark:
    """The last mark of a channel, by the time of its disclosure: a late arrival does not replace a newer mark.

    The time is the one that the policy counts: a sender's clock that is ahead makes no mark newer than its assessment.
    """

    safe: bool
    at: datetime


Marks = Mapping[ContactChannel, Mark]


def remember(marks: Marks, disclosed: ReadableDisclosure, earliest: datetime, now: datetime) -> Marks:
    """Return the marks with those of this disclosure's channels added; an unknown safety marks none.

    A mark counts from when its disclosure counts as disclosed: a claim after the assessment would outweigh later marks.
    A disclosure of an unknown time, such as one before any service existed, is special: an unsafe mark counts as the
    newest, and a safe mark as the oldest: it may not make a channel safe that another disclosure marked unsafe.
    """
    contact, at = disclosed.contact, when_disclosed(disclosed, earliest, now)
    if contact.safe_to_contact is None:
        return marks
    if unknown_time(disclosed.disclosed_at, earliest):
        # Our clock may be behind the one that a mark came by.
        newest = max((mark.at for mark in marks.values()), default=now)
        at = disclosed.disclosed_at if contact.safe_to_contact else max(now, newest)
    new = Mark(contact.safe_to_contact, at)
    listed = contact.channels if contact.preferred is None else (contact.preferred, *contact.channels)
    added = {channel: new for channel in listed if channel not in marks or _outweighs(new, marks[channel])}
    return {**marks, **added}


def unsafe(marks: Marks) -> frozenset[ContactChannel]:
    """Return the channels that must not be used."""
    return frozenset(channel for channel, mark in marks.items() if not mark.safe)


def dump(marks: Marks) -> bytes:
    """Return the marks as an entry of a lane's state."""
    return json.dumps({channel: [mark.safe, mark.at.isoformat()] for channel, mark in marks.items()}).encode()


def load(stored: bytes | None) -> Marks:
    """Return the marks of an entry of a lane's state; none for a missing entry."""
    if stored is None:
        return {}
    return {
        ContactChannel(channel): Mark(safe, datetime.fromisoformat(at))
        for channel, (safe, at) in json.loads(stored).items()
    }


def _outweighs(new: Mark, old: Mark) -> bool:
    # Of two marks of the same time, unsafe wins.
    return new.at > old.at or (new.at == old.at and not new.safe)
