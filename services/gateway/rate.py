"""A limit of requests for each credential, so that one service's fault does not keep the other out."""

import time
from collections.abc import Callable

#: Requests per second that a credential may make for long, and how many at once. The two services together have some
#: disclosures per minute; the limit is far above that, because a refused request may be an emergency.
PER_SECOND = 100.0
BURST = 1_000.0


class RateLimit:
    """A token bucket for each credential (requests per second, and the most at once)."""

    def __init__(
        self,
        per_second: float = PER_SECOND,
        burst: float = BURST,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._monotonic = monotonic
        #: By credential: the requests that are left, and as of when.
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, credential: str) -> bool:
        """Count one request; return whether it is within the limit."""
        now = self._monotonic()
        left, since = self._left.get(credential, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        is_within = left >= 1.0
        self._left[credential] = (left - 1.0 if is_within else left, now)
        return is_within
