"""The play itself: sets the house up in a folder of its own, plays the day, waits for the last answer, clears away."""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.broker import BrokerError, LocalBroker, answers
from infra.broker.probe import free_port
from infra.topics import TopicsError, apply
from schemas.errors import KafkaUnavailable
from services.cli.demo.account import Account
from services.cli.demo.feeding import feed
from services.cli.demo.leaving import agency_logs, leave
from services.cli.demo.processes import AGENCY_SLUGS, ProcessLost, Supervisor, specifications
from services.cli.demo.reading import Reader, has_disclosures
from services.cli.demo.safeguarding_lead import SafeguardingLead, make_keys, refuse_once, working
from services.cli.demo.view import View, summary

#: How long the house may take to open, and the last answers to come (seconds).
_OPEN_SECONDS = 90.0
_SETTLE_SECONDS = 120.0
#: How long nothing more may come once all is settled, before it is believed (seconds): a doubled record would show.
_QUIET_SECONDS = 1.0
_POLL_SECONDS = 0.05
_DAY = Path(__file__).parents[3] / "tests" / "data" / "scenarios" / "day.jsonl"

#: Exit statuses: all accounted for; something is not; it could not be played.
OK, UNACCOUNTED, UNPLAYABLE = 0, 1, 2


class Unplayable(Exception):
    """The play cannot begin or go on; the message is one line with the reason and what to do."""


@dataclass(frozen=True, slots=True)
class _House:
    bootstrap: str
    gateway: str
    keys: Path
    #: The agency that refuses the first report it gets, so that staff have one to see to.
    refusing: str
    supervisor: Supervisor


def play(*, day: Path | None, out: Path | None, partitions: int, workers: int, paced: bool) -> int:
    """Play the day through the whole house and return the exit status; nothing is left running."""
    try:
        lines = _lines(day or _DAY)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_play(lines, out, partitions, workers, paced))
    except (Unplayable, BrokerError, KafkaUnavailable, TopicsError, ProcessLost, OSError) as error:
        print(f"confide: {error}", file=sys.stderr)
        return UNPLAYABLE
    except KeyboardInterrupt:
        print("confide: stopped before the end", file=sys.stderr)
        return UNACCOUNTED


async def _play(lines: list[bytes], out: Path | None, partitions: int, workers: int, paced: bool) -> int:
    # A terminated play ends as an interrupted one does: everything it started is stopped.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    began = time.monotonic()
    account, view = Account(), View(len(lines), paced=paced)
    with tempfile.TemporaryDirectory(prefix="confide-demo-") as name:
        folder = Path(name)
        async with _house(folder, out, partitions, workers, view) as house:
            with _reading(house.bootstrap, account, view) as reader:
                opened = time.monotonic()
                view.say(f"the house is open after {opened - began:.1f} s: Kafka at {house.bootstrap}")
                lead = SafeguardingLead(house.bootstrap, house.keys, account)
                if lead.is_staffed:
                    await refuse_once(house.refusing)
                async with working(lead):
                    with view:
                        feeding = asyncio.create_task(feed(lines, house.gateway, account, paced=paced))
                        await _while_running(feeding.done, house.supervisor, reader, view, account, limit=None)
                        await feeding
                        await _while_running(
                            account.is_settled, house.supervisor, reader, view, account, limit=_SETTLE_SECONDS
                        )
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
        summary(view.console, account, house.supervisor.restarts, faults, seconds=time.monotonic() - opened)
    return UNACCOUNTED if faults else OK


@contextlib.asynccontextmanager
async def _house(folder: Path, out: Path | None, partitions: int, workers: int, view: View) -> AsyncIterator[_House]:
    async with contextlib.AsyncExitStack() as stack:
        bootstrap = await stack.enter_async_context(_kafka(folder, view.say))
        await asyncio.to_thread(apply, bootstrap, partitions)
        keys = os.environ.get("CONFIDE_KEYS")
        if keys is None and await asyncio.to_thread(has_disclosures, bootstrap):
            raise Unplayable(
                f"Kafka at {bootstrap} holds disclosures already: set CONFIDE_KEYS to the keys they were made with, "
                "or take an empty one"
            )
        if keys is None:
            make_keys(folder / "keys")
        logs = out / "logs" if out is not None else folder / "logs"
        traces = out / "traces" if out is not None else folder / "traces"
        for each in (logs, traces, folder / "agencies"):
            each.mkdir(parents=True, exist_ok=True)
        environment = {
            "KAFKA_BOOTSTRAP": bootstrap,
            "CONFIDE_KEYS": keys or str(folder / "keys"),
            "CONFIDE_TRACES": str(traces),
        }
        supervisor = Supervisor(logs, environment, view.say)
        stack.push_async_callback(supervisor.stop)
        ports: list[int] = []
        while len(ports) < len(AGENCY_SLUGS) + 1:
            ports.append(free_port(but=ports))
        gateway_port, agency_ports = ports[0], dict(zip(AGENCY_SLUGS, ports[1:], strict=True))
        for specification in specifications(
            workers=workers,
            gateway_port=gateway_port,
            agency_ports=agency_ports,
            agency_logs=folder / "agencies",
            notices=(out or folder) / "notices.jsonl",
        ):
            supervisor.start(specification)
        view.say(f"starting {len(supervisor.waiting_for())} processes")
        await supervisor.opened(_OPEN_SECONDS)
        yield _House(
            bootstrap,
            f"http://127.0.0.1:{gateway_port}",
            Path(environment["CONFIDE_KEYS"]),
            f"http://127.0.0.1:{agency_ports['care-team']}",
            supervisor,
        )


@contextlib.asynccontextmanager
async def _kafka(folder: Path, say: Callable[[str], None]) -> AsyncIterator[str]:
    """Give the Kafka that is named, else one of the play's own, kept running."""
    named = os.environ.get("KAFKA_BOOTSTRAP")
    if named:
        if not await asyncio.to_thread(answers, named):
            raise Unplayable(f"Kafka at {named} (KAFKA_BOOTSTRAP) does not answer")
        yield named
        return
    say("starting Kafka (fetched the first time)")
    broker = LocalBroker(folder / "kafka")
    await asyncio.to_thread(broker.start)

    async def keep() -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            if broker.pid is None:
                say("kafka ended and is started again")
                await asyncio.to_thread(broker.start)

    keeper = asyncio.create_task(keep())
    try:
        yield broker.bootstrap
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await asyncio.to_thread(broker.stop)


@contextlib.contextmanager
def _reading(bootstrap: str, account: Account, view: View) -> Iterator[Reader]:
    loop = asyncio.get_running_loop()

    def hand_over(name: str, fields: dict[str, object], at: float) -> None:
        # The reader has a thread of its own; the account is kept in this one alone.
        loop.call_soon_threadsafe(take, name, fields, at)

    def take(name: str, fields: dict[str, object], at: float) -> None:
        try:
            if name == "Rejected":
                account.rejected.append(fields)
            else:
                account.take(name, fields, at)
            view.came(name, fields, account)
        except Exception as error:  # noqa: BLE001 - ends the play as a fault of the reading
            reader.error = error

    reader = Reader(bootstrap, hand_over)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()


async def _while_running(
    done: Callable[[], bool], supervisor: Supervisor, reader: Reader, view: View, account: Account, limit: float | None
) -> None:
    """Return once `done`, or past the limit; what is open then is told by the account."""
    until = None if limit is None else time.monotonic() + limit
    while not done() and reader.error is None and (until is None or time.monotonic() < until):
        supervisor.raise_lost()
        view.show(account)
        await asyncio.sleep(_POLL_SECONDS)


def _lines(day: Path) -> list[bytes]:
    try:
        lines = [line for line in day.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise Unplayable(f"{day}: {error.strerror}") from error
    if not lines:
        raise Unplayable(f"{day}: has no lines to play")
    return lines
