"""The one command: `confide`. Each verb lives in a module of its own and imports what it needs when it is called."""

import sys

import typer

from services.cli import agencies, broker, connector, decide, demo, gateway, keys, notifier, produce, topics, worker
from services.settings import SettingsError

#: Exit status for a command that was called wrongly or whose surroundings are not there.
EXIT_USAGE = 2

app = typer.Typer(
    name="confide",
    help="Two support services act as one on their shared Confidentiality Policy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in (demo, decide, produce, worker, connector, notifier, gateway, agencies, topics, broker, keys):
    verb.register(app)


def main() -> None:
    """Run the command; what is missing in the surroundings is one line and exit status 2, not a traceback."""
    try:
        app()
    except SettingsError as error:
        print(f"confide: {error}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from error
