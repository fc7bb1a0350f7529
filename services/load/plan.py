"""What is sent, decided beforehand by the seed alone: generator and observer make the same plan of the same options."""

import random
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from schemas.vocabulary import Service
from services.load.mix import MALFORMATIONS, ROUTINE, URGENT
from services.load.schedule import Arrivals, schedule

#: Disclosures for each person, on average, unless told: most people of a service come back.
EACH = 4
#: A duplicate repeats one of so many disclosures before it, as a sender that saw no acknowledgement does.
_REPEATED_WITHIN = 1_000
#: Spreads consecutive numbers evenly over a range (Fibonacci hashing): who comes first is of both services as often.
_SCATTER, _SCATTERED = 2_654_435_769, 2**32
_SERVICES = tuple(Service)
_HEXADECIMAL_OF_RUN = 12
_HEXADECIMAL_OF_INDEX = 12


class Kind(IntEnum):
    """What a record of the open loop is."""

    ROUTINE = 0
    URGENT = 1
    DUPLICATE = 2
    MALFORMED = 3


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares, each from 0 to 1, and how many people disclose."""

    #: Of all records: the same line again.
    duplicates: float = 0.02
    #: Of all people: known to both services by one email or phone.
    pairs: float = 0.2
    #: Of the disclosures: those with an immediate-risk fact that is not ruled out.
    urgent: float = 0.05
    #: Of all records: unreadable bytes and wrong fields.
    malformed: float = 0.005
    #: None is one for every `EACH` disclosures.
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """One run of the open loop."""

    #: Records a second.
    rate: float
    seconds: float
    arrivals: Arrivals = Arrivals.POISSON
    seed: int = 1
    mix: Mix = Mix()
    #: Routine disclosures that are put into the topics before.
    backlog: int = 0
    #: Whether the backlog is to be worked off too before the end.
    drain: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the options as JSON fields."""
        return asdict(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Options":
        """Return the options that `fields()` gave."""
        return cls(**{**fields, "arrivals": Arrivals(fields["arrivals"]), "mix": Mix(**fields["mix"])})


class Line(NamedTuple):
    """What one record says: a shape of the mix about a person of a service, or one of the malformations."""

    kind: Kind
    #: Into `URGENT`, `ROUTINE` or `MALFORMATIONS`, as the kind says; of a duplicate: the index that it repeats.
    which: int
    person: int
    service: Service


class Plan:
    """Every record by its index: those of the open loop in the order they are due, then those of the backlog."""

    def __init__(self, options: Options, run: str) -> None:
        self.options = options
        self.ids = Ids(run)
        #: When each record of the open loop is due, in seconds from its start.
        self.due = schedule(options.arrivals, rate=options.rate, seconds=options.seconds, seed=options.seed)
        self.people = options.mix.people or max(1, (len(self.due) + options.backlog) // EACH)
        self.kinds = bytearray(len(self.due))
        self._which = array("l", bytes(array("l").itemsize * len(self.due)))
        self._persons = array("l", bytes(array("l").itemsize * len(self.due)))
        self._services = bytearray(len(self.due))
        self._draw()
        #: When the disclosures of the open loop that need a decision of their own are due, in order.
        self.originals = array("d", (at for at, kind in zip(self.due, self.kinds, strict=True) if kind <= Kind.URGENT))

    def __len__(self) -> int:
        """Return the number of records, those of the backlog too."""
        return len(self.due) + self.options.backlog

    def line(self, index: int) -> Line:
        """Return a record of the open loop."""
        kind = Kind(self.kinds[index])
        return Line(kind, self._which[index], self._persons[index], _SERVICES[self._services[index]])

    def backlog(self) -> Iterator[tuple[int, Line]]:
        """Yield the index and the line of every record of the backlog."""
        chance = random.Random(f"backlog {self.options.seed}")  # noqa: S311 - repeatable, guards nothing
        for index in range(len(self.due), len(self)):
            person = chance.randrange(self.people)
            yield index, Line(Kind.ROUTINE, ROUTINE.draw(chance), person, self._service(person, chance))

    def is_pair(self, person: int) -> bool:
        """Return whether both services know the person, by one email or phone."""
        return person * _SCATTER % _SCATTERED < self.options.mix.pairs * _SCATTERED

    def due_by(self, elapsed: float) -> int:
        """Return how many disclosures that need a decision are due `elapsed` seconds from the start."""
        return bisect_right(self.originals, elapsed)

    def counts(self) -> dict[str, int]:
        """Return how many records of each kind the open loop has."""
        return {kind.name.lower(): self.kinds.count(kind) for kind in Kind}

    def _draw(self) -> None:
        chance = random.Random(f"mix {self.options.seed}")  # noqa: S311 - repeatable, guards nothing
        mix = self.options.mix
        originals = array("l")
        known = 0
        for index in range(len(self.due)):
            lot = chance.random()
            if lot < mix.malformed:
                self.kinds[index] = Kind.MALFORMED
                self._which[index] = chance.randrange(len(MALFORMATIONS))
                self._services[index] = chance.randrange(len(_SERVICES))
            elif lot < mix.malformed + mix.duplicates and originals:
                repeated = originals[-chance.randint(1, min(len(originals), _REPEATED_WITHIN))]
                self.kinds[index] = Kind.DUPLICATE
                self._which[index] = repeated
                self._persons[index], self._services[index] = self._persons[repeated], self._services[repeated]
            else:
                urgent = chance.random() < mix.urgent
                self.kinds[index] = Kind.URGENT if urgent else Kind.ROUTINE
                self._which[index] = (URGENT if urgent else ROUTINE).draw(chance)
                person = self._persons[index] = self._somebody(known, chance)
                known = max(known, person + 1)
                self._services[index] = _SERVICES.index(self._service(person, chance))
                originals.append(index)

    def _somebody(self, known: int, chance: random.Random) -> int:
        """Return a person: a newcomer as often at the beginning as at the end, else one of those `known` by then."""
        mix = self.options.mix
        disclosures = len(self.due) * (1 - mix.duplicates - mix.malformed) + self.options.backlog
        if not known or (known < self.people and chance.random() * disclosures < self.people):
            return known
        return chance.randrange(known)

    def _service(self, person: int, chance: random.Random) -> Service:
        return chance.choice(_SERVICES) if self.is_pair(person) else _SERVICES[person % len(_SERVICES)]


class Ids:
    """UUIDs of the custom version 8 (RFC 9562): 48 random bits of the run, and the record's index.

    The index is in the id so that a watcher of millions of records needs no table of them.
    """

    def __init__(self, run: str) -> None:
        if len(run) != _HEXADECIMAL_OF_RUN:
            raise ValueError(f"a run is named by {_HEXADECIMAL_OF_RUN} hexadecimal digits")
        self.prefix = f"{run[:8]}-{run[8:]}-8000-8000-"
        self._prefix_bytes = self.prefix.encode("ascii")

    def of(self, index: int) -> str:
        """Return the disclosure id of a record."""
        return f"{self.prefix}{index:0{_HEXADECIMAL_OF_INDEX}x}"

    def index(self, disclosure_id: str) -> int | None:
        """Return the record's index; None where the id is not of this run."""
        return int(disclosure_id[len(self.prefix) :], 16) if disclosure_id.startswith(self.prefix) else None

    def within(self, value: bytes) -> int | None:
        """Return the index of the first id of this run in any bytes; None where there is none."""
        at = value.find(self._prefix_bytes)
        if at < 0:
            return None
        digits = value[at + len(self.prefix) : at + len(self.prefix) + _HEXADECIMAL_OF_INDEX]
        return int(digits, 16) if len(digits) == _HEXADECIMAL_OF_INDEX else None
