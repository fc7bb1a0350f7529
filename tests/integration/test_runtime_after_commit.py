"""An effect begins once the turn that starts it is committed, whichever kind of turn that is, and never earlier."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from streams.runtime import Agent, Origin, Record, Turn
from streams.runtime.lane.batches import Batch
from tests.counting import Run
from tests.held_commits import HeldCommits
from tests.one_lane import lane_of

pytestmark = pytest.mark.integration

#: The turns that may start an effect.
PLACES = ("handle", "due", "settled")
each_turn = pytest.mark.parametrize("place", PLACES)


class Starts(Agent[str, str, None]):
    """Starts an effect in the kind of turn that its record names, and has the transaction of that turn held."""

    def __init__(self, commits: HeldCommits) -> None:
        self._commits = commits
        self.performed: list[str] = []

    def decode(self, record: Record) -> str:
        return (record.value or b"").decode()

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for _, place in batch:
            if place == "due":
                turn.schedule(b"at once", turn.now)
            elif place == "settled":
                turn.start("before it", origin=Origin())
            else:
                self._start(place, turn)

    def due(self, timer: bytes, turn: Turn, origin: Origin) -> None:
        self._start("due", turn)

    def effect_done(self, effect: str, result: None, turn: Turn, origin: Origin) -> None:
        if effect == "before it":
            self._start("settled", turn)

    async def perform(self, effect: str) -> None:
        self.performed.append(effect)

    def _start(self, place: str, turn: Turn) -> None:
        # The state has an entry for the effect, so that a successor starts it again.
        turn.put(b"owed", place.encode())
        turn.start(place, origin=Origin())
        self._commits.held = True


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> HeldCommits:
    return HeldCommits(monkeypatch)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, place: str) -> Batch:
    return Batch.of(run.routine, [Record(run.routine, 0, 0, 0, b"key", place.encode(), ())], 0, 1)


@each_turn
async def test_an_effect_begins_once_its_turn_is_committed(
    run: Run, commits: HeldCommits, ended: list[BaseException], place: str
) -> None:
    agent = Starts(commits)
    async with lane_of(run, lambda: agent) as lane, run.reading(run.output) as out, asyncio.timeout(20):
        lane.enqueue(batch(run, place))
        await commits.waiting.wait()
        # As long as a request to the broker takes: an effect that was started too early would have begun by then.
        await out.to_end()
        assert place not in agent.performed
        commits.release()
        await run.until(lambda: place in agent.performed, "the effect begins")
    assert agent.performed.count(place) == 1
    assert ended == []


@each_turn
async def test_an_effect_of_a_turn_that_fails_to_commit_never_begins(
    run: Run, commits: HeldCommits, ended: list[BaseException], place: str
) -> None:
    agent, failed = Starts(commits), LookupError()
    async with lane_of(run, lambda: agent) as lane, run.reading(run.output) as out, asyncio.timeout(20):
        lane.enqueue(batch(run, place))
        await commits.waiting.wait()
        commits.release(failed)
        await run.until(lambda: bool(ended), "the process ends")
        await out.to_end()
    assert ended == [failed]
    assert place not in agent.performed
