"""The whole job: decisions a second of one process of each peer, side by side, every decision checked."""

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
    """One way to do the job: its process, the prefix of what it writes, and disclosures for its first run."""

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
    """One process's run over so many waiting disclosures; the CPU is the process's own."""

    peer: Peer
    records: int
    seconds: float
    cpu_seconds: float
    decided: Decided

    @property
    def rate(self) -> float:
        """Decisions a second."""
        return self.records / self.seconds

    @property
    def cpu_micros(self) -> float:
        """CPU time for each decision, in microseconds."""
        return self.cpu_seconds / self.records * 1e6


class DecidedDifferently(Exception):
    """Two peers made different decisions of the same disclosures, so that their rates cannot be compared."""


def run(peer: Peer, records: Sequence[Waiting], keys: Path) -> Run:
    """Return how one process of the peer did with these disclosures, on a Kafka of its own."""
    with stage(keys, peer.prefix) as place:
        place.fill(records)
        process = place.start(peer.command)
        watch = Watch(place.bootstrap, peer.prefix, [process])
        try:
            seen = watch.take(len(records))
        except TimeoutError:
            sys.stderr.write(place.last_words())
            raise
        finally:
            watch.close()
    return Run(peer, len(records), seen.seconds, seen.cpu_seconds, seen.decided)


def rounds(count: int, seconds: float, keys: Keys, folder: Path, say: Callable[[Run], None]) -> list[Run]:
    """Return the runs of so many rounds, in order.

    A round's disclosures are the same for every peer, as many of them as it decides in about `seconds`; what it decided
    in its last run says how many that are. Raises `DecidedDifferently`.
    """
    # The first run is of a guess, on a machine that nobody knows yet.
    wanted = {peer: max(200, int(peer.records * seconds / _GUESSED_SECONDS)) for peer in ROUND}
    runs: list[Run] = []
    for number in range(count):
        lying = list(waiting(disclosures(max(wanted.values()), seed=number), PARTITIONS))
        done = []
        for peer in ROUND:
            done.append(run(peer, lying[: wanted[peer]], folder))
            say(done[-1])
        if different := differing(done):
            raise DecidedDifferently(f"{different} disclosures were not decided alike by all peers")
        for each in done:
            wanted[each.peer] = max(200, int(each.rate * seconds))
        runs += done
    return runs


_GUESSED_SECONDS = 11.0


def differing(runs: Sequence[Run]) -> int:
    """Return how many disclosures two of these runs, of one seed, decided differently."""
    first: dict[str, tuple[str, str]] = {}
    different = set()
    for each in runs:
        for disclosure_id, decided in each.decided.items():
            if first.setdefault(disclosure_id, decided) != decided:
                different.add(disclosure_id)
    return len(different)


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, the middle and the greatest of several measurements."""

    least: float
    middle: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(min(values), median(values), max(values))


def ratios(runs: Sequence[Run]) -> Mapping[str, Spread]:
    """Return, by peer, the worker's rate divided by the peer's in the run right before or after it."""
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
