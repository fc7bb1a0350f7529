"""The command line `confide` with all its verbs, each imported when it is used. Why typer: see decision 0006."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from services.outside_text import legible

#: The summary of each verb, in the order of `confide --help`: the first paragraph of the verb's own help.
SUMMARIES: Mapping[str, str] = {
    "demo": "Play a day: broker, topics, workers, connectors, simulated agencies, a live table, a summary.",
    "decide": (
        "Print the decision on each disclosure as a JSON line; a bad line is an error of its own, and exit status 1."
    ),
    "produce": (
        "Send disclosures to Kafka; a bad line is an error of its own, is kept as rejected, and gives exit status 1."
    ),
    "worker": "Admit, resolve and decide disclosures until stopped. Start it again to add workers.",
    "connector": "Tell an agency of its reports until stopped.",
    "notifier": "Tell people that they were reported, to whom and why, until stopped.",
    "gateway": "Take disclosures at POST /v1/disclosures until stopped; the port is printed once it answers.",
    "agencies": "Serve simulated agencies until stopped; the ports are printed as a JSON line once all answer.",
    "load": "Send disclosures at a fixed rate, whatever comes of them, and account for every one.",
    "policy": "The policy: its clauses, and what changes from version to version.",
    "review": "What waits for a trained person.",
    "rejected": "What could not be read: where it is, why, and how to send it again.",
    "topics": "The topics as they are declared.",
    "broker": "A local Kafka that needs nothing installed.",
    "keys": "The secret keys of a deployment.",
}


def load(name: str) -> Any:
    """Import the module of a verb and return its command, or its group of commands."""
    verbs = typer.Typer()
    import_module(f"services.cli.{name}").register(verbs)
    return typer.main.get_group(verbs).commands[name]


@contextmanager
def _shown_escaped() -> Iterator[None]:
    """Escape the message of an error of the command line: it quotes the argument that is wrong."""
    try:
        yield
    except TyperException as error:
        error.message = legible(getattr(error, "message", ""))
        raise


class LazyGroup(TyperGroup):
    """The command `confide`: imports the module of a verb only when that verb is called, or its help is shown.

    If it imported all of them, `confide --help` and every process would wait seconds for Faust, FastAPI and Kafka's
    clients.
    """

    def __init__(self, **settings: Any) -> None:
        # Each has a summary for `confide --help` and nothing else; `resolve_command` replaces the one that is called.
        listed = {name: TyperCommand(name, help=summary) for name, summary in SUMMARIES.items()}
        super().__init__(**{**settings, "commands": listed})

    def make_context(self, *given: Any, **settings: Any) -> Any:
        """Read the arguments before the verb; what is wrong with them is shown escaped."""
        with _shown_escaped():
            return super().make_context(*given, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb that is called; what is wrong with its arguments is shown escaped."""
        with _shown_escaped():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name and the command of the verb that is called, and the arguments that follow it."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, None if listed is None else load(listed.name or ""), rest


app = typer.Typer(
    cls=LazyGroup,
    name="confide",
    help="Two support services act as one on their shared Confidentiality Policy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _confide() -> None:
    # A Typer without commands of its own needs a callback to be a group.
    pass
