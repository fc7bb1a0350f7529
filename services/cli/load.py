"""`confide load`: an open-loop load test of a whole deployment, reconciled by id."""

import asyncio
import importlib.util
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

import infra.broker.die_with_parent
from infra.broker import LONG_LIVED, BrokerError, find_bootstrap
from infra.topics import TopicsError
from schemas.errors import KafkaUnavailable
from services.cli.deployment.kafka import own_kafka
from services.cli.deployment.opening import Deployment, Files, Size, open_deployment
from services.cli.deployment.processes import ProcessLost, Specification
from services.cli.environment import settings_with_kafka
from services.cli.given_options import given
from services.cli.load_view import LoadView
from services.cli.messages import complain
from services.load import results
from services.load.live_agencies import refuse_live_agencies
from services.load.plan import Mix, Options
from services.load.schedule import MAX_RATE, MAX_RECORDS, MAX_SECONDS, Arrivals
from services.load.search import NoFlatRate, highest
from services.load.window import PartLost, Window, WindowEnvironment, measure
from services.settings import Keys, SettingsError

#: Exit statuses: everything is accounted for; something is not; the test could not be run.
OK, UNACCOUNTED, UNRUNNABLE = 0, 1, 2

#: Packages of the extra `load`.
_EXTRA = ("hdrh", "matplotlib")
_OPEN_SECONDS = 120.0
_MIX = Mix()
#: The deployment that a test opens, unless options say otherwise.
_OWN = Size(workers=1, partitions=4)


class _Unsettled(Exception):
    """A window of a search was not settled within its limit."""


@dataclass(frozen=True, slots=True)
class _Request:
    options: Options
    search: bool
    #: Whether to open a deployment of its own even if a Kafka is named.
    house: bool
    own: Size
    #: The given options that only a deployment of its own uses.
    of_own: tuple[str, ...]
    settle: float
    #: Seconds at the rate whose latencies do not count, only their ids: a new Kafka takes ten times as long at first.
    warm_up: float
    out: Path | None


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(load)


def _share(help_text: str) -> Any:
    return typer.Option(min=0.0, max=1.0, help=help_text)


def load(  # noqa: PLR0917 - typer calls it by name
    context: typer.Context,
    rate: Annotated[
        float,
        typer.Option(min=1.0, max=MAX_RATE, help="Records a second; with --search the first that is tried."),
    ],
    seconds: Annotated[float, typer.Option(min=2.0, max=MAX_SECONDS, help="How long each window sends.")],
    arrivals: Annotated[Arrivals, typer.Option(help="How far apart records are due.")] = Arrivals.POISSON,
    seed: Annotated[int, typer.Option(help="The same seed sends the same.")] = 1,
    duplicates: Annotated[float, _share("Of the records: the same line again.")] = _MIX.duplicates,
    pairs: Annotated[float, _share("Of the people: known to both services.")] = _MIX.pairs,
    urgent: Annotated[float, _share("Of the disclosures: may be an emergency.")] = _MIX.urgent,
    malformed: Annotated[float, _share("Of the records: cannot be understood.")] = _MIX.malformed,
    people: Annotated[
        int | None, typer.Option(min=1, max=MAX_RECORDS, help="How many disclose; else one for 4.")
    ] = None,
    backlog: Annotated[int, typer.Option(min=0, max=MAX_RECORDS, help="Routine disclosures put there before.")] = 0,
    drain: Annotated[bool, typer.Option("--drain", help="Account for the backlog too, to its end.")] = False,
    search: Annotated[bool, typer.Option("--search", help="Find the highest rate with flat lag.")] = False,
    house: Annotated[bool, typer.Option("--house", help="Open a house of its own though a Kafka is named.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Of its own house.")] = _OWN.workers,
    partitions: Annotated[int, typer.Option(min=1, max=64, help="Of its own house.")] = _OWN.partitions,
    settle: Annotated[
        float, typer.Option(min=1, max=MAX_SECONDS, help="Seconds for answers after the last is due.")
    ] = 120.0,
    warm_up: Annotated[
        float,
        typer.Option(min=0.0, max=MAX_SECONDS, help="Seconds at the rate before, whose latencies do not count."),
    ] = 10.0,
    out: Annotated[Path | None, typer.Option(help="Where to leave load.json, load.svg and the logs.")] = None,
) -> None:
    """Send disclosures at a fixed rate, whatever comes of them, and account for every one.

    Latency counts from the time at which each was due. It loads the Kafka that is named or was left running
    (CONFIDE_KEYS has its keys), unless a live connector runs there; where there is none, or with --house, it opens a
    house of its own. All that it sends is an exercise. Exit status 0 when every id is accounted for, 1 when not, 2 when
    it could not be run.
    """
    mix = Mix(duplicates=duplicates, pairs=pairs, urgent=urgent, malformed=malformed, people=people)
    if duplicates + malformed > 1:
        raise typer.BadParameter("--duplicates and --malformed are shares of the same records: at most 1 together")
    if drain and not backlog:
        raise typer.BadParameter("--drain accounts for a backlog: it needs --backlog of at least 1")
    if rate * max(seconds, warm_up) + backlog > MAX_RECORDS:
        raise typer.BadParameter(f"--rate, --seconds, --warm-up and --backlog: allowed: up to {MAX_RECORDS:,} records")
    of_own = given(context, ("workers", "partitions")).options
    options = Options(rate, seconds, arrivals, seed, mix, backlog, drain)
    raise typer.Exit(_run(_Request(options, search, house, Size(workers, partitions), of_own, settle, warm_up, out)))


def _run(request: _Request) -> int:
    if missing := [name for name in _EXTRA if importlib.util.find_spec(name) is None]:
        raise SettingsError(f"{' and '.join(missing)} not installed: run `pip install 'confide[load]'`")
    try:
        if request.out is not None:
            request.out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_test(request))
    except (NoFlatRate, PartLost, BrokerError, KafkaUnavailable, TopicsError, ProcessLost, OSError) as error:
        complain(str(error))
        return UNRUNNABLE
    except (KeyboardInterrupt, asyncio.CancelledError):
        complain("stopped before the end")
        return UNACCOUNTED


async def _test(request: _Request) -> int:
    # SIGTERM cancels the test, as an interrupt from the keyboard does: then every process that it started is stopped.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    view = LoadView()
    with tempfile.TemporaryDirectory(prefix="confide-load-") as name:
        logs = (request.out or Path(name)) / "logs"
        logs.mkdir(exist_ok=True)
        async with _environment(request, Path(name), logs, view) as (environment, about):
            warm = await _warm_up(request, environment, view)
            windows, found = await _windows(request, environment, view)
    for window in windows[-1:]:
        for line in results.lines(window):
            view.console.print(line, highlight=False)
    if found is not None:
        rate = "not found: a window was not worked off" if found.highest is None else f"{found.highest:,.0f}/s"
        view.console.print(f"highest rate with flat lag: {rate}", style="bold", highlight=False)
    if request.out is not None:
        # Imported here: it needs the extra `load`, and `_run` reports a missing extra in one line before this.
        from services.load.picture import draw  # noqa: PLC0415

        result = results.fields(windows, found, {**about, "warm_up_seconds": request.warm_up})
        results.leave(request.out, result)
        draw(request.out / "load.svg", result)
    measured = [*warm, *windows]
    faults = {what: sum(w.faults().get(what, 0) for w in measured) for w in measured for what in w.faults()}
    for what, count in faults.items():
        view.console.print(f"unaccounted for: {count:,} {what}", style="bold red", highlight=False)
    if not faults:
        view.console.print("Every id is accounted for.", style="bold green")
    return UNACCOUNTED if faults else OK


async def _warm_up(request: _Request, environment: WindowEnvironment, view: LoadView) -> list[Window]:
    """Run a window whose latencies do not count; run none if there is a backlog, on which the workers warm up."""
    options = request.options
    if not request.warm_up or options.backlog:
        return []
    with view:
        return [await measure(replace(options, seconds=request.warm_up, seed=-options.seed), environment, view.show)]


async def _windows(
    request: _Request, environment: WindowEnvironment, view: LoadView
) -> tuple[list[Window], results.SearchResult | None]:
    """Run the one window that was requested, or those of a search and one more at half the rate that it found."""
    windows: list[Window] = []

    async def window(rate: float) -> Window:
        # People of earlier windows stay known, but each window has its own people, in the same mix.
        with view:
            windows.append(await measure(replace(request.options, rate=rate), environment, view.show))
        return windows[-1]

    if not request.search:
        await window(request.options.rate)
        return windows, None

    async def flat_at(rate: float) -> bool:
        tried = await window(rate)
        view.report("; ".join(results.lines(tried)[:2]))
        if tried.settled_after is None:
            raise _Unsettled
        return tried.is_flat()

    try:
        found = await highest(flat_at, request.options.rate)
    except _Unsettled:
        # Records still in flight would add to the lag of the next window. Missing ids are reported as usual.
        return windows, results.SearchResult(None)
    await window(found / 2)
    return windows, results.SearchResult(found)


@asynccontextmanager
async def _environment(
    request: _Request, folder: Path, logs: Path, view: LoadView
) -> AsyncIterator[tuple[WindowEnvironment, dict[str, Any]]]:
    """Yield the environment of the windows and its description for the results.

    It is the Kafka that is named or was left running; if there is none, or `--house` is given, an own deployment.
    """
    # If this process ends for any reason, the system kills the parts of a window.
    prefix = (sys.executable, infra.broker.die_with_parent.__file__, str(os.getpid()))
    found = None if request.house else find_bootstrap()
    if found is not None:
        if request.of_own:
            raise SettingsError(
                f"{' and '.join(request.of_own)} would not be used: the Kafka that is named or was left running is "
                "loaded; --house opens a house of its own"
            )
        settings = settings_with_kafka()
        refuse_live_agencies(settings.bootstrap)
        variables = {**os.environ, "KAFKA_BOOTSTRAP": settings.bootstrap}
        view.report(f"loading Kafka at {settings.bootstrap}")
        yield WindowEnvironment(variables, logs, prefix, settle_seconds=request.settle), {"own": False}
        return
    async with _own_deployment(request, folder, logs, view) as deployment:

        async def backlog_filled() -> None:
            deployment.start(_is_used)
            await deployment.opened(_OPEN_SECONDS)
            if request.options.backlog:
                # Workers that start behind a backlog work on it for a while before the records that count are sent.
                await asyncio.sleep(request.warm_up)

        yield (
            WindowEnvironment(
                {**os.environ, **deployment.environment},
                logs,
                prefix,
                deployment.supervisor.raise_lost,
                backlog_filled,
                settle_seconds=request.settle,
            ),
            {"own": True, "workers": request.own.workers, "partitions": request.own.partitions},
        )


@asynccontextmanager
async def _own_deployment(request: _Request, folder: Path, logs: Path, view: LoadView) -> AsyncIterator[Deployment]:
    """Open a deployment without a gateway; if there is to be a backlog, its workers are not started yet."""

    def keys(_: str) -> Path:
        Keys.create(folder / "keys")
        return folder / "keys"

    files = Files(logs=logs, agency_logs=folder / "agencies", notices=folder / "notices.jsonl")
    kafka = own_kafka(folder, view.report, java_options=LONG_LIVED)
    async with open_deployment(kafka, request.own, files, keys, view.report) as deployment:
        has_backlog = request.options.backlog > 0
        deployment.start(lambda each: _is_used(each) and not (has_backlog and each.name.startswith("worker")))
        await deployment.opened(_OPEN_SECONDS)
        view.report(f"the house is open: Kafka at {deployment.bootstrap}, {request.own.workers} workers")
        yield deployment


def _is_used(specification: Specification) -> bool:
    # The load goes to the topics directly, as the producer of a service does, so that a gateway would have no work.
    return specification.name != "gateway"
