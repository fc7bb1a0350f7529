"""Poison records, timers, effects and entries among good ones, while workers are killed: each is put aside once."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from aiokafka import ConsumerRecord

from tests.committed import Committed
from tests.counting import EXIT_BROKEN, Run
from tests.faults.supervised import Supervisor
from tests.made_records import Made

pytestmark = pytest.mark.faults

GOOD = 1_500
KEPT = 20_000
KILLS = 3
#: Largest delay of a timer (ms): the time that the successor of a killed worker needs to open its lanes.
LATEST_MS = 20_000
#: The places at which the agent raises, with the kind of work there.
PLACES = {"handle": "say", "due": "timer", "perform": "effect", "settled": "effect", "resume": "effect"}


def work(chance: random.Random) -> tuple[list[Made], list[str]]:
    """Return the records to write, in order, and the poison work among them."""
    made = []
    for number in range(GOOD):
        name = f"good-{number}"
        kind = chance.choice(("say", "timer", "effect"))
        made.append(f"{kind}:{name}@{chance.randrange(10, 3_000)}" if kind == "timer" else f"{kind}:{name}")
    poison = [f"{kind}:bad-{place}-{number}" for place, kind in PLACES.items() for number in range(2)]
    made += poison
    chance.shuffle(made)
    # In every lane, entries that have ended come before the timers that are due.
    kept = [f"keep:kept-{number}" for number in range(KEPT)]
    values = [*kept, *made]
    return [(b"key-%d" % chance.randrange(3_000), value.encode(), ()) for value in values], poison


async def test_each_poison_is_put_aside_once_and_all_good_work_is_done_once_and_in_time(
    run: Run, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    made, poison = work(chance)
    supervisor = Supervisor(run, 2, named=True, changes=lambda: {"kind": "fragile"})
    rejected_topics = (f"{run.routine}.rejected", f"{run.changelog}.rejected")
    async with run.reading(run.output) as out, run.reading(*rejected_topics) as rejected:
        await run.write(run.routine, made)
        killing = asyncio.create_task(kill(supervisor, chance, chosen))
        values = [(value or b"").decode() for _, value, _ in made]
        ends = {end_of(value) for value in values if ":good" in value}
        await out.until(lambda records: ends <= {(r.value or b"").decode() for r in records}, 90)
        await killing
        # An effect that cannot be resumed is done if its process was not killed; then it is not put aside.
        surely = [name for name in poison if "resume" not in name]
        await rejected.until(lambda records: len(names_of(rejected)) >= len(surely), 60)
        done = Counter((r.value or b"").decode() for r in await out.to_end())
        assert {end: done[end] for end in ends if done[end] != 1} == {}
        aside = Counter(names_of_all(await rejected.to_end()))
        assert {name: aside[name] for name in surely if aside[name] != 1} == {}
        assert set(aside) <= set(poison)
        assert_in_time(out)
        # Each lane ends its process at most once, apart from the kills.
        assert supervisor.statuses.count(EXIT_BROKEN) <= run.partitions
        assert set(supervisor.statuses) <= {EXIT_BROKEN, -signal.SIGKILL}
    await supervisor.stop()


async def kill(supervisor: Supervisor, chance: random.Random, chosen: Callable[[object], None]) -> None:
    waits = [chance.uniform(1.0, 5.0) for _ in range(KILLS)]
    chosen(" ".join(f"{wait:.2f}" for wait in waits))
    for wait in waits:
        await asyncio.sleep(wait)
        supervisor.workers[chance.randrange(2)].send(signal.SIGKILL)


def end_of(value: str) -> str:
    kind, _, name = value.partition(":")
    return f"{ {'say': 'say', 'timer': 'due', 'effect': 'settled'}[kind] }|{name}"


def names_of(rejected: Committed) -> set[str]:
    return set(names_of_all(rejected.records))


def names_of_all(records: Sequence[ConsumerRecord]) -> Iterator[str]:
    """Yield the work that was put aside, as it was written: the value of a record, or of the entry of other work."""
    for record in records:
        value = (record.value or b"").decode()
        if value.startswith("whole "):
            name = value.removeprefix("whole ")
            yield f"{'timer' if 'due' in name else 'effect'}:{name}"
        else:
            yield value


def assert_in_time(out: Committed) -> None:
    at = {(r.value or b"").decode(): r.timestamp for r in out.records}
    for output, due in at.items():
        if output.startswith("due|good"):
            name = output.removeprefix("due|")
            late = due - at[f"timer|{name}"] - int(name.partition("@")[2])
            # The output `timer` was stamped when it was written: one transaction after the turn that set the timer.
            assert -1_000 < late < LATEST_MS, (name, late)
