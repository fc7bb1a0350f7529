"""A whole deployment with its own broker, to which tests send."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.broker import LocalBroker
from infra.topics import apply
from services.cli.demo.account import Account
from services.cli.demo.reading import Reader
from services.cli.deployment.processes import AGENCY_SLUGS
from services.settings import Keys
from tests.disclosures import id_of
from tests.processes import Processes, processes

_SECONDS = 60.0


@dataclass(frozen=True)
class Deployment:
    """An open deployment: its addresses, keys and processes, and the account of its records."""

    bootstrap: str
    gateway: str
    keys: Keys
    folder: Path
    account: Account
    processes: Processes
    came: threading.Condition

    def wait_for(self, what: str, done: Any) -> None:
        """Return once `done(account)`; fail with `what` if that takes longer than 60 s."""
        with self.came:
            assert self.came.wait_for(lambda: done(self.account), _SECONDS), f"{what} did not come"

    def decided(self, name: str) -> dict[str, Any]:
        """Wait for the decision on the disclosure of that name in the test, and return it."""
        id_ = id_of(name)

        def found(account: Account) -> list[dict[str, Any]]:
            return [each for each in list(account.decisions.values()) if each["disclosure_id"] == id_]

        self.wait_for("the decision", found)
        return found(self.account)[0]


@contextmanager
def open_deployment(folder: Path) -> Iterator[Deployment]:
    """Open a deployment: Kafka, agencies, connectors, notifier, two workers, gateway."""
    Keys.create(folder / "keys")
    for name in ("agencies", "traces"):
        (folder / name).mkdir()
    with LocalBroker(folder / "kafka") as broker:
        apply(broker.bootstrap, 4)
        environment = {
            "KAFKA_BOOTSTRAP": broker.bootstrap,
            "CONFIDE_KEYS": str(folder / "keys"),
            "CONFIDE_TRACES": str(folder / "traces"),
        }
        with processes(environment, folder) as confide:
            ports = [argument for slug in AGENCY_SLUGS for argument in (f"--port-{slug}", "0")]
            bound = confide.start("agencies", "--folder", str(folder / "agencies"), *ports).announced()
            simulated = ("--kind", "simulated")
            started = [
                confide.start(
                    "connector", slug, "--agency-url", f"http://127.0.0.1:{bound[slug.replace('-', '_')]}", *simulated
                )
                for slug in AGENCY_SLUGS
            ]
            started += [confide.start("worker", "--slot", slot) for slot in ("1", "2")]
            notices = str(folder / "notices.jsonl")
            started.append(confide.start("notifier", "--channel", "file", "--file", notices, *simulated))
            gateway = confide.start("gateway", "--open", "--port", "0").announced()["port"]
            for process in started:
                process.announced()
            with _following(broker.bootstrap) as (account, came):
                yield Deployment(
                    broker.bootstrap,
                    f"http://127.0.0.1:{gateway}",
                    Keys.load(folder / "keys"),
                    folder,
                    account,
                    confide,
                    came,
                )


@contextmanager
def _following(bootstrap: str) -> Iterator[tuple[Account, threading.Condition]]:
    account, came = Account(), threading.Condition()

    def take(name: str, fields: dict[str, Any], _: float) -> None:
        with came:
            if name == "Rejected":
                account.rejected.append(fields)
            else:
                account.take(name, fields, time.monotonic())
            came.notify_all()

    reader = Reader(bootstrap, take)
    reader.start()
    try:
        yield account, came
    finally:
        reader.stop()
    assert reader.error is None
    assert reader.passed_over == []
