"""Agents that raise: once, and a restart repairs it; always at one record, and that record is put aside whole."""

import random
from collections.abc import Callable

import pytest

from tests.committed import assert_exactly_once
from tests.counting import EXIT_BROKEN, Run
from tests.faults.supervised import Supervisor, feed, load
from tests.made_records import Made, words

pytestmark = pytest.mark.faults

#: Text that a person might write. It may be in a topic and nowhere else.
MARKER = "Ada-07700900123"


def rejected_of(run: Run) -> tuple[str, str]:
    return f"{run.urgent}.rejected", f"{run.routine}.rejected"


async def test_an_agent_that_raises_once_costs_a_restart_and_no_record(run: Run) -> None:
    records = load(12_000)
    records.insert(6_000, (False, (b"key-7", f"handle-once:{MARKER}".encode(), ())))
    supervisor = Supervisor(run, 2, named=True)
    async with run.reading(run.output) as out, run.reading(*rejected_of(run)) as rejected:
        await feed(run, records, rate=4_000)
        await out.at_least(len(records))
        assert_exactly_once(out.counted, [record for _, record in records])
        assert await rejected.to_end() == []
        assert supervisor.statuses == [EXIT_BROKEN]
    await supervisor.stop()


async def test_a_record_at_which_the_agent_always_raises_is_put_aside_and_all_others_count(
    run: Run, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    good = load(12_000)
    records = list(good)
    poison: list[tuple[bool, Made]] = []
    for number, place in enumerate(("handle", "decode", "handle")):
        key, at = b"key-%d" % chance.randrange(3_000), chance.randrange(3_000, 9_000)
        # One of the three is urgent; each must keep its key, value and trace.
        poison.append((number == 0, (key, f"{place}:{MARKER}-{number}".encode(), ())))
        records.insert(at, poison[-1])
    chosen(" ".join(f"{records.index(one)}:{one[1][0]!r}" for one in poison))
    supervisor = Supervisor(run, 2, named=True)
    async with run.reading(run.output) as out, run.reading(*rejected_of(run)) as rejected:
        await feed(run, records, rate=4_000)
        await out.at_least(len(good), 60)
        put_aside = await rejected.at_least(len(poison))
        assert_exactly_once(out.counted, [record for _, record in good])
        assert sorted((r.topic.startswith(run.urgent), (r.key, r.value, ())) for r in put_aside) == sorted(poison)
        for record in put_aside:
            headers = dict(record.headers)
            assert headers["rejected-error"] == b"KeyError"
            assert MARKER not in str({**headers, "rejected-offset": None})
        # At most one restart for each: the next process may meet the second poison record.
        assert set(supervisor.statuses) == {EXIT_BROKEN}
        assert len(supervisor.statuses) <= len(poison)

        # Urgent work continues in every lane, and no process ends again.
        ended = len(supervisor.statuses)
        more = words(2_000, keys=3_000, start=12_000)
        await run.write(run.urgent, more)
        await out.at_least(len(good) + len(more))
        assert_exactly_once(out.counted, [*(record for _, record in good), *more])
        assert len(supervisor.statuses) == ended
    await supervisor.stop()
    assert all(MARKER not in worker.log for worker in run.workers)
