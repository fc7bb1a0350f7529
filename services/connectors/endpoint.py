"""One endpoint of an agency, its URL: how many attempts go out at once, and a circuit breaker.

    closed ── FAILURES_TO_OPEN attempts in a row without an answer ──► open: one probe at a time, after a growing wait
      ▲                                                                  │
      └────────────────────────── any answer ───────────────────────────┘

An attempt waits for its slot and holds it until it is over. While the breaker is open the others wait too, so nothing
that waits counts as an attempt. Waiters go by the limit of their report, earliest first; those behind their limit come
last, because a human has them already.

Only attempts without an answer open the breaker. A status, also of 5xx, is an answer: it comes quickly, so it blocks no
slot, and the retry of its report waits by itself. If it opened the breaker, an overloaded agency that takes one report
in ten would get probes only. For the alarm every attempt counts that did not end with the agency taking its report:
FAILURES_TO_ALARM of them in a row, of whatever kind, and a human hears. By 401 and 403 the agency says that this
deployment may not report to it: they open the breaker at once, and the probes show when that is mended.

An attempt that has its slot when the breaker opens still goes out. The library purgatory rejects a call while it is
open; here the call has to wait for its turn (see decision 0020).
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
#: Attempts in a row, of whatever reports, with which the agency took none: the alarm.
FAILURES_TO_ALARM = 5

_log = structlog.get_logger("confide.connectors")
_breakers_open = metrics.get_meter("confide.connectors").create_up_down_counter(Metric.BREAKERS_OPEN, unit="{endpoint}")


class Cancellable(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """Take the call back."""


class Clock(Protocol):
    """A monotonic clock in seconds that calls back, as an event loop is."""

    def time(self) -> float:
        """Return the time."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Cancellable:
        """Call back at that time."""


@dataclass(order=True, slots=True)
class _Waiter:
    deadline: float
    number: int
    attempt: str = field(compare=False)
    granted: asyncio.Future[None] = field(compare=False)
    is_first: bool = field(compare=False)


def _unheard(why_open: BreakerReason | None) -> None:
    """Do nothing at a change of the breaker: no alarm is connected."""


class Endpoint:
    """The slots and the breaker of one endpoint, shared by all lanes of its connector.

    `on_change` is called with a reason once the breaker opens or attempts in a row failed, and with None once the
    agency takes a report again and the breaker is closed: the place for an alarm. `on_first_taken` is called once, when
    it takes the first report: the process before this one may have raised the alarm.
    """

    def __init__(
        self,
        agency: Agency,
        policy: RetryPolicy,
        *,
        clock: Clock | None = None,
        connections: int = CONNECTIONS,
        on_change: Callable[[BreakerReason | None], None] = _unheard,
        on_first_taken: Callable[[], None] = lambda: None,
    ) -> None:
        self._agency = agency
        self._policy = policy
        self._clock: Clock = asyncio.get_running_loop() if clock is None else clock
        self._free = connections
        self._on_change = on_change
        self._on_first_taken = on_first_taken
        self._was_taken = False
        #: Attempts in a row with which the agency took no report, and whether the alarm is raised.
        self._failed = 0
        self._is_alarmed = False
        self._is_open = False
        #: Attempts in a row without an answer.
        self._unanswered = 0
        #: The last answer was that we may not report to it.
        self._is_denied = False
        self._failed_probes = 0
        #: The attempt that probes now, and when the next probe may begin.
        self._probe: str | None = None
        self._probe_at = 0.0
        self._number = 0
        #: Waiters within the limit of their report, and those behind it; both are heaps.
        self._waiting: list[_Waiter] = []
        self._late: list[_Waiter] = []
        self._wakes: Cancellable | None = None

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open: only probes go out."""
        return self._is_open

    @asynccontextmanager
    async def slot(self, attempt: str, time_left: timedelta, *, is_first: bool = False) -> AsyncIterator[None]:
        """Wait for a slot and hold it; `time_left`: until the limit of the report, negative behind it.

        `is_first`: no attempt of this sending of its report was made yet. Where reports are tried on after a human has
        them, such a one goes out although the agency denies us access, so that a human has its report at once.
        `attempt` is the name by which `answered` and `unanswered` know it, unlike that of any other in a slot.
        """
        await self._acquire(attempt, self._clock.time() + time_left.total_seconds(), is_first=is_first)
        try:
            yield
        finally:
            self._release(attempt)

    def answered(self, *, is_taken: bool = True) -> None:
        """Take note that the agency answered an attempt: an open breaker closes, and its slot lets the others go.

        `is_taken`: the agency has the report.
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
        """Take note that an attempt failed, for whatever reason: too many in a row raise the alarm."""
        self._failed += 1
        if self._failed >= FAILURES_TO_ALARM:
            self._alarm(BreakerReason.TAKES_NO_REPORTS)

    def unanswered(self, attempt: str) -> None:
        """Take note that an attempt had no answer: the breaker opens, or the wait for the next probe grows."""
        self._unanswered += 1
        if not self._is_open:
            if self._unanswered >= FAILURES_TO_OPEN:
                self._failed_probes = 0
                self._wait_for_probe()
                self._change(is_open=True)
        elif attempt == self._probe:
            self._failed_probes += 1
            self._wait_for_probe()
        # Behind the breaker, which says more of the reason.
        self.failed()

    def denied(self, attempt: str) -> None:
        """Take note that the agency denies us access: the breaker opens at once, or the next probe waits longer."""
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
                # It had its slot in the moment in which it was given up.
                self._release(attempt)
            else:
                self._grant()
            raise

    def _release(self, attempt: str) -> None:
        self._free += 1
        if attempt == self._probe:
            # One that was left out, or cut off, says nothing: the next may probe at once.
            self._probe = None
        self._grant()

    def _grant(self) -> None:
        """Give slots to waiters for as long as the breaker and the number of connections allow it."""
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
        """Return a waiter that goes out although the agency denies us access; None without any."""
        waiting = (waiter for waiter in self._waiting if waiter.is_first and not waiter.granted.done())
        return min(waiting, default=None)

    def _may_begin(self) -> bool:
        return not self._is_open or (self._probe is None and self._clock.time() >= self._probe_at)

    def _first(self) -> _Waiter | None:
        """Take the next waiter out of the queue; None without any."""
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
        """Set one call for the next probe, if one is waited for; no task of the endpoint outlives its waiters."""
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
