"""The versions of the policy that a verb was given; faults of their files are printed, with exit status 2."""

from datetime import datetime
from pathlib import Path
from typing import NoReturn

import typer

from schemas.policy import ConfigFileError, Policies, Policy, load_policies
from schemas.reviews import read_time
from services.cli.messages import complain
from services.cli.option_times import TOO_FAR, is_too_far


def policies(path: Path | None) -> Policies:
    """Return all versions in a folder, or the one in a file; without a path, those of Confide."""
    try:
        return load_policies(path)
    except ConfigFileError as wrong:
        refuse(*(str(fault) for fault in wrong.faults), cause=wrong)


def version(name: str) -> Policy:
    """Return the version with that name, or the latest one in the file or folder at that path."""
    known = policies(None)
    try:
        return known.named(name)
    except LookupError as unknown:
        path = Path(name)
        if not path.exists():
            refuse(f"{unknown.args[0]}; and no file has that name", cause=unknown)
        return policies(path).latest


def time_of(option: str, text: str) -> datetime:
    """Return the time in an option, in UTC; end the command unless it is a time as the contract has it."""
    at = read_time(text)
    if at is None:
        refuse(f"{option} {text}: is not a time in ISO 8601 with its zone, such as 2026-02-03T21:04:11Z")
    if is_too_far(at):
        refuse(f"{option} {text}: {TOO_FAR}")
    return at


def refuse(*reasons: str, cause: Exception | None = None) -> NoReturn:
    """Print the reasons on standard error and end the command with exit status 2."""
    for reason in reasons:
        complain(reason)
    raise typer.Exit(2) from cause
