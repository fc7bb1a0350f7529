"""On a real broker: timers of a lane wait until it has read the earlier records of the topics that they follow."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from streams.runtime import Agent, Origin, Record, Turn
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from streams.runtime.lane.timer_gate import FetchProgress
from streams.runtime.lane.urgency import TURNS_AT_ONCE, UrgencyGate
from tests.counting import Run
from tests.one_lane import lane_of

pytestmark = pytest.mark.integration

#: Wait of the timer of these tests.
_DUE = timedelta(milliseconds=150)
#: Longer than that, and shorter than a lane waits for records that it cannot read (seconds).
_WELL_PAST = 0.6


class Limits(Agent[str, None, None]):
    """`open` sets a limit, `close` ends it. A limit that passes writes so; other words are written on."""

    def __init__(self, output: str) -> None:
        self._output = output

    def decode(self, record: Record) -> str:
        return (record.value or b"").decode()

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for _, word in batch:
            if word == "open":
                turn.schedule(b"limit", turn.now + _DUE)
            elif word == "open later":
                turn.schedule(b"later", turn.now + 2 * _DUE)
            elif word == "close":
                turn.unschedule(b"limit")
            else:
                turn.send(self._output, b"", word.encode(), origin=Origin())

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        turn.send(self._output, timer, b"passed", origin=origin)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def follower(run: Run, urgency: UrgencyGate | None = None) -> AbstractAsyncContextManager[Lane]:
    """Return a lane whose timers follow its routine topic."""
    return lane_of(run, lambda: Limits(run.output), timers_follow=[run.routine], urgency=urgency)


def batch(topic: str, begin: int, *words: str) -> Batch:
    records = [Record(topic, 0, begin + n, 0, b"key", word.encode(), ()) for n, word in enumerate(words)]
    return Batch.of(topic, records, begin, begin + len(words))


def answers(lane: Lane, topic: str, *, end: int = 0) -> None:
    """Have the broker report again and again that `topic` ends at this offset, and the consumer pass on all records."""
    for number in range(1, 5):
        lane.note_fetch(topic, FetchProgress(number, end, end, end))


async def test_a_timer_that_is_called_off_by_what_had_come_before_it_does_nothing(run: Run) -> None:
    async with follower(run) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        lane.enqueue(batch(run.urgent, 0, "open"))
        await out.during(_WELL_PAST)
        assert await out.to_end() == [], "the lane does not know yet whether something came"
        answers(lane, run.routine, end=1)
        lane.enqueue(batch(run.routine, 0, "close"))
        lane.enqueue(batch(run.urgent, 1, "open", "word"))
        await out.at_least(1)
        # Its own responses are missing: those from before the timer was due do not count.
        await out.during(_WELL_PAST)
        assert [record.value for record in await out.to_end()] == [b"word"]
        assert lane.metrics.timers == 1


async def test_a_timer_goes_once_it_is_known_that_nothing_came(run: Run) -> None:
    async with follower(run) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        lane.enqueue(batch(run.urgent, 0, "open"))
        await out.during(_WELL_PAST)
        answers(lane, run.routine)
        assert [record.value for record in await out.at_least(1)] == [b"passed"]


async def test_a_timer_that_came_due_during_the_wait_of_another_has_a_wait_of_its_own(run: Run) -> None:
    async with follower(run) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        lane.enqueue(batch(run.urgent, 0, "open", "open later"))
        await out.during(_WELL_PAST)
        answers(lane, run.routine)
        await out.at_least(1)
        await out.during(_WELL_PAST)
        assert [record.key for record in await out.to_end()] == [b"limit"]


async def test_what_a_timer_waits_for_waits_for_no_routine_turn(run: Run) -> None:
    urgency = UrgencyGate()
    async with AsyncExitStack() as others, run.reading(run.output) as out:
        lane = await others.enter_async_context(follower(run, urgency))
        await lane.resolved.wait()
        for _ in range(TURNS_AT_ONCE):
            await others.enter_async_context(urgency.turn(lambda: False))
        lane.enqueue(batch(run.routine, 0, "news"))
        await out.during(_WELL_PAST)
        assert await out.to_end() == [], "it is routine work while no timer waits"
        lane.enqueue(batch(run.urgent, 0, "open"))
        assert [record.value for record in await out.at_least(1)] == [b"news"]
