"""A connector that crashes: each report still reaches the agency once, and each wait ends at its set time."""

from datetime import timedelta

import pytest

from services.agencies import Fault
from tests.agency_servers import AgencyServer
from tests.connector_fixture import QUICK, Crash, Open
from tests.lanes import START
from tests.reports import Keys, encoded, report


@pytest.mark.parametrize("late", [False, True])
async def test_after_a_crash_at_any_step_the_report_is_accepted_once_and_its_end_is_written_once(
    agency: AgencyServer, fixture_at: Open, late: bool
) -> None:
    agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
    clean = fixture_at(agency.url, Keys(late=late))
    clean.lane.feed(encoded(report()))
    steps = 0
    while clean.is_owed():
        await clean.step()
        steps += 1
    assert steps == 5 + late  # compose if the key is late, attempt, timer, attempt, timer, attempt
    for crash_before in range(steps):
        made = report(disclosure_id=f"disclosure-{crash_before + 2}")
        agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
        fixture = fixture_at(agency.url, Keys(late=late))
        fixture.lane.feed(encoded(made))
        for _ in range(crash_before):
            await fixture.step()
        fixture.crash()
        await fixture.finish()
        states = [state for state, _ in fixture.states()]
        assert states.count("acknowledged") == states.count("queued") == 1
        assert agency.accepted().count(made.report_id) == 1


async def test_an_attempt_that_a_crash_cut_off_is_made_again_as_the_next_one(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(report()))
    # The agency has the report; the process ends before it can record the answer.
    with pytest.raises(Crash):
        await fixture.crash_after_attempt()
    assert fixture.states()[-1] == ("sent", 1)
    await fixture.finish()
    assert [(each.attempt, each.reason) for each in fixture.deliveries() if each.state == "sent"] == [
        (1, None),
        (2, "outcome_unknown"),
    ]
    assert [(line["attempt"], line["accepted"]) for line in agency.log()] == [(1, True), (2, False)]
    assert fixture.states()[-1] == ("acknowledged", 2)


async def test_a_wait_goes_on_after_a_crash_until_the_time_that_was_set(agency: AgencyServer, fixture_at: Open) -> None:
    agency.faults.add([503])
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(report()))
    await fixture.step()
    timers = fixture.lane.timers
    assert timers == {
        report().report_id.encode(): START + QUICK.wait(1, 0.5),
        b"limit/" + report().report_id.encode(): report().reported_at + QUICK.limit,
    }
    fixture.crash()
    assert not fixture.lane.effects
    assert fixture.lane.timers == timers
    fixture.clock.advance(QUICK.wait(1, 0.5) - timedelta(microseconds=1))
    fixture.lane.pass_time()
    assert not fixture.lane.effects
    fixture.clock.advance(timedelta(microseconds=1))
    fixture.lane.pass_time()
    assert [effect.number for effect, _ in fixture.lane.effects] == [2]
    assert list(fixture.lane.timers) == [b"limit/" + report().report_id.encode()]
    # The attempt waits for its slot and is still due after a crash.
    fixture.crash()
    assert fixture.lane.timers == timers
    fixture.lane.pass_time()
    await fixture.finish()
    assert fixture.states()[-1] == ("acknowledged", 2)


async def test_a_wait_that_came_due_in_the_meantime_ends_once(agency: AgencyServer, fixture_at: Open) -> None:
    agency.faults.add([503])
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(report()))
    await fixture.step()
    fixture.clock.advance(timedelta(seconds=30))
    fixture.crash()
    fixture.crash()
    fixture.lane.pass_time()
    fixture.lane.pass_time()
    await fixture.finish()
    assert [state for state in fixture.states() if state[0] == "sent"] == [("sent", 1), ("sent", 2)]
    assert len(agency.log()) == 2


async def test_a_timer_of_a_report_that_a_version_without_timers_went_on_with_brings_nothing(
    agency: AgencyServer, fixture_at: Open
) -> None:
    agency.faults.add([503])
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(report()))
    await fixture.step()
    (kept,) = [entry for entry in fixture.lane.changelog if entry.key == b"t" + report().report_id.encode()]
    await fixture.finish()
    fixture.lane.changelog.append(kept)
    fixture.crash()
    assert fixture.lane.timers
    fixture.lane.pass_time()
    assert not fixture.is_owed()
    assert fixture.states()[-1] == ("acknowledged", 2)
