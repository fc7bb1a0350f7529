"""What a seed does, and when: kills, stops, freezes and churn of processes, and moods of the agencies."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.vocabulary import Agency

#: The limit of every agency, and each step of the rota of an undelivered report, in a run (seconds).
LIMIT_SECONDS = 15.0
#: When *we are telling* is said, if no agency has acknowledged by then (seconds).
TELL_SECONDS = 8.0
PARTITIONS = 12
WORKERS = 3
#: How long a sender waits for an answer (seconds).
ATTEMPT_SECONDS = 2.0
#: It takes each request as a new report; of the agencies other than the emergency services it is told much.
FORGETFUL = Agency.SOCIAL_WORKER
#: Kills of each kind of process without which a seed does not count.
LEAST_KILLS = 3

#: Processes by their kind; each process of a kind counts for it.
KINDS: Mapping[str, tuple[str, ...]] = {
    "kafka": ("kafka",),
    "worker": tuple(f"worker-{number}" for number in range(1, WORKERS + 1)),
    "connector": ("connector-999", "connector-101", "connector-social-worker", "connector-care-team"),
    "notifier": ("notifier",),
    "gateway": ("gateway",),
    "agency": ("agency-999", "agency-101", "agency-social-worker", "agency-care-team"),
}
#: What the system needs to have a member of a group given up and its lanes dealt out anew (seconds).
_LONGEST_FREEZE = 11.0


class Do(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    #: One more process like it, for a while.
    JOIN = "join"


class Mood(StrEnum):
    """How an agency behaves for a while."""

    #: Its process is gone.
    AWAY = "away"
    DROPS = "drops"
    HANGS = "hangs"
    REFUSES = "refuses"
    #: It takes the report and its sender never hears of it.
    TAKES_SILENTLY = "takes_silently"
    #: It takes the report and answers about when its sender stops waiting, mostly later.
    ANSWERS_LATE = "answers_late"
    DENIES = "denies"


#: The agency takes reports, and their senders do not hear of it in time.
SILENT = (Mood.TAKES_SILENTLY, Mood.ANSWERS_LATE)


@dataclass(frozen=True, slots=True, order=True)
class Blow:
    """Something done to a process; `seconds` for how long, where it ends."""

    at: float
    do: Do
    process: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Spell:
    """An agency in a mood; a silent one lasts for longer, until a report was taken so."""

    at: float
    agency: Agency
    mood: Mood
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a seed does within `seconds`, while `count` disclosures are told."""

    seed: int
    seconds: float
    count: int
    blows: Sequence[Blow]
    spells: Sequence[Spell]

    @classmethod
    def of(cls, seed: int, *, seconds: float, count: int) -> "Plan":
        """Return what the seed chooses."""
        chance = random.Random(seed)
        return cls(seed, seconds, count, sorted(_blows(chance, seconds)), sorted(_spells(chance, seconds)))

    def described(self) -> str:
        """Return the plan in a line."""
        blows = Counter(f"{blow.do} {blow.process.split('-')[0]}" for blow in self.blows)
        spells = Counter(f"{spell.agency} {spell.mood}" for spell in self.spells)
        said = ", ".join(f"{many} x {what}" for what, many in sorted({**blows, **spells}.items()))
        return f"seed {self.seed}: {self.count} disclosures in {self.seconds:.0f} s; {said}"


def _blows(chance: random.Random, seconds: float) -> list[Blow]:
    begin, end = 3.0, seconds * 0.9
    blows = []
    for kind, processes in KINDS.items():
        # Evenly with a jitter, so that even a short run has them apart; the broker needs some seconds to come back.
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
    """Return so many processes, one of each kind before a second one of any."""
    everybody = [process for processes in KINDS.values() for process in processes]
    kinds = [chance.choice(processes) for processes in KINDS.values()]
    chance.shuffle(kinds)
    return [*kinds, *chance.choices(everybody, k=max(0, count - len(kinds)))][:count]


def _spells(chance: random.Random, seconds: float) -> list[Spell]:
    # 999 is away for longer than its limit once, another agency too where there is time for it.
    longer = LIMIT_SECONDS + chance.uniform(6.0, 10.0)
    first = chance.uniform(2.0, max(3.0, seconds * 0.8 - longer))
    spells = [Spell(first, Agency.EMERGENCY_999, Mood.AWAY, longer)]
    others = [agency for agency in Agency if agency is not Agency.EMERGENCY_999]
    away = chance.choice(others)
    spells.append(Spell(chance.uniform(2.0, max(3.0, seconds * 0.8 - longer)), away, Mood.AWAY, longer))
    # The one that does not recognise what comes again is silent early enough that something comes.
    spells += [Spell(chance.uniform(0.0, seconds * 0.6), FORGETFUL, mood, chance.uniform(2.0, 5.0)) for mood in SILENT]
    for _ in range(max(6, round(seconds / 8))):
        agency = chance.choice(list(Agency))
        spells.append(
            Spell(chance.uniform(0.0, seconds * 0.9), agency, chance.choice(list(Mood)[1:]), chance.uniform(0.5, 4.0))
        )
    return spells
