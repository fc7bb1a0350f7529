"""A connector that crashes: each report still reaches the agency once, and each wait ends at its set time."""

from datetime import timedelta

import pytest

from services.simulated_agencies import Fault
from tests.agency_servers import AgencyServer
from tests.connector_fixture import QUICK, Crash, Open
from tests.fakes.clocks import START
from tests.reports import Keys, encoded, report


@pytest.mark.parametrize("late", [False, True])
async def test_after_a_crash_at_any_step_the_report_is_accepted_once_and_its_end_is_written_once(
    agency: AgencyServer, connector_at: Open, late: bool
) -> None:
    agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
    clean = connector_at(agency.url, Keys(late=late))
    clean.lane.feed(encoded(report()))
    steps = 0
    while clean.is_owed():
        await clean.step()
        steps += 1
    assert steps == 5 + late  # compose if the key is late, attempt, timer, attempt, timer, attempt
    for crash_before in range(steps):
        made = report(disclosure_id=f"disclosure-{crash_before + 2}")
        agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
        connector = connector_at(agency.url, Keys(late=late))
        connector.lane.feed(encoded(made))
        for _ in range(crash_before):
            await connector.step()
        connector.crash()
        await connector.finish()
        states = [state for state, _ in connector.states()]
        assert states.count("acknowledged") == states.count("queued") == 1
        assert agency.accepted().count(made.report_id) == 1


async def test_an_attempt_that_a_crash_cut_off_is_made_again_as_the_next_one(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    # The agency has the report; the process ends before it can record the answer.
    with pytest.raises(Crash):
        await connector.crash_after_attempt()
    assert connector.states()[-1] == ("sent", 1)
    await connector.finish()
    assert [(each.attempt, each.reason) for each in connector.deliveries() if each.state == "sent"] == [
        (1, None),
        (2, "outcome_unknown"),
    ]
    assert [(line["attempt"], line["accepted"]) for line in agency.log()] == [(1, True), (2, False)]
    assert connector.states()[-1] == ("acknowledged", 2)


async def test_a_wait_goes_on_after_a_crash_until_the_time_that_was_set(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    timers = connector.lane.timers
    assert timers == {
        report().report_id.encode(): START + QUICK.wait(1, 0.5),
        b"limit/" + report().report_id.encode(): report().reported_at + QUICK.limit,
    }
    connector.crash()
    assert not connector.lane.effects
    assert connector.lane.timers == timers
    connector.clock.advance(QUICK.wait(1, 0.5) - timedelta(microseconds=1))
    connector.lane.pass_time()
    assert not connector.lane.effects
    connector.clock.advance(timedelta(microseconds=1))
    connector.lane.pass_time()
    assert [effect.number for effect, _ in connector.lane.effects] == [2]
    assert list(connector.lane.timers) == [b"limit/" + report().report_id.encode()]
    # The attempt waits for its slot and is still due after a crash.
    connector.crash()
    assert connector.lane.timers == timers
    connector.lane.pass_time()
    await connector.finish()
    assert connector.states()[-1] == ("acknowledged", 2)


async def test_a_wait_that_came_due_in_the_meantime_ends_once(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    connector.clock.advance(timedelta(seconds=30))
    connector.crash()
    connector.crash()
    connector.lane.pass_time()
    connector.lane.pass_time()
    await connector.finish()
    assert [state for state in connector.states() if state[0] == "sent"] == [("sent", 1), ("sent", 2)]
    assert len(agency.log()) == 2


async def test_an_old_retry_timer_makes_no_second_attempt(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    (kept,) = [entry for entry in connector.lane.changelog if entry.key == b"t" + report().report_id.encode()]
    await connector.finish()
    connector.lane.changelog.append(kept)
    connector.crash()
    assert connector.lane.timers
    connector.lane.pass_time()
    assert not connector.is_owed()
    assert connector.states()[-1] == ("acknowledged", 2)
