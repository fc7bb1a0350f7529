"""A report that staff stop is tried no more, whether it waits, is under way or has not been read yet."""

import pytest
from structlog.testing import capture_logs

from services.connectors.effects import Effect, Result
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Crash, Open
from tests.reports import encoded, report
from tests.sendings import ID, LIMIT_AT, SECOND, TRYING_ON, again, steps, stopped, waiting_second_sending


@pytest.mark.parametrize("late", [False, True], ids=["within its limit", "after its limit"])
async def test_a_report_that_staff_stopped_before_it_is_read_is_neither_tried_nor_handed_over(
    agency: AgencyServer, connector_at: Open, late: bool
) -> None:
    connector = connector_at(agency.url)
    connector.reach(LIMIT_AT + SECOND if late else report().reported_at)
    with capture_logs() as logs:
        connector.lane.feed(encoded(report()), stopped())
        await connector.finish()
    assert logs == []
    assert steps(connector) == [(1, "queued", 0)]
    assert [*connector.lane.effects, *connector.lane.timers, *agency.log()] == []
    # The next sending is not stopped by it.
    at = LIMIT_AT + 2 * SECOND
    connector.reach(at)
    connector.lane.feed(stopped(), again(at))
    await connector.finish()
    assert steps(connector)[-1] == (2, "acknowledged", 1)


async def test_a_report_that_is_stopped_is_tried_no_more(nowhere: str, connector_at: Open) -> None:
    connector = connector_at(nowhere, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    while steps(connector)[-1][1] != "failed":
        await connector.step()
    before = len(connector.deliveries())
    connector.lane.feed(stopped())
    assert not connector.lane.timers
    await connector.finish()
    assert len(connector.deliveries()) == before
    assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 failed"}


async def test_an_attempt_under_way_when_its_report_is_stopped_may_still_be_acknowledged(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.lane.feed(stopped()))
    await connector.finish()
    assert steps(connector)[-1] == (1, "acknowledged", 1)


@pytest.mark.parametrize("crashes", [False, True])
async def test_an_attempt_under_way_when_its_report_is_stopped_is_the_last(
    agency: AgencyServer, connector_at: Open, crashes: bool
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.lane.feed(stopped()))
    if crashes:
        perform = connector.lane.agent.perform

        async def performed_and_cut_off(effect: Effect) -> Result:
            await perform(effect)
            raise Crash

        connector.lane.agent.perform = performed_and_cut_off  # type: ignore[method-assign]
        with pytest.raises(Crash):
            await connector.lane.settle()
        assert connector.lane.state[b"progress/" + ID]
        connector.crash()
        # The next process has no work left.
        assert not connector.is_owed()
    await connector.finish()
    assert len(agency.log()) == 1
    assert connector.lane.state == {b"done/" + ID: b"1 failed may_have_reached"}


async def test_an_attempt_that_waits_while_its_report_is_stopped_is_left_out(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    waiting = connector.lane.effects[0]
    # As if an attempt of this number was under way when the report was stopped, and another one was started.
    key = b"progress/" + ID
    connector.lane.state[key] = connector.lane.state[key].replace(b'"is_stopped":false', b'"is_stopped":true')
    await connector.lane.settle()
    assert (steps(connector), agency.log()) == ([(1, "queued", 0)], [])
    assert waiting not in connector.lane.effects


async def test_a_stop_ends_the_limit_of_the_attempt_that_is_under_way(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.lane.feed(stopped()))
    connector.during_attempt(lambda: connector.reach(LIMIT_AT))
    await connector.finish()
    assert steps(connector) == [(1, "queued", 0), (1, "sent", 1)]


async def test_a_second_sending_that_waits_for_its_slot_ends_when_it_is_stopped(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url, policy=TRYING_ON)
    written = await waiting_second_sending(connector, until=LIMIT_AT)
    connector.lane.feed(stopped(2))
    assert connector.lane.state == {b"done/" + ID: b"2 failed may_have_reached"}
    await connector.finish()
    assert (len(steps(connector)), len(agency.log())) == (written, 1)


async def test_a_second_sending_that_waits_for_an_open_breaker_ends_when_it_is_stopped(
    nowhere: str, connector_at: Open
) -> None:
    connector = connector_at(nowhere, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    while connector.clock.now < LIMIT_AT + SECOND:
        await connector.step()
    assert connector.endpoint.is_open
    connector.lane.feed(again(connector.clock.now))
    written = len(steps(connector))
    connector.lane.feed(stopped(2))
    await connector.finish()
    assert len(steps(connector)) == written
    assert connector.lane.state == {b"done/" + ID: b"2 failed"}


async def test_a_stop_of_an_older_sending_stops_nothing(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(again(report().reported_at), stopped(generation=1))
    await connector.finish()
    assert steps(connector)[-1] == (2, "acknowledged", 1)
