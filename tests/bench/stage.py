"""The environment of one run of `make bench`: its own Kafka, and processes that end with it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Producer  # type: ignore[import-untyped]

import infra.broker.die_with_parent
from infra.broker import LONG_LIVED, LocalBroker
from infra.topics import apply
from schemas.topics import CATALOGUE
from services.settings import Keys
from tests.bench.disclosures import Waiting
from tests.bench.hosting import PARTITIONS_VARIABLE, written_topics

PARTITIONS = 4
WORKER_COMMAND = (sys.executable, "-m", "services.cli", "worker")
_SHOWN = 2_000  # characters of the end of the processes' errors


@dataclass
class Stage:
    """A Kafka with its topics, and the processes that were started on it."""

    folder: Path
    keys: Path
    bootstrap: str
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def start(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Start a process that ends with this one; its standard output is a pipe, its standard error a file."""
        prefix = (sys.executable, infra.broker.die_with_parent.__file__, str(os.getpid()))
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "CONFIDE_KEYS": str(self.keys),
            PARTITIONS_VARIABLE: str(PARTITIONS),
        }
        with self._errors().open("ab") as errors:
            process = subprocess.Popen(
                [*prefix, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self.started.append(process)
        return process

    def last_errors(self) -> str:
        """Return the end of the standard error of the processes."""
        errors = self._errors()
        return errors.read_text(errors="replace")[-_SHOWN:] if errors.exists() else ""

    def fill(self, waiting: Iterable[Waiting]) -> None:
        """Write disclosures to the services' topics; return once Kafka has them."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 20})
        for topic, partition, key, value in waiting:
            producer.produce(topic, value, key, partition)
            producer.poll(0)
        producer.flush()

    def bytes_on_disk(self, topics: Iterable[str]) -> int:
        """Return the bytes of the topics' log segments."""
        wanted = set(topics)
        folders = (
            path for path in (self.folder / "kafka" / "data").iterdir() if path.name.rpartition("-")[0] in wanted
        )
        return sum(segment.stat().st_size for path in folders for segment in path.glob("*.log"))

    def _errors(self) -> Path:
        return self.folder / "errors"


@contextmanager
def stage(keys: Path, prefix: str = "") -> Iterator[Stage]:
    """Yield a Kafka with the topics of the worker, and those of the peer with that prefix."""
    with (
        tempfile.TemporaryDirectory(prefix="confide-bench-") as name,
        LocalBroker(Path(name) / "kafka", java_options=LONG_LIVED) as broker,
    ):
        catalogue = dict(CATALOGUE)
        if prefix:
            catalogue.update(written_topics(prefix))
        apply(broker.bootstrap, PARTITIONS, catalogue=catalogue)
        made = Stage(Path(name), keys, broker.bootstrap)
        try:
            yield made
        finally:
            for process in made.started:
                process.kill()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()


def keys_in(folder: Path) -> Keys:
    """Make the keys of a deployment in the folder and return them."""
    Keys.create(folder)
    return Keys.load(folder)
