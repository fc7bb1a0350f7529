"""The plan of a seed: kills, stops, freezes and joins of processes, and behaviours of agencies, with their times."""

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
#: Name of the log of the calls of the channel for notices, beside the file of notices.
NOTICE_CALLS = "notice-calls.jsonl"
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
    """The kinds of disruptions."""

    KILL = "kill"
    STOP = "stop"
    FREEZE = "freeze"
    #: A further process of the same kind joins for a while.
    JOIN = "join"


class Behaviour(StrEnum):
    """How an agency behaves during an episode."""

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


#: Behaviours in which an agency accepts reports without an answer in time.
SILENT = (Behaviour.TAKES_SILENTLY, Behaviour.ANSWERS_LATE)


@dataclass(frozen=True, slots=True, order=True)
class Disruption:
    """A fault of one process; `seconds` is the duration of a freeze or a join."""

    at: float
    do: Do
    process: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Episode:
    """A behaviour of an agency for a time. A silent one lasts longer, until the agency has accepted a report in it."""

    at: float
    agency: Agency
    behaviour: Behaviour
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All disruptions and episodes of a seed within `seconds`, while `count` disclosures are sent."""

    seed: int
    seconds: float
    count: int
    disruptions: Sequence[Disruption]
    episodes: Sequence[Episode]

    @classmethod
    def of(cls, seed: int, *, seconds: float, count: int) -> "Plan":
        """Return the plan of a seed."""
        chance = random.Random(seed)
        return cls(seed, seconds, count, sorted(_disruptions(chance, seconds)), sorted(_episodes(chance, seconds)))

    def described(self) -> str:
        """Return the plan as one line."""
        disruptions = Counter(f"{disruption.do} {disruption.process.split('-')[0]}" for disruption in self.disruptions)
        episodes = Counter(f"{episode.agency} {episode.behaviour}" for episode in self.episodes)
        counts = ", ".join(f"{many} x {what}" for what, many in sorted({**disruptions, **episodes}.items()))
        return f"seed {self.seed}: {self.count} disclosures in {self.seconds:.0f} s; {counts}"


def _disruptions(chance: random.Random, seconds: float) -> list[Disruption]:
    begin, end = 3.0, seconds * 0.9
    disruptions = []
    for kind, processes in KINDS.items():
        # Evenly spaced with a jitter, so that kills are apart even in a short run; the broker needs seconds to be back.
        kills = LEAST_KILLS + (chance.randrange(2) if kind != "kafka" else 0)
        step = (end - begin) / kills
        for number in range(kills):
            at = begin + step * (number + chance.random() * 0.7)
            disruptions.append(Disruption(at, Do.KILL, chance.choice(processes)))
    disruptions += [
        Disruption(chance.uniform(begin, end), Do.FREEZE, struck, chance.uniform(1.0, _LONGEST_FREEZE))
        for struck in _each_kind_first(chance, max(4, round(seconds / 25)))
    ]
    disruptions += [
        Disruption(chance.uniform(begin, end), Do.STOP, struck)
        for struck in _each_kind_first(chance, max(len(KINDS), round(seconds / 30)))
    ]
    for kind in ("worker", "connector"):
        for _ in range(2):
            joined = chance.uniform(begin, end - 15.0)
            disruptions.append(Disruption(joined, Do.JOIN, chance.choice(KINDS[kind]), chance.uniform(8.0, 15.0)))
    return disruptions


def _each_kind_first(chance: random.Random, count: int) -> list[str]:
    """Return `count` processes: first one of each kind, then any."""
    all_processes = [process for processes in KINDS.values() for process in processes]
    kinds = [chance.choice(processes) for processes in KINDS.values()]
    chance.shuffle(kinds)
    return [*kinds, *chance.choices(all_processes, k=max(0, count - len(kinds)))][:count]


def _episodes(chance: random.Random, seconds: float) -> list[Episode]:
    # 999 and one other agency are away once for longer than their limit, if there is time.
    longer = LIMIT_SECONDS + chance.uniform(6.0, 10.0)
    first = chance.uniform(2.0, max(3.0, seconds * 0.8 - longer))
    episodes = [Episode(first, Agency.EMERGENCY_999, Behaviour.AWAY, longer)]
    others = [agency for agency in Agency if agency is not Agency.EMERGENCY_999]
    away = chance.choice(others)
    episodes.append(Episode(chance.uniform(2.0, max(3.0, seconds * 0.8 - longer)), away, Behaviour.AWAY, longer))
    # The agency that does not recognise repeats is silent early enough that a report comes again after that.
    episodes += [
        Episode(chance.uniform(0.0, seconds * 0.6), FORGETFUL, behaviour, chance.uniform(2.0, 5.0))
        for behaviour in SILENT
    ]
    for _ in range(max(6, round(seconds / 8))):
        agency = chance.choice(list(Agency))
        episodes.append(
            Episode(
                chance.uniform(0.0, seconds * 0.9),
                agency,
                chance.choice(list(Behaviour)[1:]),
                chance.uniform(0.5, 4.0),
            )
        )
    return episodes
