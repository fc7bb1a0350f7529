"""The ids of disclosures that an ADMIT lane has seen: a second disclosure with one of them is a repeat or a conflict.

Every disclosure with one id reaches one lane, urgent or routine: the services' topics are keyed by the id, and ADMIT
moves a record that is in another partition. The same id of another service is another id.
"""

from dataclasses import dataclass
from datetime import timedelta

from schemas.disclosure import disclosure_key
from schemas.topics import KNOWN_DAYS, SERVICE_OF, URGENT, disclosures
from streams.domain.ids import sender_of
from streams.domain.tokens import same_content
from streams.runtime import Record, Turn

_SEEN = b"d:"
_KNOWN_FOR = timedelta(days=KNOWN_DAYS)
_URGENT, _ROUTINE = "u", "r"


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """The first record with an id: the digest of its content, its topic, partition and offset."""

    digest: str
    topic: str
    partition: int
    offset: int

    def is_repeated_by(self, digest: str) -> bool:
        """Return whether content with this digest may be the same content."""
        return same_content(self.digest, digest)


def remember_or_find(
    turn: Turn, record: Record, disclosure_id: str, digest: str, *, exercise: bool
) -> FirstSeen | None:
    """Return the first record with this id; if there is none, remember this record and return None.

    The service of the id is that of the record's topic. The ids of exercises are others than those of real disclosures.

    State: `d:` + service (`|exercise`) + `|` + id → digest, `u` or `r` for the urgent or the routine topic, and the
    offset; kept for KNOWN_DAYS.
    """
    service = SERVICE_OF[record.topic]
    name = _SEEN + sender_of(service, exercise=exercise).encode() + b"|" + disclosure_key(disclosure_id)
    seen = turn.get(name)
    if seen is not None:
        known, which, offset = seen.decode().split("|")
        topic = disclosures(service, urgent=which == _URGENT)
        return FirstSeen(known, topic, record.partition, int(offset))
    which = _URGENT if record.topic in URGENT else _ROUTINE
    turn.put(name, f"{digest}|{which}|{record.offset}".encode(), until=turn.now + _KNOWN_FOR)
    return None
