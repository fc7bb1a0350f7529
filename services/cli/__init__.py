"""The one command: `confide`. Each verb lives in a module of its own and imports what it needs when it is called."""

import sys

#: Exit status for a command that was called wrongly or whose surroundings are not there.
EXIT_USAGE = 2


def main() -> None:
    """Run the command; what is missing in the surroundings is one line and exit status 2, not a traceback."""
    from services.cli.verbs import app
    from services.settings import SettingsError

    try:
        app()
    except SettingsError as error:
        print(f"confide: {error}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from error
