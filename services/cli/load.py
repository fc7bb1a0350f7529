"""`confide load`: an open-loop load test of a whole house, reconciled by id."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.load_house import House, open_house
from services.load.plan import Mix, Options
from services.load.schedule import Arrivals

if TYPE_CHECKING:
    from services.load.results import SearchResult
    from services.load.view import View
    from services.load.window import Surroundings, Window

#: Exit statuses: everything is accounted for; something is not; it could not be run.
OK, UNACCOUNTED, UNRUNNABLE = 0, 1, 2

_EXTRA = ("hdrh", "matplotlib")


class _Unsettled(Exception):
    """A window of a search was not worked off in its time."""


@dataclass(frozen=True, slots=True)
class _Asked:
    options: Options
    search: bool
    #: Whether to open a house of its own even where a Kafka is named.
    house: bool
    own: House
    settle: float
    #: Seconds at the rate that count for nothing but their ids: a Kafka that has just begun takes ten times as long.
    warm_up: float
    out: Path | None


def register(app: typer.Typer) -> None:
    """Add the verb."""

    mix, own = Mix(), House()

    @app.command()
    def load(  # noqa: PLR0917 - typer calls it by name
        rate: Annotated[float, typer.Option(min=1.0, help="Records a second; with --search the first that is tried.")],
        seconds: Annotated[float, typer.Option(min=2.0, help="How long each window sends.")],
        arrivals: Annotated[Arrivals, typer.Option(help="How far apart records are due.")] = Arrivals.POISSON,
        seed: Annotated[int, typer.Option(help="The same seed sends the same.")] = 1,
        duplicates: Annotated[float, _share("Of the records: the same line again.")] = mix.duplicates,
        pairs: Annotated[float, _share("Of the people: known to both services.")] = mix.pairs,
        urgent: Annotated[float, _share("Of the disclosures: may be an emergency.")] = mix.urgent,
        malformed: Annotated[float, _share("Of the records: cannot be understood.")] = mix.malformed,
        people: Annotated[int | None, typer.Option(min=1, help="How many disclose; unless told, one for 4.")] = None,
        backlog: Annotated[int, typer.Option(min=0, help="Routine disclosures put into the topics before.")] = 0,
        drain: Annotated[bool, typer.Option("--drain", help="Account for the backlog too, to its end.")] = False,
        search: Annotated[bool, typer.Option("--search", help="Find the highest rate with flat lag.")] = False,
        house: Annotated[
            bool, typer.Option("--house", help="Open a house of its own though a Kafka is named.")
        ] = False,
        workers: Annotated[int, typer.Option(min=1, max=16, help="Of its own house.")] = own.workers,
        partitions: Annotated[int, typer.Option(min=1, max=64, help="Of its own house.")] = own.partitions,
        settle: Annotated[float, typer.Option(min=1, help="Seconds for answers after the last is due.")] = 120.0,
        warm_up: Annotated[
            float, typer.Option(min=0.0, help="Seconds at the rate before, whose latencies do not count.")
        ] = 10.0,
        out: Annotated[Path | None, typer.Option(help="Where to leave load.json, load.svg and the logs.")] = None,
    ) -> None:
        """Send disclosures at a fixed rate, whatever comes of them, and account for every one.

        Latency counts from the time at which each was due. It loads the Kafka that is named or was left running
        (CONFIDE_KEYS has its keys); where there is none, or with --house, it opens a house of its own. Exit status 0
        when every id is accounted for, 1 when not, 2 when it could not be run.
        """
        said = Mix(duplicates=duplicates, pairs=pairs, urgent=urgent, malformed=malformed, people=people)
        if duplicates + malformed > 1:
            raise typer.BadParameter("--duplicates and --malformed are shares of the same records: at most 1 together")
        options = Options(rate, seconds, arrivals, seed, said, backlog, drain)
        raise typer.Exit(_run(_Asked(options, search, house, House(workers, partitions), settle, warm_up, out)))


def _share(what: str) -> Any:
    return typer.Option(min=0.0, max=1.0, help=what)


def _run(asked: _Asked) -> int:
    import asyncio
    import sys
    from importlib.util import find_spec

    from infra.broker import BrokerError
    from infra.topics import TopicsError
    from schemas.errors import KafkaUnavailable
    from services.cli.demo.processes import ProcessLost
    from services.settings import SettingsError

    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        raise SettingsError(f"{' and '.join(missing)} not installed: run `pip install 'confide[load]'`")
    from services.load.search import NoFlatRate
    from services.load.window import PartLost

    try:
        if asked.out is not None:
            asked.out.mkdir(parents=True, exist_ok=True)
        return asyncio.run(_test(asked))
    except (NoFlatRate, PartLost, BrokerError, KafkaUnavailable, TopicsError, ProcessLost, OSError) as error:
        print(f"confide: {error}", file=sys.stderr)
        return UNRUNNABLE
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("confide: stopped before the end", file=sys.stderr)
        return UNACCOUNTED


async def _test(asked: _Asked) -> int:
    import asyncio
    import signal
    import tempfile

    from services.load import results
    from services.load.view import View

    # A terminated test ends as an interrupted one does: everything it started is stopped.
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    view = View()
    with tempfile.TemporaryDirectory(prefix="confide-load-") as name:
        logs = (asked.out or Path(name)) / "logs"
        logs.mkdir(exist_ok=True)
        async with _surroundings(asked, Path(name), logs, view) as (surroundings, about):
            warm = await _warm_up(asked, surroundings, view)
            windows, found = await _windows(asked, surroundings, view)
    for window in windows[-1:]:
        for line in results.lines(window):
            view.console.print(line, highlight=False)
    if found is not None:
        told = "not found: a window was not worked off" if found.highest is None else f"{found.highest:,.0f}/s"
        view.console.print(f"highest rate with flat lag: {told}", style="bold", highlight=False)
    if asked.out is not None:
        from services.load.picture import draw

        result = results.fields(windows, found, {**about, "warm_up_seconds": asked.warm_up})
        results.leave(asked.out, result)
        draw(asked.out / "load.svg", result)
    every = [*warm, *windows]
    faults = {what: sum(w.faults().get(what, 0) for w in every) for w in every for what in w.faults()}
    for what, count in faults.items():
        view.console.print(f"unaccounted for: {count:,} {what}", style="bold red", highlight=False)
    if not faults:
        view.console.print("Every id is accounted for.", style="bold green")
    return UNACCOUNTED if faults else OK


async def _warm_up(asked: _Asked, surroundings: "Surroundings", view: "View") -> "list[Window]":
    """Run a window whose latencies do not count; before a backlog, whose workers start behind it, there is none."""
    from services.load.window import measure

    options = asked.options
    if not asked.warm_up or options.backlog:
        return []
    with view:
        return [await measure(replace(options, seconds=asked.warm_up, seed=-options.seed), surroundings, view.show)]


async def _windows(
    asked: _Asked, surroundings: "Surroundings", view: "View"
) -> "tuple[list[Window], SearchResult | None]":
    """Run the one window that is asked for, or those of a search and one more at half of what it found."""
    from services.load import results
    from services.load.search import highest
    from services.load.window import measure

    windows: list[Window] = []

    async def window(rate: float) -> "Window":
        # People of earlier windows stay known: each window has the same mix of people of its own.
        with view:
            windows.append(await measure(replace(asked.options, rate=rate), surroundings, view.show))
        return windows[-1]

    if not asked.search:
        await window(asked.options.rate)
        return windows, None

    async def flat_at(rate: float) -> bool:
        tried = await window(rate)
        view.say("; ".join(results.lines(tried)[:2]))
        if tried.settled_after is None:
            raise _Unsettled
        return tried.is_flat()

    try:
        found = await highest(flat_at, asked.options.rate)
    except _Unsettled:
        # What is still under way would be part of the next window's lag; what is missing is told as of any window.
        return windows, results.SearchResult(None)
    await window(found / 2)
    return windows, results.SearchResult(found)


@asynccontextmanager
async def _surroundings(
    asked: _Asked, folder: Path, logs: Path, view: "View"
) -> "AsyncIterator[tuple[Surroundings, dict[str, Any]]]":
    """Give where the windows run, and what the results say of it: the Kafka there is, else a house of its own."""
    import os
    import sys

    import infra.broker.die_with_parent
    from infra.broker import find_bootstrap
    from services.cli.environment import settings_with_kafka
    from services.load.window import Surroundings

    # Whatever ends this process ends the parts.
    bound = (sys.executable, infra.broker.die_with_parent.__file__, str(os.getpid()))
    found = None if asked.house else find_bootstrap()
    if found is not None:
        settings = settings_with_kafka()
        environment = {**os.environ, "KAFKA_BOOTSTRAP": settings.bootstrap}
        view.say(f"loading Kafka at {settings.bootstrap}")
        yield Surroundings(environment, logs, bound, settle_seconds=asked.settle), {"own": False}
        return
    # Workers that stand in front of a backlog have a while before what counts is sent.
    rest = asked.warm_up if asked.options.backlog else None
    async with open_house(asked.own, folder, logs, view, backlog_rest=rest) as (environment, supervisor, filled):
        yield (
            Surroundings(
                {**os.environ, **environment}, logs, bound, supervisor.raise_lost, filled, settle_seconds=asked.settle
            ),
            {"own": True, "workers": asked.own.workers, "partitions": asked.own.partitions},
        )
