"""A record at which an agent hangs or the process dies is put aside in the end, and all others are counted."""

import random
import signal
import time
from collections.abc import Callable

import pytest

from schemas.partitioner import partition_for
from tests.committed import assert_exactly_once
from tests.counting import EXIT_BROKEN, Run
from tests.faults.supervised import Supervisor
from tests.made_records import Made, words

pytestmark = pytest.mark.faults

#: A longer call counts as hung (seconds); a slice of the counting agent takes milliseconds.
STUCK_SECONDS = 2.0


@pytest.mark.parametrize(
    ("what", "error", "statuses"),
    [
        ("hang", b"Hung", {EXIT_BROKEN}),
        # Native code that holds the interpreter: only a thread without it can end the process.
        ("hang-native", b"EndsProcesses", {1}),
        ("die", b"EndsProcesses", {-signal.SIGKILL}),
    ],
    ids=["hang", "hang-native", "die"],
)
async def test_a_record_at_which_the_process_hangs_or_dies_is_put_aside_and_all_others_count(
    run: Run, seed: int, chosen: Callable[[object], None], what: str, error: bytes, statuses: set[int]
) -> None:
    chance = random.Random(f"{seed} {what}")
    good = words(400)
    place, key, topic = (
        chance.randrange(400),
        b"key-%d" % chance.randrange(50),
        chance.choice((run.urgent, run.routine)),
    )
    chosen(f"{place}:{key!r} {topic.rpartition('.')[2]}")
    bad: Made = (key, f"{what}:x".encode(), ())
    await run.write(topic, [*good[:place], bad, *good[place:]])
    supervisor = Supervisor(run, 1, named=True, changes=lambda: {"stuck_seconds": STUCK_SECONDS})
    async with run.reading(run.output) as out, run.reading(f"{topic}.rejected") as rejected:
        (record,) = await rejected.at_least(1, 120)
        assert record.value == bad[1]
        assert dict(record.headers)["rejected-error"] == error
        # Other lanes of the process continue meanwhile, and the lane itself after that.
        more = words(200, start=400)
        await run.write(run.urgent, more)
        await out.at_least(len(good) + len(more), 60)
        assert_exactly_once(out.counted, [*good, *more])
        assert len(await rejected.to_end()) == 1
    await supervisor.stop()
    assert set(supervisor.statuses) == statuses


@pytest.mark.parametrize(
    ("kind", "bad", "agent"),
    [
        ("timer", "die-due", "fragile"),
        pytest.param("timer", "native-due", "fragile", marks=pytest.mark.long),
        ("effect", "die-perform", "fragile"),
        pytest.param("effect", "die-perform", "slots", marks=pytest.mark.long),
        pytest.param("effect", "die-settled", "fragile", marks=pytest.mark.long),
        pytest.param("effect", "die-resume-perform", "fragile", marks=pytest.mark.long),
    ],
    ids=["timer-dies", "timer-hangs", "effect-dies", "effect-in-its-slot-dies", "result-dies", "entry-dies"],
)
async def test_a_timer_effect_or_entry_at_which_the_process_dies_is_put_aside_and_all_others_are_done(
    run: Run, kind: str, bad: str, agent: str
) -> None:
    good = [f"good-{n}" for n in range(30)]
    # An entry is resumed after an effect of another entry ended the process.
    values = [*good[:20], bad, *(["die-perform"] if bad == "die-resume-perform" else []), *good[20:]]
    await run.write(run.routine, [(b"key", f"{kind}:{name}".encode(), ()) for name in values])
    supervisor = Supervisor(run, 1, named=True, changes=lambda: {"kind": agent, "stuck_seconds": STUCK_SECONDS})
    done = {f"{'due' if kind == 'timer' else 'settled'}|{name}".encode() for name in good}
    async with run.reading(run.output) as out, run.reading(f"{run.changelog}.rejected") as rejected:
        aside = len(values) - len(good)
        await rejected.at_least(aside, 120)
        assert {record.value for record in rejected.records} == {
            f"whole {name}".encode() for name in values if name not in good
        }
        assert {dict(record.headers)["rejected-error"] for record in rejected.records} == {b"EndsProcesses"}
        await out.until(lambda records: done <= {record.value for record in records}, 60)
        handed_over = [r.value for r in out.records if (r.value or b"").startswith(b"put_aside")]
        assert len(handed_over) == aside
        # No work is left that ends a process.
        await run.write(run.routine, [(b"key", b"say:later", ())])
        await out.until(lambda records: any(record.value == b"say|later" for record in records), 60)
        ends = len(supervisor.statuses)
        assert len(await rejected.to_end()) == aside
    await supervisor.stop()
    assert ends == len(supervisor.statuses)
    assert EXIT_BROKEN not in supervisor.statuses


async def test_a_lane_whose_agent_raises_on_every_record_refuses_and_the_others_go_on(run: Run) -> None:
    written = words(2_000)
    refused = partition_for(b"key-1", run.partitions)
    bad: list[Made] = [(b"key-1", b"handle:x-%d" % n, ()) for n in range(100)]
    await run.write(run.routine, bad)
    await run.write(run.routine, written)
    others = [made for made in written if partition_for(made[0] or b"", run.partitions) != refused]
    supervisor = Supervisor(run, 1, named=True)
    async with run.reading(run.output) as out, run.reading(f"{run.routine}.rejected") as rejected:
        await out.at_least(len(others), 60)
        await run.until(lambda: any("refuses to work" in worker.log for worker in run.workers), "the lane refuses")
        assert_exactly_once((await out.to_end(), out.counted)[1], others)
        aside = len(await rejected.to_end())
        assert aside <= 8
        # One restart and no more: the process stays, with all lanes but one.
        assert supervisor.statuses == [EXIT_BROKEN]
        run.say("mended")
        supervisor.workers[0].send(signal.SIGKILL)
        await out.at_least(len(written) + len(bad) - aside, 60)
        counted = {one.word for one in out.counted}
        assert {(made[1] or b"").decode() for made in written} <= counted
        assert len(out.counted) == len(counted)
    await supervisor.stop()


async def test_a_process_that_was_frozen_for_long_has_hung_nowhere(run: Run) -> None:
    first, second = words(500), words(500, start=500)
    worker = run.start(instance="only", stuck_seconds=STUCK_SECONDS)
    async with run.reading(run.output) as out:
        await run.write(run.routine, first)
        await out.at_least(len(first))
        worker.send(signal.SIGSTOP)
        try:
            frozen = time.monotonic()
            await run.until(lambda: time.monotonic() - frozen > 2.5 * STUCK_SECONDS, "longer than a call may last", 10)
        finally:
            worker.send(signal.SIGCONT)
        await run.write(run.routine, second)
        await out.at_least(len(first) + len(second))
        assert_exactly_once(out.counted, [*first, *second])
    assert worker.process.poll() is None
