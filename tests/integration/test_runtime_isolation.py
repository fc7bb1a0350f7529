"""A record that ends every turn it is in is put aside whole, and nothing else with it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from streams.runtime import Agent, Cause, Record, Turn
from streams.runtime.batches import Batch
from streams.runtime.isolation import MOST_PUT_ASIDE
from streams.runtime.lanes import Lane
from tests import one_lane
from tests.counting import Run
from tests.made_records import Made, words

pytestmark = pytest.mark.integration


class Forgetful(Agent[str, None, None]):
    """Counts; raises on `boom`, and remembers in memory what it has counted, also in a turn that is dropped."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._seen: list[str] = []

    def decode(self, record: Record) -> str:
        return (record.value or b"").decode()

    def handle(self, batch: Sequence[tuple[Record, str]], turn: Turn) -> None:
        for record, word in batch:
            assert word not in self._seen, "remembers a turn that never was"
            self._seen.append(word)
            turn.put(word.encode(), b"1")
            turn.send(self._output, record.key, word.encode(), cause=Cause.of(record))
            if word.startswith("boom"):
                raise LookupError(word)


class Endings:
    """Ends of the process, as the test sees them in its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[BaseException] = []
        monkeypatch.setattr("streams.runtime.lanes.end_process", lambda _, error: self.errors.append(error))


@pytest.fixture
def endings(monkeypatch: pytest.MonkeyPatch) -> Endings:
    return Endings(monkeypatch)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


def batch(run: Run, made: Sequence[Made], begin: int = 0) -> Batch:
    records = [Record(run.routine, 0, n, 0, made[n][0], made[n][1], ()) for n in range(begin, len(made))]
    return Batch.of(run.routine, records, begin, len(made))


async def attempt(run: Run, endings: Endings, made: Sequence[Made], begin: int = 0) -> None:
    """Have a process take the batch, until it is worked off or has ended the process."""
    before = len(endings.errors)
    async with one_lane.lane_of(run, lambda: Forgetful(run.output)) as lane:
        lane.put(batch(run, made, begin))
        await run.until(
            lambda: len(endings.errors) > before or lane.figures.next_offsets.get(run.routine) == len(made), "done"
        )


@pytest.mark.parametrize("place", [0, 37, 99])
async def test_the_one_record_ends_in_rejected_and_all_others_are_done(run: Run, endings: Endings, place: int) -> None:
    made = words(100)
    made[place] = (b"key-x", b"boom:secret", (("note", b"mine"),))
    await attempt(run, endings, made)
    assert [type(error) for error in endings.errors] == [LookupError]
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        assert await out.to_end() == []
        # The same again in a new process: now it is the record.
        await attempt(run, endings, made)
        assert len(endings.errors) == 1
        assert [r.value for r in await out.to_end()] == [value for n, (_, value, _) in enumerate(made) if n != place]
        (record,) = await rejected.to_end()
        headers = dict(record.headers)
        assert (record.key, record.value) == (b"key-x", b"boom:secret")
        assert (headers["rejected-error"], headers["rejected-offset"]) == (b"LookupError", b"%d" % place)
        assert b"secret" not in json.dumps({name: value.decode() for name, value in headers.items()}).encode()
    async with run.reading(run.changelog) as changelog:
        notes = [r.value for r in await changelog.to_end() if r.key == b"k" + run.routine.encode()]
        # Done with: the next one that raises is tried again in a new process first.
        assert notes[-1] is None
        assert len(notes) == 2


async def test_what_raised_once_and_not_again_is_done_whole(run: Run, endings: Endings) -> None:
    made = words(20)
    made[7] = (b"k", b"boom", ())
    await attempt(run, endings, made)
    made[7] = (b"k", b"fine", ())
    await attempt(run, endings, made)
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        assert len(await out.to_end()) == 20
        assert await rejected.to_end() == []


def refuses(lane: Lane) -> bool:
    return lane.figures.refused is not None


async def test_where_most_records_raise_it_is_the_code_and_the_lane_refuses(run: Run, endings: Endings) -> None:
    made = [(b"k", b"boom-%d" % n, ()) for n in range(3 * MOST_PUT_ASIDE)]
    await attempt(run, endings, made)
    async with run.reading(f"{run.routine}.rejected") as rejected:
        # However often it is started again.
        for begin in (0, MOST_PUT_ASIDE, MOST_PUT_ASIDE):
            async with one_lane.lane_of(run, lambda: Forgetful(run.output)) as lane:
                lane.put(batch(run, made, begin))
                await run.until(partial(refuses, lane), "the lane refuses")
                assert lane.figures.refused == (
                    f"{run.routine}-0: LookupError again, with {MOST_PUT_ASIDE} records, timers, effects or entries "
                    "put aside within 60 minutes"
                )
            assert len(await rejected.to_end()) == MOST_PUT_ASIDE
    assert len(endings.errors) == 1


async def test_what_was_put_aside_an_hour_ago_does_not_count(
    run: Run, endings: Endings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(b"k", b"boom-%d" % n, ()) for n in range(MOST_PUT_ASIDE + 1)]
    await attempt(run, endings, made[:-1])
    await attempt(run, endings, made[:-1])
    later = datetime.now(UTC) + timedelta(hours=1)
    monkeypatch.setattr("streams.runtime.poison.utc_now", lambda: later)
    # No more careful, an hour later: it ends its process once more.
    await attempt(run, endings, made, MOST_PUT_ASIDE)
    await attempt(run, endings, made, MOST_PUT_ASIDE)
    assert len(endings.errors) == 2
    async with run.reading(f"{run.routine}.rejected") as rejected:
        assert len(await rejected.to_end()) == MOST_PUT_ASIDE + 1
