"""Timers and ends of entries on a real broker: in the lane's state, over restarts, each in a transaction of its own."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from streams.runtime import Agent, Clock, Origin, Record, Turn
from streams.runtime.clock import steady_seconds
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.lane import Lane
from tests import one_lane
from tests.committed import state_of
from tests.counting import Run
from tests.made_records import Made

pytestmark = pytest.mark.integration
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Reminders(Agent[str, None, None]):
    """`remind:MS` sets a timer, `keep:MS` puts an entry with an end; a timer that is due writes so."""

    def __init__(self, output: str) -> None:
        self._output = output

    def decode(self, record: Record) -> str:
        return (record.value or b"").decode()

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            what, _, milliseconds = word.partition(":")
            at = turn.now + timedelta(milliseconds=int(milliseconds))
            if what == "remind":
                turn.schedule(record.key or b"", at, origin=Origin.of(record))
            else:
                turn.put(record.key or b"", b"kept", until=at)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        turn.put(b"reminded " + timer, b"1")
        turn.send(self._output, timer, b"due|" + timer, origin=origin)


def lane_of(run: Run, clock: Clock | None = None) -> AbstractAsyncContextManager[Lane]:
    return one_lane.lane_of(run, lambda: Reminders(run.output), clock=clock)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, begin: int, *made: Made, ahead: float = 0.0) -> Batch:
    """Return a batch that the broker stamped now, by a clock that is `ahead`."""
    at = round((time.time() + ahead) * 1_000)
    records = [
        Record(run.routine, 0, begin + n, at, key, value, tuple(h), is_stamped=True)
        for n, (key, value, h) in enumerate(made)
    ]
    return Batch.of(run.routine, records, begin, begin + len(made))


async def test_a_timer_is_due_once_after_its_time_in_its_own_trace(run: Run) -> None:
    async with lane_of(run) as lane, run.reading(run.output) as out:
        began = time.time() * 1000
        lane.enqueue(batch(run, 0, (b"b", b"remind:400", ()), (b"a", b"remind:100", (("traceparent", TRACE),))))
        first, second = await out.at_least(2)
        assert [first.value, second.value] == [b"due|a", b"due|b"]
        assert first.headers == (("traceparent", TRACE),)
        assert first.timestamp >= began + 100
        assert second.timestamp >= began + 400
    async with lane_of(run) as lane, run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        await lane.resolved.wait()
        assert len(await out.to_end()) == 2
        assert state_of(await changelog.to_end()) == {b"reminded a": b"1", b"reminded b": b"1"}
        assert lane.metrics.timers == 0


async def test_a_timer_that_came_due_without_a_process_is_due_at_the_next_opening(run: Run) -> None:
    async with lane_of(run) as lane, run.reading(run.changelog) as changelog:
        lane.enqueue(batch(run, 0, (b"late", b"remind:1500", ())))
        await changelog.at_least(2)
    async with run.reading(run.output) as out:
        assert await out.to_end() == []
        async with lane_of(run):
            (record,) = await out.at_least(1)
            assert record.value == b"due|late"


async def test_a_timer_is_due_soon_after_the_machine_was_suspended(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop's own clock stops meanwhile: by that clock alone the lane would wait the whole time again."""
    monkeypatch.setattr("streams.runtime.lane.open_lane._LOOK_SECONDS", 0.1)
    suspended = 0.0
    clock = Clock(lambda: time.time() + suspended, lambda: steady_seconds() + suspended)
    async with lane_of(run, clock) as lane, run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        lane.enqueue(batch(run, 0, (b"a", b"remind:60000", ())))
        await changelog.until(lambda records: any(r.key == b"ta" for r in records))
        # There is no other work before the timer is due.
        opened = lane._opened
        assert opened is not None
        await run.until(lambda: opened._commits.seconds_until_stale() is None, "the group knows where the lane is")
        suspended = 60.0
        (record,) = await out.at_least(1, 10)
        assert record.value == b"due|a"


async def test_an_entry_that_has_ended_leaves_a_tombstone_and_no_state(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.lane.open_lane._SWEEP_SECONDS", 0.1)
    async with lane_of(run) as lane, run.reading(run.changelog) as changelog:
        lane.enqueue(batch(run, 0, (b"short", b"keep:200", ()), (b"long", b"keep:100000", ())))
        await changelog.until(lambda records: any(r.key == b"slong" for r in records))
        await asyncio.sleep(0.5)
        # The broker has stamped no record since.
        assert lane.metrics.entries == 2
        lane.enqueue(batch(run, 2, (b"later", b"remind:100000", ())))
        await changelog.until(lambda records: any(r.key == b"sshort" and r.value is None for r in records))
        assert state_of(changelog.records) == {b"long": b"kept"}
        assert lane.metrics.entries == 1
    async with lane_of(run) as lane:
        await lane.resolved.wait()
        assert lane.metrics.entries == 1


async def test_a_timer_does_not_wait_behind_entries_that_have_ended(run: Run) -> None:
    """A retry came 30 s late, after 3,000 entries that had ended before it was due."""
    ended = 20_000
    made: list[Made] = [(b"kept-%d" % n, b"keep:1500", ()) for n in range(ended)]
    async with lane_of(run) as lane, run.reading(run.output) as out:
        await lane.resolved.wait()
        lane.enqueue(batch(run, 0, *made, (b"a", b"remind:2000", ())))
        await run.until(lambda: lane.metrics.next_offsets.get(run.routine) == ended + 1, "all are kept")
        lane.enqueue(batch(run, ended + 1, (b"later", b"remind:100000", ()), ahead=60.0))
        (record,) = await out.at_least(1, 15)
        due = record.timestamp
        await run.until(lambda: lane.metrics.entries == 1, "every entry that has ended is dropped", 15)
        async with run.reading(run.changelog) as changelog:
            records = await changelog.to_end()
            begun = next(r.timestamp for r in records if r.key == b"ta")
            assert due - begun < 7_000
            assert state_of(records) == {b"reminded a": b"1"}


async def test_a_lane_that_is_never_idle_drops_more_entries_than_it_keeps(run: Run) -> None:
    count, batches = 1_000, 30
    async with lane_of(run) as lane:
        for number in range(batches):
            made: list[Made] = [(b"kept-%d-%d" % (number, n), b"keep:-10000", ()) for n in range(count)]
            lane.enqueue(batch(run, number * count, *made))
        most = 0

        def is_done() -> bool:
            nonlocal most
            most = max(most, lane.metrics.entries)
            return lane.metrics.next_offsets.get(run.routine) == batches * count

        await run.until(is_done, "all are worked off")
        # Each turn must drop at least as many entries (a few thousand) as it keeps: no time is left for other turns.
        assert most <= count * batches / 3
