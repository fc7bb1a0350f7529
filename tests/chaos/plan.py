"""The plan of a seed: kills, stops, freezes and joins of processes, and moods of agencies, with their times."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.vocabulary import Agency

#: The limit of every agency, and each step of the rota of an undelivered report, in a run (seconds).
LIMIT_SECONDS = 15.0
#: Time until *we are telling* is sent, if no agency has acknowledged by then (seconds).
TELL_SECONDS = 8.0
PARTITIONS = 12
WORKERS = 3
#: Limit of an attempt: how long a connector waits for an answer (seconds).
ATTEMPT_SECONDS = 2.0
#: The agency that accepts each request as a new report. It gets many reports, and is no emergency service.
FORGETFUL = Agency.SOCIAL_WORKER
#: Least kills of each kind of process; a seed with fewer does not count.
LEAST_KILLS = 3

#: Processes by kind. A kill of any process counts for its kind.
KINDS: Mapping[str, tuple[str, ...]] = {
    "kafka": ("kafka",),
    "worker": tuple(f"worker-{number}" for number in range(1, WORKERS + 1)),
    "connector": ("connector-999", "connector-101", "connector-social-worker", "connector-care-team"),
    "notifier": ("notifier",),
    "gateway": ("gateway",),
    "agency": ("agency-999", "agency-101", "agency-social-worker", "agency-care-team"),
}
#: Longest freeze (seconds): long enough for the group to give up a member and assign its lanes to others.
_LONGEST_FREEZE = 11.0


class Do(StrEnum):
    """The kinds of blows."""

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    #: A further process of the same kind joins for a while.
    JOIN = "join"


class Mood(StrEnum):
    """How an agency behaves during a spell."""

    #: It has no process.
    AWAY = "away"
    DROPS = "drops"
    HANGS = "hangs"
    REFUSES = "refuses"
    #: It accepts the report and does not answer.
    TAKES_SILENTLY = "takes_silently"
    #: It accepts the report and answers near the limit of an attempt, mostly after it.
    ANSWERS_LATE = "answers_late"
    DENIES = "denies"


#: Moods in which an agency accepts reports without an answer in time.
SILENT = (Mood.TAKES_SILENTLY, Mood.ANSWERS_LATE)


@dataclass(frozen=True, slots=True, order=True)
class Blow:
    """A fault of one process; `seconds` is the duration of a freeze or a join."""

    at: float
    do: Do
    process: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Spell:
    """A mood of an agency for a time. A silent mood lasts longer, until the agency has accepted a report in it."""

    at: float
    agency: Agency
    mood: Mood
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All blows and spells of a seed within `seconds`, while `count` disclosures are sent."""

    seed: int
    seconds: float
    count: int
    blows: Sequence[Blow]
    spells: Sequence[Spell]

    @classmethod
    def of(cls, seed: int, *, seconds: float, count: int) -> "Plan":
        """Return the plan of a seed."""
        chance = random.Random(seed)
        return cls(seed, seconds, count, sorted(_blows(chance, seconds)), sorted(_spells(chance, seconds)))

    def described(self) -> str:
        """Return the plan as one line."""
        blows = Counter(f"{blow.do} {blow.process.split('-')[0]}" for blow in self.blows)
        spells = Counter(f"{spell.agency} {spell.mood}" for spell in self.spells)
        counts = ", ".join(f"{many} x {what}" for what, many in sorted({**blows, **spells}.items()))
        return f"seed {self.seed}: {self.count} disclosures in {self.seconds:.0f} s; {counts}"


def _blows(chance: random.Random, seconds: float) -> list[Blow]:
    begin, end = 3.0, seconds * 0.9
    blows = []
    for kind, processes in KINDS.items():
        # Evenly spaced with a jitter, so that kills are apart even in a short run; the broker needs seconds to be back.
        kills = LEAST_KILLS + (chance.randrange(2) if kind != "kafka" else 0)
        step = (end - begin) / kills
        for number in range(kills):
            at = begin + step * (number + chance.random() * 0.7)
            blows.append(Blow(at, Do.KILL, chance.choice(processes)))
    blows += [
        Blow(chance.uniform(begin, end), Do.FREEZE, struck, chance.uniform(1.0, _LONGEST_FREEZE))
        for struck in _each_kind_first(chance, max(4, round(seconds / 25)))
    ]
    blows += [
        Blow(chance.uniform(begin, end), Do.STOP, struck) for struck in _each_kind_first(chance, round(seconds / 30))
    ]
    for kind in ("worker", "connector"):
        for _ in range(2):
            joined = chance.uniform(begin, end - 15.0)
            blows.append(Blow(joined, Do.JOIN, chance.choice(KINDS[kind]), chance.uniform(8.0, 15.0)))
    return blows


def _each_kind_first(chance: random.Random, count: int) -> list[str]:
    """Return `count` processes: first one of each kind, then any."""
    all_processes = [process for processes in KINDS.values() for process in processes]
    kinds = [chance.choice(processes) for processes in KINDS.values()]
    chance.shuffle(kinds)
    return [*kinds, *chance.choices(all_processes, k=max(0, count - len(kinds)))][:count]


def _spells(chance: random.Random, seconds: float) -> list[Spell]:
    # 999 and one other agency are away once for longer than their limit, if there is time.
    longer = LIMIT_SECONDS + chance.uniform(6.0, 10.0)
    first = chance.uniform(2.0, max(3.0, seconds * 0.8 - longer))
    spells = [Spell(first, Agency.EMERGENCY_999, Mood.AWAY, longer)]
    others = [agency for agency in Agency if agency is not Agency.EMERGENCY_999]
    away = chance.choice(others)
    spells.append(Spell(chance.uniform(2.0, max(3.0, seconds * 0.8 - longer)), away, Mood.AWAY, longer))
    # The agency that does not recognise repeats is silent early enough that a report comes again after that.
    spells += [Spell(chance.uniform(0.0, seconds * 0.6), FORGETFUL, mood, chance.uniform(2.0, 5.0)) for mood in SILENT]
    for _ in range(max(6, round(seconds / 8))):
        agency = chance.choice(list(Agency))
        spells.append(
            Spell(chance.uniform(0.0, seconds * 0.9), agency, chance.choice(list(Mood)[1:]), chance.uniform(0.5, 4.0))
        )
    return spells
