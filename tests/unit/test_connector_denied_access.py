"""An agency that denies us access opens the breaker at once; 999 is tried on and a human has each report."""

import pytest

from schemas.vocabulary import Agency
from streams.domain.delivery import RETRY_POLICIES
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Open
from tests.reports import encoded, report
from tests.sendings import LIMIT_AT, TRYING_ON, again, steps


@pytest.mark.parametrize("status", [401, 403])
async def test_an_agency_that_denies_us_access_opens_the_breaker_and_no_report_is_given_up(
    agency: AgencyServer, connector_at: Open, status: int
) -> None:
    agency.faults.add([status] * 3)
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    is_open: list[bool] = []
    connector.during_attempt(lambda: is_open.append(connector.endpoint.is_open))
    await connector.finish()
    assert is_open == [True, True, True, False]
    assert steps(connector)[-1] == (1, "acknowledged", 4)
    assert "failed" not in {state for _, state, _ in steps(connector)}


async def test_999_is_tried_on_although_it_denies_us_access_in_the_turn_in_which_the_limit_passes(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([401])
    connector = connector_at(agency.url, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.clock.advance(LIMIT_AT - connector.clock.now))
    await connector.lane.settle_as_timers_are_due()
    assert steps(connector)[-1] == (1, "failed", 1)
    await connector.finish()
    assert agency.accepted() == [report().report_id]


async def test_if_999_denies_us_access_each_report_is_handed_over_at_once_and_tried_on(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([401, 401, 401])
    connector = connector_at(agency.url, policy=TRYING_ON)
    first, second = report(), report(report_id="5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11")
    connector.lane.feed(encoded(first))
    await connector.lane.settle()
    assert steps(connector)[-1] == (1, "failed", 1)
    assert connector.endpoint.is_open
    # The first attempt of another report goes out although the breaker is open, and fails at once too.
    connector.lane.feed(encoded(second))
    await connector.lane.settle()
    assert (connector.deliveries()[-1].report_id, connector.deliveries()[-1].reason) == (second.report_id, "status_401")
    assert connector.clock.now < LIMIT_AT
    await connector.finish()
    assert sorted(agency.accepted()) == sorted([first.report_id, second.report_id])


async def test_a_second_sending_while_999_denies_us_access_is_handed_over_at_once(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([401] * 4)
    connector = connector_at(agency.url, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    await connector.lane.settle()
    assert connector.endpoint.is_open
    at = connector.clock.now
    connector.lane.feed(again(at))
    await connector.lane.settle()
    assert (steps(connector)[-1], connector.deliveries()[-1].reason) == ((2, "failed", 2), "status_401")
    assert connector.clock.now == at


def test_only_the_policy_of_999_tries_on() -> None:
    assert [agency for agency, policy in RETRY_POLICIES.items() if policy.tries_on] == [Agency.EMERGENCY_999]
