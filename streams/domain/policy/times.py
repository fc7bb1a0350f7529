"""The times of a disclosure as the policy reads them. A time before the services existed cannot be true.

ADMIT has bounded both times by the arrival (`streams.domain.admission`). A time before `earliest` of the policy is
unknown, and is asked for:

- `disclosed_at`: the disclosure counts as disclosed when it was assessed, and SCOPE-1 is open.
- `assessment.assessed_at`: the disclosure counts as assessed now, and SCOPE-2 is open.
"""

from datetime import datetime

from schemas.disclosure import ReadableDisclosure


def when_disclosed(disclosed: ReadableDisclosure, earliest: datetime, now: datetime) -> datetime:
    """Return the time at which a disclosure counts as disclosed: never after its assessment."""
    at, assessed_at = disclosed.disclosed_at, disclosed.assessment.assessed_at
    if assessed_at < earliest:
        assessed_at = now
    return assessed_at if at < earliest else min(at, assessed_at)


def first_stated(disclosed: ReadableDisclosure) -> datetime:
    """Return the earlier of both times as they are stated."""
    return min(disclosed.disclosed_at, disclosed.assessment.assessed_at)
