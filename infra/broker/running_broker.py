"""Starts, finds and stops the broker of `confide broker start`, by a record of its process in a file."""

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
    """A running broker: process id, start of the process (seconds since 1970), address, folder, Kafka version."""

    pid: int
    began: float
    bootstrap: str
    folder: str
    kafka: str

    @classmethod
    def of(cls, broker: LocalBroker) -> Self:
        """Return the record of a running broker; raise `RuntimeError` if it does not run."""
        if broker.pid is None:
            raise RuntimeError("the broker does not run")
        began = psutil.Process(broker.pid).create_time()
        return cls(broker.pid, began, broker.bootstrap, str(broker.folder), KAFKA_VERSION)

    def process(self) -> psutil.Process | None:
        """Return the broker's process; None if it ended (another process may have its id now)."""
        try:
            process = psutil.Process(self.pid)
            alive = process.create_time() == self.began and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if alive else None


def _record() -> Path:
    return xdg_folders.state() / "broker.json"


@contextmanager
def _locked() -> Iterator[None]:
    with held(xdg_folders.state() / "broker.lock"):
        yield


def running() -> RunningBroker | None:
    """Return the broker that was started and still runs; None if there is none."""
    try:
        found = RunningBroker(**json.loads(_record().read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        # No record, or an unreadable one (cut off by a full disk, or of another version): no broker is found.
        return None
    return found if found.process() else None


def start(folder: Path | None = None, port: int | None = None) -> tuple[RunningBroker, bool]:
    """Start a broker that outlives this process, unless one runs; return it, and whether it is new.

    Raises BrokerError.
    """
    with _locked():
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
    """Stop the running broker and return it; kill it if it takes longer than 20 s. Its data stays."""
    with _locked():
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
