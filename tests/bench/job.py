"""The job: decisions per second of one process of each peer, side by side; every decision is checked."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from services.settings import Keys
from tests.bench import bare, plain_faust, quix
from tests.bench.disclosures import Waiting, disclosures, waiting
from tests.bench.stage import PARTITIONS, WORKER_COMMAND, stage
from tests.bench.watch import Decided, Watch


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer: its command, the prefix of its topics, and the number of disclosures of its first run."""

    name: str
    command: tuple[str, ...]
    prefix: str
    records: int


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return sys.executable, "-m", name, *arguments


WORKER = Peer("worker", WORKER_COMMAND, "", 20_000)
PLAIN = Peer("plain Faust", _module(plain_faust.__name__), plain_faust.PREFIX, 1_500)
QUIX = Peer("Quix Streams", _module(quix.__name__), quix.PREFIX, 10_000)
UNALIGNED = Peer("Quix unaligned", _module(quix.__name__, "--unaligned"), quix.PREFIX, 15_000)
BARE = Peer("bare loop", _module(bare.__name__), bare.PREFIX, 20_000)
#: One round: every other peer runs right before or after the worker.
ROUND = (QUIX, WORKER, BARE, UNALIGNED, WORKER, PLAIN)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of one process over waiting disclosures; `cpu_seconds` is the CPU time of that process."""

    peer: Peer
    records: int
    seconds: float
    cpu_seconds: float
    decided: Decided

    @property
    def rate(self) -> float:
        """Decisions per second."""
        return self.records / self.seconds

    @property
    def cpu_micros(self) -> float:
        """CPU time for each decision, in microseconds."""
        return self.cpu_seconds / self.records * 1e6


class DecidedDifferently(Exception):
    """Two peers decided the same disclosures differently, so that their rates cannot be compared."""


def run(peer: Peer, records: Sequence[Waiting], keys: Path) -> Run:
    """Run one process of the peer over these disclosures, on its own Kafka, and return the measurement."""
    with stage(keys, peer.prefix) as place:
        place.fill(records)
        process = place.start(peer.command)
        watch = Watch(place.bootstrap, peer.prefix, [process])
        try:
            seen = watch.take(len(records))
        except TimeoutError:
            sys.stderr.write(place.last_errors())
            raise
        finally:
            watch.close()
    return Run(peer, len(records), seen.seconds, seen.cpu_seconds, seen.decided)


def rounds(count: int, seconds: float, keys: Keys, folder: Path, report: Callable[[Run], None]) -> list[Run]:
    """Return the runs of `count` rounds, in order; raise `DecidedDifferently`.

    In a round, every peer gets the first disclosures of the same sequence, as many as it decides in about `seconds`.
    That number comes from the rate of its last run.
    """
    # Before the first run the rate of this machine is unknown: a guess.
    wanted = {peer: max(200, int(peer.records * seconds / _GUESSED_SECONDS)) for peer in ROUND}
    runs: list[Run] = []
    for number in range(count):
        records = list(waiting(disclosures(max(wanted.values()), seed=number), PARTITIONS))
        done = []
        for peer in ROUND:
            done.append(run(peer, records[: wanted[peer]], folder))
            report(done[-1])
        if different := differing(done):
            raise DecidedDifferently(f"{different} disclosures were not decided alike by all peers")
        for each in done:
            wanted[each.peer] = max(200, int(each.rate * seconds))
        runs += done
    return runs


_GUESSED_SECONDS = 11.0


def differing(runs: Sequence[Run]) -> int:
    """Return the number of disclosures that any two of these runs, with one seed, decided differently."""
    first: dict[str, tuple[str, str]] = {}
    different = set()
    for each in runs:
        for disclosure_id, decided in each.decided.items():
            if first.setdefault(disclosure_id, decided) != decided:
                different.add(disclosure_id)
    return len(different)


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the median and the greatest of several measurements."""

    least: float
    middle: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(min(values), median(values), max(values))


def ratios(runs: Sequence[Run]) -> Mapping[str, Spread]:
    """Return, by peer, the rate of the worker divided by that of the peer in the run before or after it."""
    found: dict[str, list[float]] = {}
    for one, other in pairwise(runs):
        match one.peer is WORKER, other.peer is WORKER:
            case True, False:
                found.setdefault(other.peer.name, []).append(one.rate / other.rate)
            case False, True:
                found.setdefault(one.peer.name, []).append(other.rate / one.rate)
            case _:
                pass
    return {name: Spread.of(values) for name, values in found.items()}
