"""One lane of the runtime in the test's own process, on a real broker, fed by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.runtime import Agent, LaneGroup
from streams.runtime.groups import LaneHost
from streams.runtime.lane_events import LaneEvent, unheard
from streams.runtime.lanes import Lane
from streams.runtime.steps import AtStep, unwatched
from streams.runtime.trials import Trials
from streams.runtime.turnstile import Turnstile
from tests.counting import Run


@asynccontextmanager
async def lane_of(
    run: Run,
    agent: Callable[[], Agent[Any, Any, Any]],
    *,
    accepted: frozenset[str] = frozenset(),
    turnstile: Turnstile | None = None,
    at_step: AtStep = unwatched,
    trials: Trials | None = None,
    on_lane: Callable[[LaneEvent], None] = unheard,
) -> AsyncIterator[Lane]:
    """Yield lane `lane-0` of the run; what it is `put` it works off, and `Lane.resolved` says when it can.

    With a `turnstile` of other lanes too, its urgent topic comes before their routine ones. `at_step` is called after
    each step of its work. `trials` are those of its process. `on_lane` hears what it says of itself.
    """
    # A worker's consumer has found the group's coordinator before its lanes open; a new broker has to make one first.
    consumer = AIOKafkaConsumer(bootstrap_servers=run.bootstrap, group_id=run.name, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer.committed(TopicPartition(run.routine, 0))
    finally:
        await consumer.stop()
    urgent = frozenset(() if turnstile is None else (run.urgent,))
    group = LaneGroup("lane", (run.urgent, run.routine), lambda _: agent(), run.changelog, urgent)
    host = LaneHost(
        run.name,
        run.bootstrap,
        turnstile or Turnstile(),
        trials=trials or Trials(),
        at_step=at_step,
        accepted=accepted,
        on_lane=on_lane,
    )
    lane = Lane(group, 0, host)
    ready = asyncio.Event()
    ready.set()
    lane.start(ready)
    try:
        yield lane
    finally:
        await lane.close()
