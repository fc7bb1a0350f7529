"""One lane of the runtime in the test's own process, on a real broker; the test passes it its batches."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.runtime import Agent, Clock, LaneGroup
from streams.runtime.lane.groups import LaneHost
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.lane_events import LaneEvent, ignore_event
from streams.runtime.lane.trials import Trials
from streams.runtime.lane.urgency import UrgencyGate
from streams.runtime.steps import AtStep, ignore_step
from tests.counting import Run

#: Records in the log of a topic whose lane gets its batches from a test: more than the offsets that any test uses.
_LOG_RECORDS = 40_000


@asynccontextmanager
async def lane_of(
    run: Run,
    agent: Callable[[], Agent[Any, Any, Any]],
    *,
    accepted: frozenset[str] = frozenset(),
    urgency: UrgencyGate | None = None,
    at_step: AtStep = ignore_step,
    trials: Trials | None = None,
    on_lane: Callable[[LaneEvent], None] = ignore_event,
    clock: Clock | None = None,
    fill: bool = True,
    routine_turn_seconds: float | None = None,
    timers_follow: Collection[str] = (),
) -> AsyncIterator[Lane]:
    """Yield lane `lane-0` of the run. It handles the batches that a test enqueues, once `Lane.resolved` is set.

    With an `urgency` that it shares with other lanes, its urgent topic comes before their routine ones. `at_step` is
    called after each step, `on_lane` with each event of the lane. `trials` and `clock` are those of its process. Unless
    `fill` is False, the logs are filled first: a lane takes no offset beyond the end of its log. A routine turn takes
    `routine_turn_seconds` at most. The lane's timers follow the topics `timers_follow`.
    """
    # A worker's consumer finds the group's coordinator before its lanes open. A new broker must make one first.
    consumer = AIOKafkaConsumer(bootstrap_servers=run.bootstrap, group_id=run.name, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer.committed(TopicPartition(run.routine, 0))
        ends = await consumer.end_offsets([TopicPartition(topic, 0) for topic in (run.urgent, run.routine)])
    finally:
        await consumer.stop()
    if fill:
        await fill_logs(run, [source.topic for source, end in ends.items() if end < _LOG_RECORDS])
    group = LaneGroup(
        "lane",
        (run.urgent, run.routine),
        lambda _: agent(),
        run.changelog,
        frozenset(() if urgency is None else (run.urgent,)),
        routine_turn_seconds=routine_turn_seconds,
        timers_follow=frozenset(timers_follow),
    )
    host = LaneHost(
        run.name,
        run.bootstrap,
        urgency or UrgencyGate(),
        trials=trials or Trials(),
        at_step=at_step,
        accepted=accepted,
        on_lane=on_lane,
        clock=clock or Clock(),
    )
    lane = Lane(group, 0, host)
    ready = asyncio.Event()
    ready.set()
    lane.start(ready)
    try:
        yield lane
    finally:
        await lane.close()


async def fill_logs(run: Run, topics: Iterable[str], count: int = _LOG_RECORDS) -> None:
    """Write `count` records without key and value to partition 0 of each topic, in one batch."""
    producer = AIOKafkaProducer(bootstrap_servers=run.bootstrap, max_batch_size=1 << 20)
    await producer.start()
    try:
        for topic in topics:
            batch = producer.create_batch()
            for _ in range(count):
                batch.append(key=None, value=None, timestamp=None)
            await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()
