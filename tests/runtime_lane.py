"""A lane of the runtime on a real broker, without a consumer group: the test enqueues its batches."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiokafka import TopicPartition
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from streams.runtime import Record, Turn
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.transaction import TRANSACTION_TIMEOUT_MS
from streams.runtime.lane.urgency import UrgencyGate
from streams.runtime.steps import AtStep, Step, ignore_step
from tests import one_lane
from tests.counting import Run
from tests.made_records import words
from tests.runtime_agents import Count

#: Key of a record that has no output.
IGNORED = b"ignored"


class Ended(list[BaseException]):
    """The errors with which lanes would have ended their process."""


def lane_of(
    run: Run,
    accepted: frozenset[str] = frozenset(),
    urgency: UrgencyGate | None = None,
    at_step: AtStep = ignore_step,
) -> AbstractAsyncContextManager[Lane]:
    return one_lane.lane_of(run, lambda: Count(run.plan()), accepted=accepted, urgency=urgency, at_step=at_step)


def batch(run: Run, begin: int, end: int, *offsets: int) -> Batch:
    """Return records w-0, w-1, … by their offsets, as a fetch from `begin` to `end` returns them."""
    made = words(max(offsets) + 1, keys=3)
    records = [Record(run.routine, 0, n, 0, made[n][0], made[n][1], ()) for n in offsets]
    return Batch.of(run.routine, records, begin, end)


def delete_before(run: Run, offset: int) -> None:
    """Have the log of the routine topic begin at that offset."""
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        admin.delete_records({TopicPartition(run.routine, 0): offset})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what a lane does of itself sets no event of the test's
            await asyncio.sleep(0.01)


class CountBut(Count):
    """Writes no output for a record whose key is `IGNORED`."""

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        super().handle([(record, word) for record, word in batch if record.key != IGNORED], turn)


@dataclass
class GivenAway:
    """Pauses a lane in the middle of its first turn, as a rebalance does, and has another writer fence it."""

    run: Run
    lane: Lane | None = None
    held: asyncio.Task[None] | None = None

    def __call__(self, step: Step, _: str) -> None:
        if step is Step.TAKEN and self.lane is not None and self.held is None:
            self.held = asyncio.create_task(self.lane.hold())
            other = KafkaProducer(
                bootstrap_servers=self.run.bootstrap,
                transactional_id=f"{self.run.name}-lane-0",
                transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            )
            other.init_transactions()
            other.close()

    async def put_to(self, lane: Lane) -> None:
        """Return once the lane's turn is over and the lane is fenced."""
        await lane.resolved.wait()
        self.lane = lane
        lane.enqueue(batch(self.run, 0, 2, 0, 1))
        await until(lambda: self.held is not None and self.held.done())
        assert not lane.metrics.is_open
