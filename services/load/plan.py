"""The plan of a load test: generator and observer make the same plan from the same options, by the seed alone."""

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

#: Default for the average number of disclosures of a person: most people of a service come back.
EACH = 4
#: A duplicate repeats one of the last 1,000 disclosures, as a sender does that received no acknowledgement.
_REPEATED_WITHIN = 1_000
#: Fibonacci hashing: spreads consecutive numbers evenly over a range, so that early persons are pairs as often as late
#: ones.
_SCATTER, _SCATTERED = 2_654_435_769, 2**32
_SERVICES = tuple(Service)
_HEXADECIMAL_OF_RUN = 12
_HEXADECIMAL_OF_INDEX = 12


class Kind(IntEnum):
    """The kinds of records of the open loop."""

    ROUTINE = 0
    URGENT = 1
    DUPLICATE = 2
    MALFORMED = 3


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of records and people, each from 0 to 1, and the number of people who disclose."""

    #: Of all records: repeats of an earlier disclosure.
    duplicates: float = 0.02
    #: Of all people: those whom both services know, by the same email or phone.
    pairs: float = 0.2
    #: Of the disclosures: those with an immediate-risk fact that is not ruled out.
    urgent: float = 0.05
    #: Of all records: unreadable bytes and wrong fields.
    malformed: float = 0.005
    #: None for one person for every `EACH` disclosures.
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one run of the open loop."""

    #: Records a second.
    rate: float
    seconds: float
    arrivals: Arrivals = Arrivals.POISSON
    seed: int = 1
    mix: Mix = Mix()
    #: Routine disclosures that are sent before the open loop starts.
    backlog: int = 0
    #: Whether the run ends only when the backlog is decided too.
    drain: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the options as JSON fields."""
        return asdict(self)

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Options":
        """Return the options from the result of `fields()`."""
        return cls(**{**fields, "arrivals": Arrivals(fields["arrivals"]), "mix": Mix(**fields["mix"])})


class Line(NamedTuple):
    """The content of one record: a shape of the mix about a person of a service, or a malformation."""

    kind: Kind
    #: Index into `URGENT`, `ROUTINE` or `MALFORMATIONS`, by the kind; of a duplicate, the index that it repeats.
    which: int
    person: int
    service: Service


class Plan:
    """Every record by its index: first the open loop in the order in which records are due, then the backlog."""

    def __init__(self, options: Options, run: str) -> None:
        self.options = options
        self.ids = Ids(run)
        #: When each record of the open loop is due (seconds from the start).
        self.due = schedule(options.arrivals, rate=options.rate, seconds=options.seconds, seed=options.seed)
        self.people = options.mix.people or max(1, (len(self.due) + options.backlog) // EACH)
        self.kinds = bytearray(len(self.due))
        self._which = array("l", bytes(array("l").itemsize * len(self.due)))
        self._persons = array("l", bytes(array("l").itemsize * len(self.due)))
        self._services = bytearray(len(self.due))
        self._draw()
        #: Due times of the open loop, in order, without duplicates and malformed records: those get no decision.
        self.originals = array("d", (at for at, kind in zip(self.due, self.kinds, strict=True) if kind <= Kind.URGENT))

    def __len__(self) -> int:
        """Return the number of records, including the backlog."""
        return len(self.due) + self.options.backlog

    def line(self, index: int) -> Line:
        """Return a record of the open loop."""
        kind = Kind(self.kinds[index])
        return Line(kind, self._which[index], self._persons[index], _SERVICES[self._services[index]])

    def backlog(self) -> Iterator[tuple[int, Line]]:
        """Yield the index and the line of every record of the backlog."""
        chance = random.Random(f"backlog {self.options.seed}")  # noqa: S311 - repeatable, not a secret
        for index in range(len(self.due), len(self)):
            person = chance.randrange(self.people)
            yield index, Line(Kind.ROUTINE, ROUTINE.draw(chance), person, self._service(person, chance))

    def is_pair(self, person: int) -> bool:
        """Return whether both services know the person, by one email or phone."""
        return person * _SCATTER % _SCATTERED < self.options.mix.pairs * _SCATTERED

    def due_by(self, elapsed: float) -> int:
        """Return the number of disclosures with a decision that are due by `elapsed` seconds from the start."""
        return bisect_right(self.originals, elapsed)

    def counts(self) -> dict[str, int]:
        """Return the number of records of each kind in the open loop."""
        return {kind.name.lower(): self.kinds.count(kind) for kind in Kind}

    def _draw(self) -> None:
        chance = random.Random(f"mix {self.options.seed}")  # noqa: S311 - repeatable, not a secret
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
                person = self._persons[index] = self._choose_person(known, chance)
                known = max(known, person + 1)
                self._services[index] = _SERVICES.index(self._service(person, chance))
                originals.append(index)

    def _choose_person(self, known: int, chance: random.Random) -> int:
        """Return a person: a new one with constant probability over the run, or one of the `known` persons before."""
        mix = self.options.mix
        disclosures = len(self.due) * (1 - mix.duplicates - mix.malformed) + self.options.backlog
        if not known or (known < self.people and chance.random() * disclosures < self.people):
            return known
        return chance.randrange(known)

    def _service(self, person: int, chance: random.Random) -> Service:
        return chance.choice(_SERVICES) if self.is_pair(person) else _SERVICES[person % len(_SERVICES)]


class Ids:
    """UUIDs of the custom version 8 (RFC 9562): 48 random bits of the run, and the index of the record.

    The index is in the id, so that the observer of millions of records needs no table of ids.
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
        """Return the index of the record with that id; None if the id is of another run."""
        return int(disclosure_id[len(self.prefix) :], 16) if disclosure_id.startswith(self.prefix) else None

    def within(self, value: bytes) -> int | None:
        """Return the index of the first id of this run in the bytes; None if they hold no such id."""
        at = value.find(self._prefix_bytes)
        if at < 0:
            return None
        digits = value[at + len(self.prefix) : at + len(self.prefix) + _HEXADECIMAL_OF_INDEX]
        return int(digits, 16) if len(digits) == _HEXADECIMAL_OF_INDEX else None
