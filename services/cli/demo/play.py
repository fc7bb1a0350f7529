"""Plays a day through a deployment in a temporary folder, waits for the last answer, and stops everything."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from infra.broker import BrokerError, answers
from infra.topics import TopicsError
from schemas.errors import KafkaUnavailable
from services.cli.demo.account import Account
from services.cli.demo.feeding import feed
from services.cli.demo.leaving import agency_logs, leave
from services.cli.demo.reading import Reader, has_disclosures
from services.cli.demo.safeguarding_lead import SafeguardingLead, make_keys, refuse_once, working
from services.cli.demo.view import DemoView, summary
from services.cli.deployment.kafka import own_kafka
from services.cli.deployment.opening import Deployment, Files, Size, open_deployment
from services.cli.deployment.processes import ProcessLost, Supervisor
from services.cli.disclosure_lines import NotJsonLines, read_lines
from services.cli.messages import complain

#: Limits for the deployment to open, and for the last answers to arrive (seconds).
_OPEN_SECONDS = 90.0
_LAST_SECONDS = 120.0
#: Wait after everything is complete (seconds): a record that is written twice would appear in this time.
_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.05
_DAY = Path(__file__).parents[3] / "tests" / "data" / "scenarios" / "day.jsonl"
#: The agency that refuses its first report, so that the play has a review of an undelivered report.
_REFUSING = "care-team"

#: Exit statuses: everything is accounted for; something is not; the day could not be played.
OK, UNACCOUNTED, UNPLAYABLE = 0, 1, 2


class Unplayable(Exception):
    """The play cannot begin or continue; the message is one line with the reason and what to do."""


def play(*, day: Path | None, out: Path | None, partitions: int, workers: int, paced: bool) -> int:
    """Play the day through a whole deployment and return the exit status. No process stays running."""
    try:
        lines = _lines(day or _DAY)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_play(lines, out, Size(workers, partitions), paced=paced))
    except (Unplayable, BrokerError, KafkaUnavailable, TopicsError, ProcessLost, OSError) as error:
        complain(str(error))
        return UNPLAYABLE
    except KeyboardInterrupt:
        complain("stopped before the end")
        return UNACCOUNTED


async def _play(lines: list[bytes], out: Path | None, size: Size, *, paced: bool) -> int:
    # SIGTERM cancels the play, as an interrupt from the keyboard does: then every process that it started is stopped.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began = time.monotonic()
    account, view = Account(), DemoView(len(lines), paced=paced)
    with tempfile.TemporaryDirectory(prefix="confide-demo-") as name:
        folder = Path(name)
        async with _deployment(folder, out, size, view) as deployment:
            with _reading(deployment.bootstrap, account, view) as reader:
                opened = time.monotonic()
                view.report(f"the house is open after {opened - began:.1f} s: Kafka at {deployment.bootstrap}")
                lead = SafeguardingLead(deployment.bootstrap, Path(deployment.environment["CONFIDE_KEYS"]), account)
                if lead.has_key:
                    await refuse_once(deployment.agencies[_REFUSING])
                supervisor = deployment.supervisor
                async with working(lead):
                    with view:
                        feeding = asyncio.create_task(
                            feed(lines, deployment.gateway, deployment.credentials, account, paced=paced)
                        )
                        await _wait_until(feeding.done, supervisor, reader, view, account, limit=None)
                        await feeding
                        await _wait_until(account.is_complete, supervisor, reader, view, account, limit=_LAST_SECONDS)
                        await asyncio.sleep(_QUIET_SECONDS)
                        view.show(account)
        logs = agency_logs(folder / "agencies")
        faults = account.faults(logs)
        if reader.error is not None:
            faults.append(f"reading the topics ended: {type(reader.error).__name__}")
        if reader.passed_over:
            faults.append(f"{len(reader.passed_over)} records could not be read, the first at {reader.passed_over[0]}")
        if out is not None:
            leave(account, folder / "agencies", out)
        summary(view.console, account, supervisor.restarts, faults, seconds=time.monotonic() - opened)
    return UNACCOUNTED if faults else OK


@contextlib.asynccontextmanager
async def _deployment(folder: Path, out: Path | None, size: Size, view: DemoView) -> AsyncIterator[Deployment]:
    files = Files(
        logs=(out or folder) / "logs",
        agency_logs=folder / "agencies",
        notices=(out or folder) / "notices.jsonl",
        traces=(out or folder) / "traces",
    )

    def keys(bootstrap: str) -> Path:
        if (named := os.environ.get("CONFIDE_KEYS")) is not None:
            return Path(named)
        if has_disclosures(bootstrap):
            raise Unplayable(
                f"Kafka at {bootstrap} holds disclosures already: set CONFIDE_KEYS to the keys they were made with, "
                "or take an empty one"
            )
        make_keys(folder / "keys")
        return folder / "keys"

    async with open_deployment(_kafka(folder, view), size, files, keys, view.report) as deployment:
        deployment.start()
        view.report(f"starting {len(deployment.supervisor.waiting_for())} processes")
        await deployment.opened(_OPEN_SECONDS)
        yield deployment


@contextlib.asynccontextmanager
async def _kafka(folder: Path, view: DemoView) -> AsyncIterator[str]:
    """Yield the address that KAFKA_BOOTSTRAP names, or else that of the play's own broker."""
    named = os.environ.get("KAFKA_BOOTSTRAP")
    if named:
        if not await asyncio.to_thread(answers, named):
            raise Unplayable(f"Kafka at {named} (KAFKA_BOOTSTRAP) does not answer")
        yield named
        return
    async with own_kafka(folder, view.report, restart=True) as bootstrap:
        yield bootstrap


@contextlib.contextmanager
def _reading(bootstrap: str, account: Account, view: DemoView) -> Iterator[Reader]:
    loop = asyncio.get_running_loop()

    def hand_over(name: str, fields: dict[str, object], at: float) -> None:
        # The reader runs in its own thread; only the thread of the event loop may change the account.
        loop.call_soon_threadsafe(take, name, fields, at)

    def take(name: str, fields: dict[str, object], at: float) -> None:
        try:
            if name == "Rejected":
                account.rejected.append(fields)
            else:
                account.take(name, fields, at)
            view.record_read(name, fields, account)
        except Exception as error:  # noqa: BLE001 - `_wait_until` returns then, and the error is reported as a fault
            reader.error = error

    reader = Reader(bootstrap, hand_over)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


async def _wait_until(
    done: Callable[[], bool],
    supervisor: Supervisor,
    reader: Reader,
    view: DemoView,
    account: Account,
    limit: float | None,
) -> None:
    """Return once `done()`, or if the reader failed, or after `limit` seconds; the account lists what is still open.

    Raises `ProcessLost` if a process was given up.
    """
    until = None if limit is None else time.monotonic() + limit
    while not done() and reader.error is None and (until is None or time.monotonic() < until):
        supervisor.raise_lost()
        view.show(account)
        await asyncio.sleep(_POLL_SECONDS)


def _lines(day: Path) -> list[bytes]:
    try:
        with day.open("rb") as stream:
            lines = [line.raw for line in read_lines(stream)]
    except OSError as error:
        raise Unplayable(f"{day}: {error.strerror}") from error
    except NotJsonLines as error:
        raise Unplayable(f"{day} {NotJsonLines.__doc__}") from error
    if not lines:
        raise Unplayable(f"{day}: has no lines to play")
    return lines
