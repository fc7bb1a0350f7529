"""Timers, effects and entries on which the agent raises: put aside whole, one by one, and all other work goes on."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from streams.runtime.lane.lane import Lane
from streams.runtime.lane.poison_errors import MAX_PUT_ASIDE
from streams.runtime.lane.urgency import TURNS_AT_ONCE, UrgencyGate
from tests import one_lane
from tests.committed import state_of
from tests.counting import Run
from tests.fakes.process_ends import ProcessEnds
from tests.poison_agent import Fragile, FragileState
from tests.poison_lane import batch_of
from tests.poison_lanes import fed, limit_bytes, live, refuses, said, until_rejected, until_said

pytestmark = [pytest.mark.integration, pytest.mark.faults]


@pytest.fixture
def endings(monkeypatch: pytest.MonkeyPatch) -> ProcessEnds:
    return ProcessEnds(monkeypatch)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Run:
    return Run(bootstrap, tmp_path, partitions=1)


@pytest.fixture
def fragile(run: Run) -> FragileState:
    return FragileState(run.output)


@pytest.mark.parametrize(
    ("place", "kind", "entry"),
    [
        ("due", "timer", b"about bad"),
        ("perform", "effect", b"owed bad"),
        ("settled", "effect", b"owed bad"),
        ("starting", "effect", b"owed bad"),
    ],
)
async def test_what_raises_again_in_the_next_process_is_put_aside_whole_and_handed_over(
    run: Run, fragile: FragileState, endings: ProcessEnds, place: str, kind: str, entry: bytes
) -> None:
    fragile.raises = {place}
    fragile.may_end.set()
    if place == "starting":
        fragile.slots = asyncio.Semaphore(1)
    done = "due" if kind == "timer" else "settled"
    values = (f"{kind}:good-1", f"{kind}:bad", f"{kind}:good-2")
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *values)))
    assert endings.classes == ["LookupError"]
    assert f"{done}|bad" not in await said(run)
    handed_over = "put_aside LookupError whole bad|bad"
    await live(run, fragile, endings, until_said(run, f"{done}|good-1", f"{done}|good-2", handed_over))
    assert endings.classes == ["LookupError"]
    async with run.reading(f"{run.changelog}.rejected") as rejected, run.reading(run.changelog) as changelog:
        (record,) = await rejected.to_end()
        headers = dict(record.headers)
        assert (record.key, record.value) == (entry, b"whole bad")
        assert (headers["rejected-error"], headers["rejected-by"]) == (b"LookupError", b"lane")
        assert (headers["rejected-field"], headers["rejected-from"]) == (kind.encode(), run.changelog.encode())
        assert state_of(await changelog.to_end()) == {}
    # Nothing of it is left: the next process has no work.
    before = await said(run)
    await live(run, fragile, endings, until_said(run, "say|later", feed=fed(run, "say:later", begin=3)))
    assert await said(run) == sorted([*before, "say|later"])
    assert endings.classes == ["LookupError"]


@pytest.mark.parametrize(("kind", "done"), [("timer", "due"), ("effect", "settled")])
async def test_work_whose_output_cannot_be_written_is_put_aside_and_the_others_are_done(
    run: Run, fragile: FragileState, endings: ProcessEnds, kind: str, done: str
) -> None:
    fragile.may_end.set()
    values = (f"{kind}:good-1", f"{kind}:huge", f"{kind}:good-2")
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *values)))
    assert endings.classes == ["Undeliverable"]
    handed_over = "put_aside Undeliverable whole huge|huge"
    await live(run, fragile, endings, until_said(run, f"{done}|good-1", f"{done}|good-2", handed_over))
    assert endings.classes == ["Undeliverable"]
    async with run.reading(f"{run.changelog}.rejected") as rejected:
        assert [record.value for record in await rejected.to_end()] == [b"whole huge"]


async def test_an_entry_that_cannot_be_resumed_is_put_aside_and_the_others_are(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    values = ("effect:good-1", "effect:bad", "effect:good-2")
    handled = until_said(run, *(value.replace(":", "|") for value in values), feed=fed(run, *values))
    await live(run, fragile, endings, handled)
    fragile.raises = {"resume"}
    await live(run, fragile, endings, until_said(run, "never"))
    assert endings.classes == ["LookupError"]
    fragile.may_end.set()
    handed_over = "put_aside LookupError whole bad|bad"
    await live(run, fragile, endings, until_said(run, "settled|good-1", "settled|good-2", handed_over))
    assert endings.classes == ["LookupError"]
    async with run.reading(f"{run.changelog}.rejected") as rejected:
        assert [record.key for record in await rejected.to_end()] == [b"owed bad"]


async def test_an_effect_that_never_ends_is_put_aside_and_the_others_are_done(
    run: Run, fragile: FragileState, endings: ProcessEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Fragile, "effect_seconds", 0.3)
    values = ("timer:good", "effect:bad")
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *values)))
    assert endings.classes == ["TimeoutError"]
    await live(run, fragile, endings, until_said(run, "put_aside TimeoutError whole bad|bad", "due|good"))
    assert endings.classes == ["TimeoutError"]


async def test_work_is_put_aside_even_if_the_agent_raises_on_handing_it_over(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.raises = {"due", "put_aside"}
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, "timer:bad", "timer:good")))
    await live(run, fragile, endings, until_said(run, "due|good"))
    assert endings.classes == ["LookupError"]
    async with run.reading(f"{run.changelog}.rejected") as rejected:
        assert [record.value for record in await rejected.at_least(1)] == [b"whole bad"]


async def test_work_is_put_aside_even_if_its_hand_over_cannot_be_written(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    values = ("timer:good-1", "timer:huge-aside", "timer:good-2")
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *values)))
    await live(run, fragile, endings, until_said(run, "due|good-1", "due|good-2"))
    assert endings.classes == ["Undeliverable"]
    async with run.reading(f"{run.changelog}.rejected") as rejected, run.reading(run.changelog) as changelog:
        assert [record.value for record in await rejected.at_least(1)] == [b"whole huge-aside"]
        assert state_of(await changelog.to_end()) == {}


@pytest.mark.parametrize("value", ["timer:bad", "say:bad"])
async def test_a_lane_that_cannot_put_its_work_aside_refuses_and_its_process_stays(
    run: Run, fragile: FragileState, endings: ProcessEnds, value: str
) -> None:
    fragile.raises = {"due", "handle"} if value.startswith("say") else {"due"}
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, value)))
    topics = (f"{run.changelog}.rejected", f"{run.routine}.rejected")
    limit_bytes(run, topics, "200")
    await live(run, fragile, endings, refuses("cannot be written", feed=fed(run, value)))
    assert endings.classes == ["LookupError"]
    limit_bytes(run, topics, "100000")
    async with run.reading(*topics) as rejected:
        assert await rejected.to_end() == []
        await live(run, fragile, endings, until_rejected(rejected, feed=fed(run, value)))
    assert endings.classes == ["LookupError"]


async def test_a_lane_whose_agent_cannot_be_made_anew_refuses_and_its_process_stays(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.raises = {"due"}
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, "timer:bad")))
    await live(run, fragile, endings, refuses("LookupError"), agents=1)
    assert endings.classes == ["LookupError"]


async def test_offsets_beyond_what_was_fetched_stay_suspected(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.raises = {"handle"}
    values = ("say:a", "say:b", "say:c", "say:bad", "say:d", "say:e")
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *values)))

    async def suspected() -> bytes | None:
        async with run.reading(run.changelog) as changelog:
            notes = [record for record in await changelog.to_end() if record.key == b"k" + run.routine.encode()]
        found: bytes | None = notes[-1].value
        return found

    assert await suspected() == b"0|6|LookupError"
    await live(run, fragile, endings, until_said(run, "say|a", "say|b", "say|c", feed=fed(run, *values[:3])))
    assert await suspected() == b"0|6|LookupError"
    await live(run, fragile, endings, until_said(run, "say|d", "say|e", feed=fed(run, *values[3:], begin=3)))
    assert await suspected() is None


async def test_one_lane_ends_its_process_once_for_records_timers_and_effects_together(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.raises = {"handle", "due", "settled"}
    fragile.may_end.set()
    values = ("timer:bad-1", "effect:bad-2", "say:good", "timer:good", "effect:good")
    fragile.raises.remove("handle")
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *values)))
    fragile.raises.add("handle")
    later = fed(run, "say:bad-3", "say:better", begin=len(values))
    wanted = ("due|good", "settled|good", "say|better")
    await live(run, fragile, endings, until_said(run, *wanted, feed=later))
    assert endings.classes == ["LookupError"]
    async with run.reading(f"{run.changelog}.rejected", f"{run.routine}.rejected") as rejected:
        await rejected.at_least(3)
        assert sorted(r.value for r in rejected.records) == [b"say:bad-3", b"whole bad-1", b"whole bad-2"]


async def test_what_is_put_aside_is_counted_over_restarts_and_a_lane_that_goes_on_so_refuses(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.raises = {"due"}
    timers = [f"timer:bad-{n}" for n in range(3 * MAX_PUT_ASIDE)]
    await live(run, fragile, endings, until_said(run, "never", feed=fed(run, *timers)))
    for _ in range(3):
        await live(run, fragile, endings, refuses("put aside within"))
    assert endings.classes == ["LookupError"]
    async with run.reading(f"{run.changelog}.rejected") as rejected:
        assert len(await rejected.to_end()) == MAX_PUT_ASIDE
        # A corrected release resumes all other entries.
        fragile.raises = set()
        left = len(timers) - MAX_PUT_ASIDE
        async with run.reading(run.output) as out:

            async def all_due(lane: Lane) -> None:
                await out.until(lambda records: sum(b"due|" in (r.value or b"") for r in records) == left)

            await live(run, fragile, endings, all_due)
        assert len(await rejected.to_end()) == MAX_PUT_ASIDE


async def test_an_effect_begins_once_its_start_is_committed_and_holds_its_slot(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.slots = asyncio.Semaphore(1)
    async with one_lane.lane_of(run, lambda: Fragile(fragile)) as lane, run.reading(run.output) as out:
        lane.enqueue(batch_of(run, ["effect:first", "effect:unwanted", "effect:last"]))
        await out.until(lambda records: any(r.value == b"starting|first" for r in records))
        await run.until(lambda: fragile.performed == ["first"], "it is performed")
        # The other effects wait for the slot, and no record says that they have started.
        assert [r.value for r in await out.to_end() if (r.value or b"").startswith(b"starting")] == [b"starting|first"]
        fragile.may_end.set()
        await out.until(lambda records: any(r.value == b"settled|last" for r in records))
        assert fragile.performed == ["first", "last"]
        assert [r.value for r in await out.to_end() if (r.value or b"").startswith(b"starting")] == [
            b"starting|first",
            b"starting|unwanted",
            b"starting|last",
        ]
    assert not fragile.slots.locked()


async def test_no_effect_waits_for_others_before_its_agent_may_say_which_is_first(
    run: Run, fragile: FragileState, endings: ProcessEnds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.lane.effects.EFFECTS_AT_ONCE", 2)
    fragile.slots = slots = asyncio.Semaphore(0)
    async with one_lane.lane_of(run, lambda: Fragile(fragile)) as lane:
        lane.enqueue(batch_of(run, [f"effect:e{n}" for n in range(5)]))
        await run.until(lambda: len(slots._waiters or ()) == 5, "all wait for a slot")


async def test_a_timer_that_comes_due_while_its_lane_waits_for_a_turn_is_not_late(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    urgency = UrgencyGate()
    async with (
        one_lane.lane_of(run, lambda: Fragile(fragile), urgency=urgency) as lane,
        AsyncExitStack() as others,
        run.reading(run.output) as out,
    ):
        lane.enqueue(batch_of(run, ["timer:t@1500"]))
        await run.until(lambda: lane.metrics.next_offsets.get(run.routine) == 1, "it is set")
        for _ in range(TURNS_AT_ONCE):
            await others.enter_async_context(urgency.turn(lambda: False))
        lane.enqueue(batch_of(run, ["say:late"], 1))
        await out.until(lambda records: any(r.value == b"due|t@1500" for r in records), 15)
        assert all(r.value != b"say|late" for r in out.records)


async def test_a_lane_that_closes_gives_the_slots_of_its_effects_back(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    fragile.slots = asyncio.Semaphore(2)
    async with one_lane.lane_of(run, lambda: Fragile(fragile)) as lane:
        lane.enqueue(batch_of(run, [f"effect:e{n}" for n in range(5)]))
        await run.until(lambda: len(fragile.performed) == 2, "both slots are held")
    async with asyncio.timeout(5):
        await fragile.slots.acquire()
        await fragile.slots.acquire()


async def test_a_stream_of_results_keeps_neither_timers_nor_records_waiting(
    run: Run, fragile: FragileState, endings: ProcessEnds
) -> None:
    """Each effect that is done starts the next one: there are results to handle at every moment."""
    fragile.may_end.set()
    fragile.streams = True
    async with one_lane.lane_of(run, lambda: Fragile(fragile)) as lane, run.reading(run.output) as out:
        lane.enqueue(batch_of(run, [f"effect:e{n}" for n in range(50)]))
        await out.until(lambda records: sum(r.value.startswith(b"settled") for r in records) > 200)
        lane.enqueue(batch_of(run, ["timer:t", "say:late"], 50))
        await out.until(lambda records: {b"due|t", b"say|late"} <= {r.value for r in records}, 10)
        fragile.streams = False
