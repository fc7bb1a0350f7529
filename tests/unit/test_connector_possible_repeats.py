"""An attempt that may be a repeat is marked, for agencies that do not recognise an idempotency key."""

from datetime import UTC, datetime

import pytest

from services.simulated_agencies import Fault
from streams.runtime import PutAside
from tests.agency_servers import AgencyServer
from tests.connector_fixture import ConnectorFixture, Crash, Open
from tests.reports import encoded, report
from tests.sendings import ID, LIMIT_AT, SECOND, again, steps


def marks(agency: AgencyServer) -> list[bool]:
    """Return for each attempt that the agency saw whether it was marked."""
    return [line["possible_repeat"] for line in agency.log()]


async def test_an_attempt_after_one_with_an_unknown_outcome_is_marked(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([Fault.DROP_AFTER_ACCEPT, 503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert marks(agency) == [False, True, True]
    assert len({str(line["body"]) for line in agency.log()}) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_an_attempt_after_one_that_was_refused_is_not_marked(
    agency: AgencyServer, connector_at: Open, status: int
) -> None:
    agency.faults.add([status])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert marks(agency) == [False, False]


async def test_an_attempt_that_a_crash_cut_off_makes_the_next_a_possible_repeat(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    with pytest.raises(Crash):
        await connector.crash_after_attempt()
    await connector.finish()
    assert marks(agency) == [False, True]


@pytest.mark.parametrize(("fault", "marked"), [(Fault.DROP_AFTER_ACCEPT, True), (422, False)])
async def test_a_report_that_is_sent_again_is_marked_if_an_earlier_sending_may_have_arrived(
    agency: AgencyServer, connector_at: Open, fault: int | Fault, marked: bool
) -> None:
    agency.faults.add([fault, 422])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    at = LIMIT_AT + SECOND
    connector.reach(at)
    agency.faults.clear()
    connector.lane.feed(again(at))
    await connector.finish()
    assert marks(agency)[-1] is marked


async def test_a_report_of_a_process_whose_clock_was_behind_is_marked_when_it_is_sent_again(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([Fault.DROP_AFTER_ACCEPT, 422])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report(reported_at=datetime(1970, 1, 1, tzinfo=UTC))), stamp=report().reported_at)
    await connector.finish()
    at = LIMIT_AT + SECOND
    connector.reach(at)
    connector.lane.feed(again(at))
    await connector.finish()
    assert marks(agency)[-1] is True


def put_aside(connector: ConnectorFixture) -> None:
    """Let the runtime put aside the timer of the report's next attempt: a human has the report."""
    connector.lane.put_aside(PutAside(ID, None, b"report/" + ID, connector.lane.state[b"report/" + ID], "KeyError"))


async def sent_again(connector: ConnectorFixture, generation: int) -> None:
    at = LIMIT_AT + generation * SECOND
    connector.reach(at)
    connector.lane.feed(again(at, generation))
    await connector.finish()


@pytest.mark.parametrize(("fault", "marked"), [(Fault.DROP_AFTER_ACCEPT, True), (401, False)])
async def test_a_report_sent_again_after_put_aside_work_is_marked_if_an_attempt_may_have_arrived(
    agency: AgencyServer, connector_at: Open, fault: int | Fault, marked: bool
) -> None:
    agency.faults.add([fault, 422])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    put_aside(connector)
    await sent_again(connector, 2)
    await sent_again(connector, 3)
    assert [each for each in steps(connector) if each[1] == "failed"][-1] == (2, "failed", 1)
    assert marks(agency) == [False, marked, marked]


async def test_a_report_put_aside_during_an_attempt_is_marked_when_it_is_sent_again(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: put_aside(connector) if ID not in connector.lane.timers else None)
    await connector.step()
    connector.crash()
    await sent_again(connector, 2)
    assert marks(agency) == [False, True]


async def test_what_is_put_aside_and_cannot_be_read_may_have_reached_its_agency(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([401])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    connector.lane.state[b"progress/" + ID] = b"\xff damaged"
    put_aside(connector)
    await sent_again(connector, 2)
    assert marks(agency) == [False, True]


@pytest.mark.parametrize("is_readable", [True, False], ids=["the report can be read", "nothing can be read"])
async def test_a_later_sending_that_cannot_be_read_is_handed_over_as_that_sending(
    agency: AgencyServer, connector_at: Open, is_readable: bool
) -> None:
    agency.faults.add([422, 503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    at = LIMIT_AT + SECOND
    connector.reach(at)
    connector.lane.feed(again(at))
    await connector.step()
    damaged = [b"progress/", *([] if is_readable else [b"report/"])]
    for name in damaged:
        connector.lane.state[name + ID] = b"\xff damaged"
    put_aside(connector)
    assert steps(connector)[-1] == (2, "failed", 0)
    assert connector.lane.state == {b"done/" + ID: b"2 failed may_have_reached"}
