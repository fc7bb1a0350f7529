"""`confide demo`: a whole deployment on this machine, and a day that is played through it."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.demo.play import play

#: Defaults: partitions of the topics keyed by person, and worker processes.
PARTITIONS = 4
WORKERS = 2


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(demo)


def demo(
    day: Annotated[
        Path | None, typer.Option(help="JSON lines to play, one disclosure each; the scenario day unless told.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to leave what happened, one JSON line each, and the agencies' logs.")
    ] = None,
    partitions: Annotated[
        int, typer.Option(min=1, max=64, help="Partitions of the topics keyed by person.")
    ] = PARTITIONS,
    workers: Annotated[int, typer.Option(min=1, max=16, help="Worker processes.")] = WORKERS,
    unpaced: Annotated[
        bool, typer.Option("--unpaced", help="Send as fast as possible; check only what must always hold.")
    ] = False,
) -> None:
    """Play a day: broker, topics, workers, connectors, simulated agencies, a live table, a summary.

    Exit status 0 when everything that went in is accounted for, 1 when not, 2 when it could not be played.
    """
    raise typer.Exit(play(day=day, out=out, partitions=partitions, workers=workers, paced=not unpaced))
