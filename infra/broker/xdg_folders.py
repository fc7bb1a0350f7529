"""Where Confide keeps what is not the project's: fetched jars, and what `confide broker start` leaves behind."""

import os
from pathlib import Path


def _under(variable: str, otherwise: str) -> Path:
    # The XDG base directory specification: relative paths there are invalid and to be ignored.
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else Path.home() / otherwise) / "confide"


def cache() -> Path:
    """What can be fetched again: $XDG_CACHE_HOME/confide, or ~/.cache/confide."""
    return _under("XDG_CACHE_HOME", ".cache")


def state() -> Path:
    """What should survive: $XDG_STATE_HOME/confide, or ~/.local/state/confide."""
    return _under("XDG_STATE_HOME", ".local/state")
