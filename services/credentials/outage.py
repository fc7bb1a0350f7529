"""How long the last known credentials count while their files cannot be read.

A file system that fails for a moment must not send an emergency back, so what was known counts on. A credential that is
taken away meanwhile counts too, so it counts for LAST_KNOWN_SECONDS only. After that the gateway answers 503, and not
401: the credential may be right, and its sender has to send the same again.
"""

import time
from collections.abc import Callable

import structlog

#: How long the last known credentials count, from the first look that failed (seconds): an operator has this time.
LAST_KNOWN_SECONDS = 900.0
#: How often the log repeats that they cannot be read (seconds).
LOG_EVERY = 60.0

_log = structlog.get_logger("confide.credentials")


class Outage:
    """Since when something cannot be read; it is none while the last look was good."""

    def __init__(self, of: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._of = of
        self._monotonic = monotonic
        self._since: float | None = None
        self._logged_at = float("-inf")

    @property
    def is_on(self) -> bool:
        """Whether the last look failed."""
        return self._since is not None

    @property
    def is_long(self) -> bool:
        """Whether what was known before does not count any more."""
        return self._since is not None and self._monotonic() - self._since > LAST_KNOWN_SECONDS

    def failed(self, reason: str) -> None:
        """Note a look that failed; log it once a minute, with the time for which the last known ones still count."""
        now = self._monotonic()
        self._since = now if self._since is None else self._since
        if now - self._logged_at < LOG_EVERY:
            return
        self._logged_at = now
        if self.is_long:
            _log.error(f"{self._of} cannot be read, and the last known do not count any more", reason=reason)
        else:
            left = round(self._since + LAST_KNOWN_SECONDS - now)
            _log.warning(f"{self._of} cannot be read, the last known count", reason=reason, seconds=left)

    def ended(self) -> None:
        """Note a good look."""
        if self._since is not None:
            _log.warning(f"{self._of} can be read again")
        self._since, self._logged_at = None, float("-inf")
