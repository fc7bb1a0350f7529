"""Which of a person's channels are safe: one once marked unsafe stays so until it is marked safe (contract)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.disclosure import ReadableDisclosure
from schemas.vocabulary import ContactChannel


@dataclass(frozen=True, slots=True)
class Mark:
    """What was last said of a channel, by the time it was disclosed: late arrivals change nothing newer."""

    safe: bool
    at: datetime


Marks = Mapping[ContactChannel, Mark]


def remember(marks: Marks, disclosed: ReadableDisclosure) -> Marks:
    """Return the marks with what this disclosure says of the channels it lists; unknown says nothing."""
    contact = disclosed.contact
    if contact.safe_to_contact is None:
        return marks
    new = Mark(contact.safe_to_contact, disclosed.disclosed_at)
    listed = contact.channels if contact.preferred is None else (contact.preferred, *contact.channels)
    return {**marks, **{c: new for c in listed if c not in marks or _outweighs(new, marks[c])}}


def unsafe(marks: Marks) -> frozenset[ContactChannel]:
    """Return the channels that are not to be used."""
    return frozenset(channel for channel, mark in marks.items() if not mark.safe)


def dump(marks: Marks) -> bytes:
    """Return the marks as a lane's state keeps them."""
    return json.dumps({channel: [mark.safe, mark.at.isoformat()] for channel, mark in marks.items()}).encode()


def load(stored: bytes | None) -> Marks:
    """Return the marks of a lane's state."""
    if stored is None:
        return {}
    return {
        ContactChannel(channel): Mark(safe, datetime.fromisoformat(at))
        for channel, (safe, at) in json.loads(stored).items()
    }


def _outweighs(new: Mark, old: Mark) -> bool:
    # Said at the same time, unsafe wins.
    return new.at > old.at or (new.at == old.at and not new.safe)
