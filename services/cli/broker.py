"""`confide broker`: starts, stops and describes a local Kafka."""

from pathlib import Path
from typing import Annotated

import typer

from infra.broker import BrokerError, answers, running_broker
from infra.broker.running_broker import RunningBroker
from services.cli.messages import complain, say

#: Exit status of `confide broker status` if no broker runs: that of service managers (LSB).
NOT_RUNNING = 3

broker = typer.Typer(help="A local Kafka that needs nothing installed.", no_args_is_help=True)


@broker.command()
def start(
    folder: Annotated[
        Path | None, typer.Option(help="Where it keeps its data; a folder of your state unless told.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="A free one unless told.")] = None,
) -> None:
    """Start the broker and leave it running; says so if it runs already."""
    try:
        found, new = running_broker.start(folder, port)
    except BrokerError as problem:
        complain(str(problem))
        raise typer.Exit(1) from problem
    say(f"{'started' if new else 'already running'}: {_described(found)}")
    if not new and _asks_for_another(found, folder, port):
        complain("that is not the folder or port you asked for; stop it first")
        raise typer.Exit(1)


@broker.command()
def stop() -> None:
    """Stop the broker; its data stays."""
    found = running_broker.stop()
    say(f"stopped: {_described(found)}" if found else "no broker was running")


@broker.command()
def status() -> None:
    """Print address, process, version and folder; exit status 3 if none runs."""
    found = running_broker.running()
    if found is None:
        say("no broker is running")
        raise typer.Exit(NOT_RUNNING)
    say(_described(found))
    if not answers(found.bootstrap):
        complain(f"its process lives but does not answer; its log: {found.folder}/broker.log")
        raise typer.Exit(1)


def _described(found: RunningBroker) -> str:
    return f"{found.bootstrap} pid={found.pid} kafka={found.kafka} folder={found.folder}"


def _asks_for_another(found: RunningBroker, folder: Path | None, port: int | None) -> bool:
    other_folder = folder is not None and str(folder.absolute()) != found.folder
    return other_folder or (port is not None and not found.bootstrap.endswith(f":{port}"))


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.add_typer(broker, name="broker")
