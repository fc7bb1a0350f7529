"""A connector that crashes: each report is told once all the same, and each wait ends at the time that was set."""

from datetime import timedelta

import pytest

from services.agencies import Fault
from tests.agency_servers import AgencyServer
from tests.connector_fixture import QUICK, Crash, Open
from tests.lanes import START
from tests.reports import Keys, encoded, report


@pytest.mark.parametrize("late", [False, True])
async def test_after_a_crash_at_any_step_the_report_is_told_once_and_its_end_is_written_once(
    agency: AgencyServer, bench_at: Open, late: bool
) -> None:
    agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
    clean = bench_at(agency.url, Keys(late=late))
    clean.lane.feed(encoded(report()))
    steps = 0
    while clean.is_owed():
        await clean.step()
        steps += 1
    assert steps == 5 + late  # compose where the key is late, attempt, timer, attempt, timer, attempt
    for crash_before in range(steps):
        made = report(disclosure_id=f"disclosure-{crash_before + 2}")
        agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
        bench = bench_at(agency.url, Keys(late=late))
        bench.lane.feed(encoded(made))
        for _ in range(crash_before):
            await bench.step()
        bench.crash()
        await bench.finish()
        states = [state for state, _ in bench.states()]
        assert states.count("acknowledged") == states.count("queued") == 1
        assert agency.accepted().count(made.report_id) == 1


async def test_an_attempt_that_a_crash_cut_off_is_made_again_as_the_next_one(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    # The agency has it; the process ends before it can write down the answer.
    with pytest.raises(Crash):
        await bench.crash_after_attempt()
    assert bench.states()[-1] == ("sent", 1)
    await bench.finish()
    assert [(each.attempt, each.reason) for each in bench.deliveries() if each.state == "sent"] == [
        (1, None),
        (2, "outcome_unknown"),
    ]
    assert [(line["attempt"], line["accepted"]) for line in agency.log()] == [(1, True), (2, False)]
    assert bench.states()[-1] == ("acknowledged", 2)


async def test_a_wait_goes_on_after_a_crash_until_the_time_that_was_set(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    timers = bench.lane.timers
    assert timers == {
        report().report_id.encode(): START + QUICK.wait(1, 0.5),
        b"limit/" + report().report_id.encode(): report().reported_at + QUICK.limit,
    }
    bench.crash()
    assert not bench.lane.effects
    assert bench.lane.timers == timers
    bench.clock.advance(QUICK.wait(1, 0.5) - timedelta(microseconds=1))
    bench.lane.pass_time()
    assert not bench.lane.effects
    bench.clock.advance(timedelta(microseconds=1))
    bench.lane.pass_time()
    assert [effect.number for effect, _ in bench.lane.effects] == [2]
    assert list(bench.lane.timers) == [b"limit/" + report().report_id.encode()]
    # It waits for its slot: a crash leaves it as due as it was.
    bench.crash()
    assert bench.lane.timers == timers
    bench.lane.pass_time()
    await bench.finish()
    assert bench.states()[-1] == ("acknowledged", 2)


async def test_a_wait_that_came_due_in_the_meantime_ends_once(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    bench.clock.advance(timedelta(seconds=30))
    bench.crash()
    bench.crash()
    bench.lane.pass_time()
    bench.lane.pass_time()
    await bench.finish()
    assert [state for state in bench.states() if state[0] == "sent"] == [("sent", 1), ("sent", 2)]
    assert len(agency.log()) == 2


async def test_a_timer_of_a_report_that_a_version_without_timers_went_on_with_brings_nothing(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    (kept,) = [entry for entry in bench.lane.changelog if entry.key == b"t" + report().report_id.encode()]
    await bench.finish()
    bench.lane.changelog.append(kept)
    bench.crash()
    assert bench.lane.timers
    bench.lane.pass_time()
    assert not bench.is_owed()
    assert bench.states()[-1] == ("acknowledged", 2)
