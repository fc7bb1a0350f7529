"""The times of a disclosure as the policy reads them. A time before the services existed cannot be true.

ADMIT has bounded both times by the arrival (`streams.domain.admission`). A time before `earliest` of the policy is
unknown, and is asked for; so is one on a day at which a clock begins that was reset (`streams.domain.placeholders`):

- `disclosed_at`: the disclosure counts as disclosed when it was assessed, and SCOPE-1 is open.
- `assessment.assessed_at`: the disclosure counts as assessed now, and SCOPE-2 is open.
"""

from datetime import datetime
from enum import StrEnum

from schemas.disclosure import ReadableDisclosure
from streams.domain.placeholders import RESET_DAYS, RESETS_END


class UnknownTime(StrEnum):
    """Why a stated time counts as unknown."""

    EARLY = "is before the services existed"
    RESET = "is on a day at which reset clocks begin"


def unknown_time(at: datetime, earliest: datetime) -> UnknownTime | None:
    """Return why a time (UTC) counts as unknown; None for one that counts."""
    if at < earliest:
        return UnknownTime.EARLY
    return UnknownTime.RESET if at < RESETS_END and at.date() in RESET_DAYS else None


def when_disclosed(disclosed: ReadableDisclosure, earliest: datetime, now: datetime) -> datetime:
    """Return the time at which a disclosure counts as disclosed: never after its assessment."""
    at, assessed_at = disclosed.disclosed_at, disclosed.assessment.assessed_at
    if unknown_time(assessed_at, earliest):
        # A known `at` is no later than its arrival. Now may be earlier, because our clock may be behind.
        return now if unknown_time(at, earliest) else at
    return assessed_at if unknown_time(at, earliest) else min(at, assessed_at)


def first_stated(disclosed: ReadableDisclosure) -> datetime:
    """Return the earlier of both times as they are stated."""
    return min(disclosed.disclosed_at, disclosed.assessment.assessed_at)
