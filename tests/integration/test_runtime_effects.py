"""Effects on a real broker: performed after their turn's commit, done in a turn of their own, never forgotten."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.committed import state_of
from tests.counting import EXIT_BROKEN, Run
from tests.made_records import Made

pytestmark = pytest.mark.integration

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
MARKER = "Ada-07700900123"


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


def owed(*names: str) -> list[Made]:
    return [(b"key", name.encode(), (("traceparent", TRACE),)) for name in names]


async def test_an_effect_is_performed_after_its_commit_and_settled_once(run: Run) -> None:
    await run.write(run.routine, owed("a", "b", "c"))
    run.start("effects")
    async with run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        await out.at_least(6)
        assert sorted(out.values) == sorted(
            [*(f"started|{name}".encode() for name in "abc"), *(f"settled|{name}|True".encode() for name in "abc")]
        )
        # The entry of the effect is still there when it is done.
        assert all(record.headers == (("traceparent", TRACE),) for record in out.records)
        assert state_of(await changelog.to_end()) == {}


async def test_effects_in_flight_are_started_again_after_a_kill(run: Run) -> None:
    run.say("closed")
    await run.write(run.routine, owed("a", "b"))
    first = run.start("effects", instance="only")
    async with run.reading(run.output) as out, run.reading(run.changelog) as changelog:
        await run.until(lambda: len(run.lines("performed")) == 2, "both effects are in flight")
        first.send(signal.SIGKILL)
        await first.ended()
        assert sorted((await out.to_end(), out.values)[1]) == [b"started|a", b"started|b"]
        run.take_back("closed")
        second = run.start("effects", instance="only")
        await out.at_least(4)
        assert sorted(out.values)[:2] == [b"settled|a|True", b"settled|b|True"]
        assert out.records[-1].headers == (("traceparent", TRACE),)
        assert state_of(await changelog.to_end()) == {}
        assert sorted(run.lines("performed")) == sorted(f"{e}|{w.pid}" for e in "ab" for w in (first, second))


async def test_a_worker_that_stops_does_not_wait_for_its_effects(run: Run) -> None:
    run.say("closed")
    await run.write(run.routine, owed("a"))
    first = run.start("effects")
    async with run.reading(run.output) as out:
        await run.until(lambda: len(run.lines("performed")) == 1, "the effect is in flight")
        first.send(signal.SIGTERM)
        assert await first.ended(10) == 0
        run.take_back("closed")
        run.start("effects")
        await out.at_least(2)
        assert out.values == [b"started|a", b"settled|a|True"]


@pytest.mark.parametrize(
    ("place", "error"), [("perform", "KeyError"), ("settled", "KeyError"), ("cancelled", "EffectCancelled")]
)
async def test_an_effect_that_fails_ends_the_process_and_is_owed_by_its_successor(
    run: Run, place: str, error: str
) -> None:
    word = f"{place}:{MARKER}"
    await run.write(run.routine, owed(word))
    worker = run.start("effects", instance="only")
    assert await worker.ended() == EXIT_BROKEN
    async with run.reading(run.output) as out:
        assert (await out.to_end(), out.values)[1] == [f"started|{word}".encode()]
        assert f'"error": "{error}"' in worker.log
        assert MARKER not in worker.log
        run.say("mended")
        run.start("effects", instance="only")
        await out.at_least(2)
        assert out.values[1:] == [f"settled|{word}|True".encode()]


async def test_many_effects_of_one_lane_are_in_flight_together(run: Run) -> None:
    run.say("closed")
    names = [f"e{n}" for n in range(30)]
    await run.write(run.routine, owed(*names))
    run.start("effects")
    async with run.reading(run.output) as out:
        await run.until(lambda: len(run.lines("performed")) == len(names), "all are in flight")
        # The lane handles records while effects are performed.
        await run.write(run.urgent, owed("late"))
        await out.at_least(len(names) + 1)
        run.take_back("closed")
        await out.at_least(2 * len(names) + 2)
        assert len(set(out.values)) == len(out.values) == 2 * len(names) + 2
