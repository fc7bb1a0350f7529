"""One endpoint of an agency, its URL: limits the attempts at once, and has a circuit breaker.

    closed ── FAILURES_TO_OPEN attempts in a row without an answer ──► open: one probe at a time, after a growing wait
      ▲                                                                  │
      └────────────────────────── any answer ───────────────────────────┘

An attempt waits for its slot and holds it until it ends. While the breaker is open, all but the probe wait; a waiting
attempt does not count as an attempt. Waiters are ordered by the limit of their report, earliest first. Those past their
limit come last, because a human has them already.

Only attempts without an answer open the breaker. A status is an answer, 5xx too: it arrives quickly, so it blocks no
slot, and the retry of its report has its own wait. If it opened the breaker, an overloaded agency that accepts one
report in ten would get probes only. For the alarm every attempt counts that did not deliver its report:
FAILURES_TO_ALARM of them in a row, of any kind, raise the alarm. 401 and 403 mean that this deployment may not report
to the agency: they open the breaker at once, and the probes show when the access works again.

An attempt that has its slot when the breaker opens still goes out. The library purgatory rejects a call while its
breaker is open; here the call must wait (see decision 0020).
"""

import asyncio
import heapq
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog
from opentelemetry import metrics

from schemas.alarms import BreakerReason
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import Agency
from streams.domain.delivery import RetryPolicy

#: Attempts at one endpoint at once.
CONNECTIONS = 64
#: Attempts in a row without an answer that open the breaker.
FAILURES_TO_OPEN = 5
#: Attempts in a row, of any reports, without an accepted report that raise the alarm.
FAILURES_TO_ALARM = 5

_log = structlog.get_logger("confide.connectors")
_breakers_open = metrics.get_meter("confide.connectors").create_up_down_counter(Metric.BREAKERS_OPEN, unit="{endpoint}")


class Cancellable(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call."""


class Clock(Protocol):
    """A monotonic clock in seconds with scheduled calls, such as an event loop."""

    def time(self) -> float:
        """Return the time in seconds."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Cancellable:
        """Call `callback` at the time `when`."""


@dataclass(order=True, slots=True)
class _Waiter:
    deadline: float
    number: int
    attempt: str = field(compare=False)
    granted: asyncio.Future[None] = field(compare=False)
    is_first: bool = field(compare=False)


def _no_alarm(why_open: BreakerReason | None) -> None:
    """Do nothing: no alarm is connected."""


class Endpoint:
    """Slots and breaker of one endpoint, shared by all lanes of its connector.

    `on_change` raises or clears the alarm. It is called with a reason when the breaker opens or too many attempts in a
    row failed, and with None when the agency accepts a report again. `on_first_taken` is called once, when the agency
    accepts the first report: the previous process may have raised the alarm.
    """

    def __init__(
        self,
        agency: Agency,
        policy: RetryPolicy,
        *,
        clock: Clock | None = None,
        connections: int = CONNECTIONS,
        on_change: Callable[[BreakerReason | None], None] = _no_alarm,
        on_first_taken: Callable[[], None] = lambda: None,
    ) -> None:
        self._agency = agency
        self._policy = policy
        self._clock: Clock = asyncio.get_running_loop() if clock is None else clock
        self._free = connections
        self._on_change = on_change
        self._on_first_taken = on_first_taken
        self._was_taken = False
        #: Attempts in a row without an accepted report, and whether the alarm is raised.
        self._failed = 0
        self._is_alarmed = False
        self._is_open = False
        #: Attempts in a row without an answer.
        self._unanswered = 0
        #: The last answer was 401 or 403.
        self._is_denied = False
        self._failed_probes = 0
        #: The attempt that probes now, and the time at which the next probe may begin.
        self._probe: str | None = None
        self._probe_at = 0.0
        self._number = 0
        #: Waiters within the limit of their report, and those past it; both are heaps.
        self._waiting: list[_Waiter] = []
        self._late: list[_Waiter] = []
        self._wakes: Cancellable | None = None

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: only probes go out."""
        return self._is_open

    @asynccontextmanager
    async def slot(self, attempt: str, time_left: timedelta, *, is_first: bool = False) -> AsyncIterator[None]:
        """Wait for a slot and hold it. `time_left` is the time until the limit of the report, negative after it.

        `attempt` names the attempt for `unanswered` and `denied`; no other attempt in a slot has the same name.
        `is_first`: no attempt of this sending was made yet. If the agency denies us access and its reports are tried on
        after the hand-over, such an attempt still goes out, so that a human has the report at once.
        """
        await self._acquire(attempt, self._clock.time() + time_left.total_seconds(), is_first=is_first)
        try:
            yield
        finally:
            self._release(attempt)

    def answered(self, *, is_taken: bool = True) -> None:
        """Note that the agency answered an attempt, which closes an open breaker.

        `is_taken`: the agency accepted the report.
        """
        self._unanswered = 0
        self._is_denied = False
        if self._is_open:
            self._change(is_open=False)
        if not is_taken:
            self.failed()
            return
        self._failed = 0
        if not self._was_taken:
            self._was_taken = True
            self._on_first_taken()
        self._alarm(None)

    def failed(self) -> None:
        """Note that an attempt failed for any reason: too many in a row raise the alarm."""
        self._failed += 1
        if self._failed >= FAILURES_TO_ALARM:
            self._alarm(BreakerReason.TAKES_NO_REPORTS)

    def unanswered(self, attempt: str) -> None:
        """Note that an attempt had no answer: the breaker may open, or the wait for the next probe grows."""
        self._unanswered += 1
        if not self._is_open:
            if self._unanswered >= FAILURES_TO_OPEN:
                self._failed_probes = 0
                self._wait_for_probe()
                self._change(is_open=True)
        elif attempt == self._probe:
            self._failed_probes += 1
            self._wait_for_probe()
        # After the breaker has changed, because its reason says more than this one.
        self.failed()

    def denied(self, attempt: str) -> None:
        """Note that the agency denies us access: the breaker opens at once, or the next probe waits longer."""
        self._is_denied = True
        self._unanswered = max(self._unanswered, FAILURES_TO_OPEN - 1)
        self.unanswered(attempt)

    async def _acquire(self, attempt: str, deadline: float, *, is_first: bool) -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._waiting, _Waiter(deadline, self._number, attempt, granted, is_first))
        self._grant()
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                # The slot was granted at the moment of the cancellation.
                self._release(attempt)
            else:
                self._grant()
            raise

    def _release(self, attempt: str) -> None:
        self._free += 1
        if attempt == self._probe:
            # A probe that was dropped or cut off shows nothing, so the next may begin at once.
            self._probe = None
        self._grant()

    def _grant(self) -> None:
        """Give slots to waiters as long as the breaker and the number of connections allow it."""
        while self._free and self._may_begin() and (waiter := self._first()) is not None:
            if self._is_open:
                self._probe = waiter.attempt
            self._free -= 1
            waiter.granted.set_result(None)
        while (
            self._free and self._is_denied and self._policy.tries_on and (waiter := self._first_attempt()) is not None
        ):
            self._free -= 1
            waiter.granted.set_result(None)
        self._wake_for_probe()

    def _first_attempt(self) -> _Waiter | None:
        """Return the waiter that goes out although the agency denies us access, None if there is none."""
        waiting = (waiter for waiter in self._waiting if waiter.is_first and not waiter.granted.done())
        return min(waiting, default=None)

    def _may_begin(self) -> bool:
        return not self._is_open or (self._probe is None and self._clock.time() >= self._probe_at)

    def _first(self) -> _Waiter | None:
        """Remove and return the next waiter, None if there is none."""
        now = self._clock.time()
        while self._waiting:
            waiter = heapq.heappop(self._waiting)
            if waiter.granted.done():
                continue
            if waiter.deadline > now:
                return waiter
            heapq.heappush(self._late, waiter)
        while self._late:
            waiter = heapq.heappop(self._late)
            if not waiter.granted.done():
                return waiter
        return None

    def _wait_for_probe(self) -> None:
        self._probe_at = self._clock.time() + self._policy.probe_wait(self._failed_probes).total_seconds()

    def _wake_for_probe(self) -> None:
        """Schedule the next probe if an attempt waits for it; no call of the endpoint outlives its waiters."""
        if self._wakes is not None:
            self._wakes.cancel()
            self._wakes = None
        has_waiters = any(not waiter.granted.done() for waiter in (*self._waiting, *self._late))
        if self._is_open and self._probe is None and self._free and has_waiters:
            self._wakes = self._clock.call_at(self._probe_at, self._grant)

    def _change(self, *, is_open: bool) -> None:
        self._is_open = is_open
        _breakers_open.add(1 if is_open else -1, {Attribute.AGENCY: self._agency.value})
        why_open: BreakerReason | None = None
        if is_open:
            why_open = BreakerReason.REFUSED_CREDENTIALS if self._is_denied else BreakerReason.NO_ANSWER
            _log.error("breaker opens, only probes go to the agency", agency=self._agency.value, reason=why_open.value)
        else:
            _log.warning("breaker closes, the agency answers", agency=self._agency.value)
        if why_open is not None:
            self._alarm(why_open)

    def _alarm(self, why: BreakerReason | None) -> None:
        if (why is not None) != self._is_alarmed:
            self._is_alarmed = why is not None
            if why is BreakerReason.TAKES_NO_REPORTS:
                _log.error("the agency takes no reports", agency=self._agency.value, failed_in_a_row=self._failed)
            self._on_change(why)
