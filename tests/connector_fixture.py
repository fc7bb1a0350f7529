"""A connector and an agency inside a test: the connector can crash, and the test moves the clock."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.reports import DeliveryChanged
from schemas.vocabulary import Agency, PeerKind
from services.agency_profiles import AGENCY_PROFILES
from services.connectors.attempts import Attempts
from services.connectors.client import AgencyClient
from services.connectors.composer import Composer
from services.connectors.connector import Connector
from services.connectors.effects import Effect, Result
from services.connectors.endpoint import Endpoint
from streams.domain.delivery import RetryPolicy
from streams.runtime.lane.state import ChangelogRecord
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane
from tests.reports import Keys

#: The waits of 999, and a limit for an attempt that is short enough for a test.
QUICK = RetryPolicy(
    limit=timedelta(seconds=60),
    attempt_timeout=timedelta(seconds=2),
    first_wait=timedelta(milliseconds=500),
    longest_wait=timedelta(seconds=8),
    longest_probe_wait=timedelta(seconds=5),
)


#: The lane's partition.
PARTITION = 3


@dataclass
class Call:
    """A scheduled call of a test's clock."""

    when: float
    callback: Callable[[], object]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class EndpointClock:
    """An endpoint's clock: it returns the fixture's time, and `reach` moves that time to a scheduled call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: list[Call] = []
        self.called = asyncio.Event()

    def time(self) -> float:
        return (self._clock.now - START).total_seconds()

    def call_at(self, when: float, callback: Callable[[], object], /) -> Call:
        call = Call(when, callback)
        self._calls.append(call)
        self.called.set()
        return call

    def next_call(self) -> float | None:
        """Return the time of the endpoint's next call; None if it has scheduled none."""
        self._calls = [call for call in self._calls if not call.is_cancelled]
        return min((call.when for call in self._calls), default=None)

    def reach(self, when: float) -> None:
        """Move the time to `when` and make the calls that are due."""
        self._clock.now = max(self._clock.now, START + timedelta(seconds=when))
        for call in [call for call in self._calls if not call.is_cancelled and call.when <= self.time()]:
            call.cancel()
            call.callback()


class Crash(Exception):
    """A crash of the process that a test causes."""


class ConnectorFixture:
    """A connector of 999 on a lane that can crash, with a clock that its timers move."""

    def __init__(
        self, url: str, keys: Keys | None = None, policy: RetryPolicy = QUICK, kind: PeerKind = PeerKind.LIVE
    ) -> None:
        self.kind = kind
        self.client = AgencyClient(url, policy.attempt_timeout)
        self.clock = Clock()
        self.keys = keys or Keys()
        self.policy = policy
        self.time = EndpointClock(self.clock)
        self.endpoint = Endpoint(Agency.EMERGENCY_999, policy, clock=self.time)
        self.lane = self._open(())

    def crash(self) -> None:
        """Lose the work in flight; the state stays."""
        written = self.lane.outputs
        self.lane = self._open(self.lane.changelog)
        self.lane.outputs = written + self.lane.outputs

    async def crash_after_attempt(self) -> None:
        """Make the oldest attempt, and raise `Crash` before its result is written."""

        def crash() -> None:
            raise Crash

        self.during_attempt(crash)
        try:
            await self.lane.settle()
        finally:
            self.crash()

    def during_attempt(self, happens: Callable[[], None]) -> None:
        """Call `happens` in each attempt, after the agency answered and before the lane receives the result."""
        agent = self.lane.agent
        perform = agent.perform

        async def made(effect: Effect) -> Result:
            result: Result = await perform(effect)
            happens()
            return result

        agent.perform = made  # type: ignore[method-assign]

    def reach(self, at: datetime) -> None:
        """Move the time to `at` and run the timers that are due."""
        self.clock.now = at
        self.lane.pass_time()

    def is_owed(self) -> bool:
        return bool(self.lane.effects or self.lane.timers)

    async def step(self) -> None:
        """Finish the effects that were started; if there are none, move the time to the next timer."""
        if self.lane.effects:
            await self._settle()
            return
        self.clock.now = max(self.clock.now, min(self.lane.timers.values()))
        self.lane.pass_time()

    async def finish(self) -> None:
        while self.is_owed():
            await self.step()

    def deliveries(self) -> list[DeliveryChanged]:
        return [DeliveryChanged.model_validate(fields) for fields in self.lane.written("DeliveryChanged")]

    def states(self) -> list[tuple[str, int]]:
        return [(each.state.value, each.attempt) for each in self.deliveries()]

    async def _settle(self) -> None:
        """Finish an effect; while it waits for its slot, move the time to the next timer or probe."""
        settling = asyncio.create_task(self.lane.settle())
        while not settling.done():
            self.time.called.clear()
            called = asyncio.create_task(self.time.called.wait())
            at = self.time.next_call()
            if at is None:
                await asyncio.wait([settling, called], return_when=asyncio.FIRST_COMPLETED)
                called.cancel()
                continue
            called.cancel()
            timers = [(due - START).total_seconds() for due in self.lane.timers.values()]
            if timers and min(timers) <= at:
                self.clock.now = max(self.clock.now, min(self.lane.timers.values()))
                self.lane.pass_time()
            else:
                self.time.reach(at)
                await asyncio.wait([settling], timeout=0)
        await settling

    def _open(self, changelog: Sequence[ChangelogRecord]) -> Lane:
        composer = Composer(self.keys, AGENCY_PROFILES[Agency.EMERGENCY_999].project)
        attempts = Attempts(Agency.EMERGENCY_999, composer, self.client, self.endpoint)
        agent = Connector(
            Agency.EMERGENCY_999,
            composer,
            attempts,
            self.policy,
            jitter=lambda: 0.5,
            partition=PARTITION,
            kind=self.kind,
        )
        return Lane(agent, self.clock, changelog)


Open = Callable[..., ConnectorFixture]
