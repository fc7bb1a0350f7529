"""The times that an option may have: with others, deadlines and clocks would be beyond what a computer can count."""

from datetime import UTC, datetime

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)
#: The error for a time outside these two, after the name of the option.
TOO_FAR = f"is too far away; allowed: from {EARLIEST:%Y-%m-%dT%H:%M:%SZ} to {LATEST:%Y-%m-%dT%H:%M:%SZ}"


def is_too_far(at: datetime) -> bool:
    """Return whether no option may have this time."""
    return not EARLIEST <= at <= LATEST
