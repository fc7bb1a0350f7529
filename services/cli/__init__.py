"""The one command: `confide`. Each verb lives in a module of its own and imports what it needs when it is called."""

import os
import signal
import sys
from typing import Any

#: Exit status for a command that was called wrongly or whose surroundings are not there.
EXIT_USAGE = 2

#: Verbs that run until SIGTERM.
_LONG_RUNNING = frozenset(("worker", "connector", "notifier", "gateway", "agencies"))


def main() -> None:
    """Run the command; what is missing in the surroundings is one line and exit status 2, not a traceback.

    SIGTERM ends a long-running verb with status 0 from here on: imports take up to a second, and a supervisor that
    stops the process meanwhile would take death by a signal for a crash.
    """
    if sys.argv[1:2] and sys.argv[1] in _LONG_RUNNING:
        signal.signal(signal.SIGTERM, _end_at_once)
    from infra.settings_errors import WrongSetting
    from services.cli.verbs import app
    from services.settings import SettingsError

    try:
        app()
    except (SettingsError, WrongSetting) as error:
        print(f"confide: {error}", file=sys.stderr)
        raise SystemExit(EXIT_USAGE) from error


def _end_at_once(*_: Any) -> None:
    """End the process: it has taken nothing in hand until its event loop has handlers of its own."""
    os._exit(0)
