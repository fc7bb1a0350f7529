"""Attempts at an endpoint by name: a test lets them wait for their slots, and says how each ends."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from schemas.alarms import BreakerReason
from schemas.vocabulary import Agency
from services.connectors.endpoint import FAILURES_TO_OPEN, Endpoint
from streams.domain.delivery import RetryPolicy
from tests.connector_fixture import EndpointClock
from tests.fakes.clocks import Clock

POLICY = RetryPolicy(
    limit=timedelta(seconds=60),
    attempt_timeout=timedelta(seconds=5),
    first_wait=timedelta(seconds=1),
    longest_wait=timedelta(seconds=8),
    longest_probe_wait=timedelta(seconds=3),
)
MINUTE = timedelta(minutes=1)


class Attempts:
    """Attempts at an endpoint by name: those that have their slot, and the outcomes that a test gives them."""

    def __init__(self, connections: int = 64) -> None:
        self.clock = EndpointClock(Clock())
        self.changes: list[BreakerReason | None] = []
        self.first_answers: list[float] = []
        self.endpoint = Endpoint(
            Agency.EMERGENCY_999,
            POLICY,
            clock=self.clock,
            connections=connections,
            on_change=self.changes.append,
            on_first_taken=lambda: self.first_answers.append(self.clock.time()),
        )
        #: Names in the order in which they got their slot.
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Future[Callable[[], None]]] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        #: Done when the attempt of that name has released its slot.
        self.after: dict[str, Callable[[], object]] = {}

    async def wait(self, *names: str, time_left: timedelta = MINUTE) -> None:
        """Let attempts wait for their slots, in this order."""
        for name in names:
            self._ends[name] = asyncio.get_running_loop().create_future()
            self.tasks[name] = asyncio.create_task(self._attempt(name, time_left))
        await passed()

    async def answer(self, *names: str) -> None:
        await self._end(names, lambda _: self.endpoint.answered())

    async def fail(self, *names: str) -> None:
        await self._end(names, self.endpoint.unanswered)

    async def leave_out(self, *names: str) -> None:
        await self._end(names, lambda _: None)

    async def give_up(self, name: str) -> None:
        self.tasks[name].cancel()
        await passed()

    async def open_breaker(self) -> None:
        names = [f"dead-{number}" for number in range(FAILURES_TO_OPEN)]
        await self.wait(*names)
        await self.fail(*names)
        assert self.endpoint.is_open
        self.begun.clear()

    async def reach(self, seconds: float) -> None:
        """Set the clock to a time after its start."""
        self.clock.reach(seconds)
        await passed()

    async def _attempt(self, name: str, time_left: timedelta) -> None:
        async with self.endpoint.slot(name, time_left):
            self.begun.append(name)
            (await self._ends[name])()
        self.after.get(name, lambda: None)()

    async def _end(self, names: tuple[str, ...], what: Callable[[str], None]) -> None:
        for name in names:
            self._ends[name].set_result(lambda name=name: what(name))  # type: ignore[misc]
            await self.tasks[name]
        await passed()


async def passed() -> None:
    """Let every task run until it waits."""
    for _ in range(6):
        await asyncio.sleep(0)
