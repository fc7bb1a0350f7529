"""Lanes of an agent that raises, on a real broker: they live until something was said, rejected or refused."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterable

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from streams.runtime.lane.lane import Lane
from tests import one_lane
from tests.committed import Committed
from tests.counting import Run
from tests.fakes.process_ends import ProcessEnds
from tests.poison_agent import Fragile, FragileState
from tests.poison_lane import batch_of


async def live(
    run: Run,
    fragile: FragileState,
    endings: ProcessEnds,
    enough: Callable[[Lane], Awaitable[None]],
    agents: int | None = None,
) -> None:
    """Have one process work until `enough`, or until it ends itself; at most `agents` of its agents can be made."""
    before = len(endings.errors)
    left = itertools.count() if agents is None else iter(range(agents))

    def made() -> Fragile:
        if next(left, None) is None:
            raise LookupError("agents")
        return Fragile(fragile)

    async with one_lane.lane_of(run, made) as lane:
        waiting = asyncio.ensure_future(enough(lane))
        async with asyncio.timeout(30):
            while not waiting.done() and len(endings.errors) == before:  # noqa: ASYNC110 - nor does an ending
                await asyncio.sleep(0.01)
        if waiting.done():
            waiting.result()
        waiting.cancel()


def fed(run: Run, *values: str, begin: int = 0) -> Callable[[Lane], None]:
    def feed(lane: Lane) -> None:
        lane.enqueue(batch_of(run, values, begin))

    return feed


async def said(run: Run) -> list[str]:
    async with run.reading(run.output) as out:
        return sorted(record.value.decode() for record in await out.to_end() if record.value)


def until_said(run: Run, *lines: str, feed: Callable[[Lane], None] | None = None) -> Callable[[Lane], Awaitable[None]]:
    async def enough(lane: Lane) -> None:
        if feed is not None:
            feed(lane)
        async with run.reading(run.output) as out:
            await out.until(lambda records: set(lines) <= {(r.value or b"").decode() for r in records})

    return enough


def refuses(reason: str, feed: Callable[[Lane], None] | None = None) -> Callable[[Lane], Awaitable[None]]:
    async def enough(lane: Lane) -> None:
        if feed is not None:
            feed(lane)
        while lane.metrics.refused is None:  # noqa: ASYNC110 - metrics set no event
            await asyncio.sleep(0.01)
        assert reason in lane.metrics.refused

    return enough


def until_rejected(rejected: Committed, feed: Callable[[Lane], None]) -> Callable[[Lane], Awaitable[None]]:
    async def enough(lane: Lane) -> None:
        feed(lane)
        await rejected.at_least(1)

    return enough


def limit_bytes(run: Run, topics: Iterable[str], most: str) -> None:
    """Set the largest batch of topics, in bytes; the markers of transactions need a hundred."""
    with KafkaAdminClient(bootstrap_servers=run.bootstrap) as admin:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": most}) for topic in topics]
        )
