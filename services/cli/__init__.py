"""The command line `confide`. The module of a verb is imported when that verb is called (`services.cli.verbs`)."""

import os
import signal
import sys
from typing import Any

#: Exit status for a wrong call, or for an environment that lacks a setting or a service that the command needs.
EXIT_USAGE = 2

#: Verbs that run until SIGTERM.
_LONG_RUNNING = frozenset(("worker", "connector", "notifier", "gateway", "agencies"))


def main() -> None:
    """Run the command; a missing setting is reported as one line with exit status 2, without a traceback.

    From here on, SIGTERM ends a long-running verb with status 0. Imports take seconds; a supervisor that stops the
    process during them would otherwise take its death by a signal for a crash.
    """
    if sys.argv[1:2] and sys.argv[1] in _LONG_RUNNING:
        signal.signal(signal.SIGTERM, _end_at_once)
    # Imported after the handler is set, for the reason above.
    from infra.settings_errors import WrongSetting  # noqa: PLC0415
    from services.cli.messages import complain  # noqa: PLC0415
    from services.cli.verbs import app  # noqa: PLC0415
    from services.settings import SettingsError  # noqa: PLC0415

    try:
        app()
    except (SettingsError, WrongSetting) as error:
        complain(str(error))
        raise SystemExit(EXIT_USAGE) from error


def _end_at_once(*_: Any) -> None:
    """End the process. It has no work in hand before its event loop sets its own handlers."""
    os._exit(0)
