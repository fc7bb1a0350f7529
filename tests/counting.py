"""A run of counting workers on a real broker: its topics and its processes.

Every check reads the topics, read_committed; no check trusts a worker's own output.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from kafka.admin import KafkaAdminClient

from schemas.topics import STAMPED, Topic
from tests.committed import Committed, reading
from tests.made_records import Made, write
from tests.runtime_plan import Plan

_ROOT = Path(__file__).parents[1]
_LARGE = str(4 * 2**20 + 64 * 2**10)
EXIT_BROKEN = 70


class Worker:
    """One process of lanes, with a temporary folder of its own; its standard output and error go to one file.

    `launcher` is the program that starts it, with its arguments.
    """

    def __init__(self, plan: Plan, launcher: Sequence[str] = ()) -> None:
        folder = Path(plan.folder)
        path = folder / f"plan-{uuid4().hex[:8]}.json"
        path.write_text(json.dumps(asdict(plan)))
        self.log_path = path.with_suffix(".log")
        self.local = path.with_suffix(".tmp")
        self.local.mkdir()
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [*launcher, sys.executable, "-m", "tests.runtime_worker", str(path)],
                env={**os.environ, "TMPDIR": str(self.local)},
                cwd=_ROOT,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def ended(self, seconds: float = 20.0) -> int:
        """Return the exit status of the process once it has ended; fail if that takes longer than `seconds`."""
        return await asyncio.to_thread(self.process.wait, seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Run:
    """The topics of one test and the workers on them; all names belong to this run."""

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        partitions: int,
        record_seconds: float = 0.0,
        *,
        replication: int = 1,
        launcher: Sequence[str] = (),
    ) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.partitions = partitions
        self.record_seconds = record_seconds
        self.launcher = launcher
        self.name = f"run-{uuid4().hex[:8]}"
        self.urgent, self.routine = self.topic("urgent"), self.topic("routine")
        self.output, self.changelog = self.topic("out"), self.topic("changelog")
        self.topics = (self.urgent, self.routine, self.output, self.changelog)
        self.workers: list[Worker] = []
        with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
            declared: dict[str, Any] = {
                topic: {
                    "num_partitions": partitions,
                    "replication_factor": replication,
                    "configs": {
                        **STAMPED,
                        "max.message.bytes": _LARGE,
                        "cleanup.policy": "compact" if topic == self.changelog else "delete",
                        **Topic(topic, partitions, {}).settings(replication),
                    },
                }
                for topic in (
                    self.urgent,
                    self.routine,
                    f"{self.urgent}.rejected",
                    f"{self.routine}.rejected",
                    self.output,
                    self.changelog,
                    f"{self.changelog}.rejected",
                )
            }
            admin.create_topics(declared)
            if replication > 1:
                # Each broker learns of the topics by itself.
                admin.wait_for_topics(list(declared))

    def topic(self, name: str) -> str:
        return f"{self.name}.{name}"

    def plan(self, kind: str = "count", **changes: Any) -> Plan:
        made: dict[str, Any] = {
            "application": self.name,
            "bootstrap": self.bootstrap,
            "folder": str(self.folder),
            "output": self.output,
            "groups": (("lane", (self.urgent, self.routine), self.changelog, kind),),
            "record_seconds": self.record_seconds,
            **changes,
        }
        return Plan(**made)

    def start(self, kind: str = "count", **changes: Any) -> Worker:
        worker = Worker(self.plan(kind, **changes), self.launcher)
        self.workers.append(worker)
        return worker

    def say(self, name: str) -> None:
        (self.folder / name).touch()

    def take_back(self, name: str) -> None:
        (self.folder / name).unlink()

    def lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().split() if path.exists() else []

    async def until(self, holds: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
        """Wait for a condition outside Kafka: a file that a worker wrote, a process that ended."""
        async with asyncio.timeout(seconds):
            while not holds():  # noqa: ASYNC110 - a file of another process sets no event
                await asyncio.sleep(0.02)
        assert holds(), what

    async def write(self, topic: str, records: Iterable[Made]) -> None:
        await write(self.bootstrap, topic, self.partitions, records)

    @asynccontextmanager
    async def reading(self, *topics: str) -> AsyncIterator[Committed]:
        async with reading(self.bootstrap, topics) as committed:
            yield committed

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
