"""A connector against an agency inside a test: it can crash, and time passes when the test says so."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from schemas.records import DeliveryChanged
from schemas.vocabulary import Agency
from services.connectors.client import AgencyClient
from services.connectors.connector import Connector
from services.connectors.process import PROJECTIONS
from services.connectors.sealed import Composer
from streams.domain.delivery import RetryPolicy
from streams.runtime.state import Entry
from tests.lanes import Clock, Lane
from tests.reports import Keys

#: The waits of 999 and a time limit for an attempt that a test can wait for.
QUICK = RetryPolicy(
    limit=timedelta(seconds=60),
    attempt_timeout=timedelta(milliseconds=300),
    first_wait=timedelta(milliseconds=500),
    longest_wait=timedelta(seconds=8),
)


class Bench:
    """A connector of 999 over a lane that can crash, with a clock that its timers move on."""

    def __init__(self, url: str, keys: Keys | None = None, policy: RetryPolicy = QUICK) -> None:
        self.client = AgencyClient(url, policy.attempt_timeout)
        self.clock = Clock()
        self.keys = keys or Keys()
        self.policy = policy
        self.lane = self._open(())

    def crash(self) -> None:
        """Lose the work in flight; the state stays."""
        written = self.lane.outputs
        self.lane = self._open(self.lane.changelog)
        self.lane.outputs = written + self.lane.outputs

    def is_owed(self) -> bool:
        return bool(self.lane.effects or self.lane.timers)

    async def step(self) -> None:
        """Settle what was started, else move on to the time of the next timer."""
        if self.lane.effects:
            await self.lane.settle()
            return
        self.clock.now = max(self.clock.now, *self.lane.timers.values())
        self.lane.pass_time()

    async def finish(self) -> None:
        while self.is_owed():
            await self.step()

    def deliveries(self) -> list[DeliveryChanged]:
        return [DeliveryChanged.model_validate(fields) for fields in self.lane.written("DeliveryChanged")]

    def states(self) -> list[tuple[str, int]]:
        return [(each.state.value, each.attempt) for each in self.deliveries()]

    def _open(self, changelog: Sequence[Entry]) -> Lane:
        composer = Composer(self.keys, PROJECTIONS[Agency.EMERGENCY_999])
        agent = Connector(Agency.EMERGENCY_999, composer, self.client, self.policy, jitter=lambda: 0.5)
        return Lane(agent, self.clock, changelog)


Open = Callable[..., Bench]
