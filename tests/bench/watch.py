"""Observes a run from outside, by the ends of its topics and the CPU time of its processes, at little cost."""

import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from kafka import KafkaConsumer, TopicPartition

from schemas.codec import decode
from schemas.topics import TopicName

_PATIENCE_SECONDS = 300.0
#: Interval of the checks for the first record, and then for the last (seconds): reading itself needs CPU time.
_FIRST_SECONDS = 0.05
_LAST_SECONDS = 0.5
_FIRST_WRITTEN = (TopicName.ADMITTED, TopicName.ADMITTED_URGENT, TopicName.IDENTITY, TopicName.IDENTITY_URGENT)

#: Decision id and outcome by the id of the disclosure.
Decided = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Watched:
    """The observation of a run: its time, the CPU time of its processes, and the decisions."""

    seconds: float
    cpu_seconds: float
    decided: Decided


class Watch:
    """Observes processes that write topics with a prefix, until they have decided a number of disclosures."""

    def __init__(self, bootstrap: str, prefix: str, processes: Sequence["subprocess.Popen[bytes]"]) -> None:
        self._processes = processes
        self._clocks = [psutil.Process(process.pid) for process in processes]
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 << 20,
        )
        self._decisions = self._partitions([prefix + TopicName.DECISIONS])
        self._first_written = self._partitions(prefix + name for name in _FIRST_WRITTEN)
        #: Ends at the begin of this observation: earlier decisions do not count.
        self._begin = self._ends(self._decisions)
        self._first_begin = self._ends(self._first_written)

    def take(self, count: int) -> Watched:
        """Observe from the first record that ADMIT wrote to the last of `count` decisions."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while self._ends(self._first_written) == self._first_begin:
            self._wait(_FIRST_SECONDS, until)
        first, cpu = time.time(), self._cpu()
        self._consumer.assign(self._decisions)
        for source in self._decisions:
            self._consumer.seek(source, self._begin[source])
        decided: dict[str, tuple[str, str]] = {}
        last, used = first, 0.0
        while len(decided) < count:
            self._wait_for_rest(count - len(decided), until)
            used = self._cpu() - cpu
            last = max(last, self._read(decided))
        if len(decided) != count:
            raise AssertionError(f"{len(decided)} decisions of {count} disclosures")
        return Watched(last - first, used, decided)

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()

    def _wait_for_rest(self, missing: int, until: float) -> None:
        """Return once the ends are that far and stay the same: they also count the markers of transactions."""
        positions = sum(self._consumer.position(source) for source in self._decisions)
        before = -1
        while (now := sum(self._ends(self._decisions).values())) < positions + missing or now != before:
            before = now
            self._wait(_LAST_SECONDS, until)

    def _read(self, decided: dict[str, tuple[str, str]]) -> float:
        """Add the new decisions to `decided` and return the time of the last one (seconds since 1970)."""
        last = 0.0
        ends = self._ends(self._decisions)
        while any(self._consumer.position(source) < ends[source] for source in self._decisions):
            for records in self._consumer.poll(timeout_ms=200, max_records=10_000).values():
                last = max(last, *(record.timestamp / 1_000 for record in records))
                for record in records:
                    fields = decode(record.value, "Decision")[1]
                    disclosure_id = fields["disclosure_id"]
                    if disclosure_id in decided:
                        raise AssertionError("a disclosure was decided twice")
                    decided[disclosure_id] = fields["decision_id"], fields["outcome"]
        return last

    def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, p) for topic in topics for p in sorted(self._consumer.partitions_for_topic(topic))
        ]

    def _ends(self, sources: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(sources)
        return ends

    def _cpu(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._clocks)

    def _wait(self, seconds: float, until: float) -> None:
        if time.monotonic() > until or any(process.poll() is not None for process in self._processes):
            raise TimeoutError("the run ended or stopped before everything was decided")
        time.sleep(seconds)
