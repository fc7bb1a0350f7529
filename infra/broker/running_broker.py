"""The broker that `confide broker start` leaves running, found again by a record of its process."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import psutil

from infra.broker import xdg_folders
from infra.broker.jars import KAFKA_VERSION
from infra.broker.local import LONG_LIVED, LocalBroker
from infra.broker.locking import held

_SECONDS_TO_STOP = 20.0


@dataclass(frozen=True)
class RunningBroker:
    """A running broker: its process (and when that began, in seconds since 1970), address, folder, Kafka version."""

    pid: int
    began: float
    bootstrap: str
    folder: str
    kafka: str

    @classmethod
    def of(cls, broker: LocalBroker) -> Self:
        """The record of a broker that runs."""
        if broker.pid is None:
            raise RuntimeError("the broker does not run")
        began = psutil.Process(broker.pid).create_time()
        return cls(broker.pid, began, broker.bootstrap, str(broker.folder), KAFKA_VERSION)

    def process(self) -> psutil.Process | None:
        """Its process, unless that ended (another process may have its id by now)."""
        try:
            process = psutil.Process(self.pid)
            alive = process.create_time() == self.began and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None


def _record() -> Path:
    return xdg_folders.state() / "broker.json"


@contextmanager
def _alone() -> Iterator[None]:
    with held(xdg_folders.state() / "broker.lock"):
        yield


def running() -> RunningBroker | None:
    """The broker that was started and still lives."""
    try:
        found = RunningBroker(**json.loads(_record().read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        # No record, or one that says nothing (cut off by a full disk, or of another version): finds nobody.
        return None
    return found if found.process() else None


def start(folder: Path | None = None, port: int | None = None) -> tuple[RunningBroker, bool]:
    """Start a broker that outlives this process, and whether it is a new one; errors are BrokerError."""
    with _alone():
        if already := running():
            return already, False
        broker = LocalBroker(
            folder or xdg_folders.state() / "broker", port, dies_with_parent=False, java_options=LONG_LIVED
        ).start()
        found = RunningBroker.of(broker)
        arriving = _record().with_suffix(".arriving")
        arriving.write_text(json.dumps(asdict(found)))
        arriving.replace(_record())
        return found, True


def stop() -> RunningBroker | None:
    """Stop the broker that runs, by force if it takes longer than 20 s, and say which that was; its data stays."""
    with _alone():
        found = running()
        process = found.process() if found else None
        if process is not None:
            process.terminate()
            try:
                process.wait(_SECONDS_TO_STOP)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(_SECONDS_TO_STOP)
        _record().unlink(missing_ok=True)
        return found
