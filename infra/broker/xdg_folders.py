"""The folders for data outside the project: fetched jars, and the state of `confide broker start`."""

import os
from pathlib import Path


def _under(variable: str, otherwise: str) -> Path:
    # XDG base directory specification: relative paths in these variables are invalid and must be ignored.
    named = Path(os.environ.get(variable, ""))
    return (named if named.is_absolute() else Path.home() / otherwise) / "confide"


def cache() -> Path:
    """Return the folder for data that can be fetched again: $XDG_CACHE_HOME/confide, or ~/.cache/confide."""
    return _under("XDG_CACHE_HOME", ".cache")


def state() -> Path:
    """Return the folder for data that must survive: $XDG_STATE_HOME/confide, or ~/.local/state/confide."""
    return _under("XDG_STATE_HOME", ".local/state")
