"""The cost of state: the time until workers are open with it, its bytes, and the cost of deciding with it."""

import json
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from services.settings import Keys
from tests.bench import known
from tests.bench.disclosures import waiting
from tests.bench.stage import PARTITIONS, WORKER_COMMAND, Stage, stage
from tests.bench.watch import Watch

_READY_SECONDS = 300.0
_STOP_SECONDS = 30.0
#: Usual difference between two starts of a worker (seconds); a smaller difference shows nothing.
_NOISE_SECONDS = 0.5
#: Guessed decisions per second of one worker; it sets the number of disclosures.
_GUESSED_RATE = 1_500


@dataclass(frozen=True, slots=True)
class Opened:
    """Measurement of workers that opened with a state, and decided disclosures of the people in it.

    `seconds` is from the start of the processes until the last was ready; `memory` and `disk` are in bytes.
    """

    people: int
    workers: int
    records: int
    seconds: float
    memory: int
    disk: int
    decided: int = 0
    decide_seconds: float = 0.0
    decide_cpu_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Decisions per second of all workers."""
        return self.decided / self.decide_seconds

    @property
    def cpu_micros(self) -> float:
        """CPU time for each decision, in microseconds."""
        return self.decide_cpu_seconds / self.decided * 1e6


@dataclass(frozen=True, slots=True)
class Restores:
    """One worker that opened without a state, and workers that opened with states."""

    empty: Opened
    opened: Sequence[Opened]

    def records_a_second(self, opened: Opened) -> float | None:
        """Return records restored per second, without the time of an empty start; None if that hides the rest."""
        seconds = opened.seconds - self.empty.seconds
        return opened.records / seconds if seconds >= _NOISE_SECONDS else None

    def memory_a_person(self, opened: Opened) -> float:
        """Return the bytes of memory per person, without the memory of a worker without state."""
        return (opened.memory - self.empty.memory) / opened.people


def restores(sizes: Sequence[int], seconds: float, keys: Keys, folder: Path, report: Callable[[str], None]) -> Restores:
    """Measure one and two workers that open and decide with the state of each number of people, smallest first.

    One worker decides disclosures for about `seconds`, if the machine is as fast as guessed.
    """
    with stage(folder) as place:
        # The very first start also reads the programs from the disk, and does not count.
        _stop(_open(place, 1)[0])
        processes, took = _open(place, 1)
        empty = Opened(0, 1, 0, took, _memory(processes), 0)
    opened: list[Opened] = []
    for people in sorted(sizes):
        with stage(folder) as place:
            began = time.monotonic()
            records = known.know(place.bootstrap, keys, people)
            disk = place.bytes_on_disk(known.TOPICS)
            report(f"state of {people:,} people written in {time.monotonic() - began:.0f} s")
            opened += [_measure(place, people, workers, records, disk, seconds, keys) for workers in (1, 2)]
    return Restores(empty, opened)


def _measure(place: Stage, people: int, workers: int, records: int, disk: int, seconds: float, keys: Keys) -> Opened:
    count = int(_GUESSED_RATE * seconds)
    asked = list(waiting(known.disclosures_of_known(count, people, seed=workers), PARTITIONS))
    processes, took = _open(place, workers)
    memory = _memory(processes)
    watch = Watch(place.bootstrap, "", processes)
    try:
        place.fill(asked)
        seen = watch.take(count)
    except TimeoutError:
        sys.stderr.write(place.last_errors())
        raise
    finally:
        watch.close()
    _stop(processes)
    return Opened(people, workers, records, took, memory, disk, count, seen.seconds, seen.cpu_seconds)


def _open(place: Stage, workers: int) -> tuple[list["subprocess.Popen[bytes]"], float]:
    """Start that many workers; return them once all are ready, and the time it took (seconds)."""
    began = time.monotonic()
    processes = [place.start(WORKER_COMMAND) for _ in range(workers)]
    for process in processes:
        _wait_until_ready(process, began + _READY_SECONDS, place)
    return processes, time.monotonic() - began


def _stop(processes: Sequence["subprocess.Popen[bytes]"]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        process.wait(_STOP_SECONDS)


def _wait_until_ready(process: "subprocess.Popen[bytes]", until: float, place: Stage) -> None:
    if process.stdout is None:
        raise ValueError("the process was started without its output")
    readable, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
    line = process.stdout.readline() if readable else b""
    if not line or "ready" not in json.loads(line):
        sys.stderr.write(place.last_errors())
        raise TimeoutError("a worker did not get ready")


def _memory(processes: Sequence["subprocess.Popen[bytes]"]) -> int:
    return sum(psutil.Process(process.pid).memory_info().rss for process in processes)
