"""Limit of a report: counted from `reported_at`, enforced in time, and the attempts after it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from schemas.reports import DeliveryChanged
from schemas.vocabulary import Agency
from services.connectors.limits import FIRST_SIGHT
from services.simulated_agencies import Fault
from streams.domain.delivery import RETRY_POLICIES, RetryPolicy
from tests.agency_servers import AgencyServer
from tests.connector_fixture import QUICK, ConnectorFixture, Crash, Open
from tests.fakes.clocks import START
from tests.reports import Keys, encoded, report

pytestmark = pytest.mark.long

LIMIT_AT = report().reported_at + QUICK.limit
#: QUICK, with further attempts for half a minute after the limit.
TRYING_ON = replace(QUICK, tries_on=timedelta(seconds=30))
ENDS_AT = LIMIT_AT + timedelta(seconds=30)


def failed(connector: ConnectorFixture) -> list[DeliveryChanged]:
    return [each for each in connector.deliveries() if each.state == "failed"]


@pytest.mark.parametrize("policy", [RETRY_POLICIES[Agency.POLICE_101], QUICK], ids=["101", "999-without-trying-on"])
async def test_an_agency_that_is_down_is_tried_up_to_the_limit_and_a_human_is_called_at_it(
    nowhere: str, connector_at: Open, policy: RetryPolicy
) -> None:
    connector = connector_at(nowhere, policy=policy)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    last = connector.deliveries()[-1]
    assert failed(connector) == [last]
    assert last.reason == "limit_passed_after_no_connection"
    assert last.attempt >= 8
    assert last.changed_at == report().reported_at + policy.limit
    assert set(connector.lane.state) == {b"done/" + report().report_id.encode()}
    assert not connector.endpoint.is_open or connector.time.next_call() is None


async def test_the_limit_counts_from_when_it_was_reported_and_not_from_when_it_came(
    nowhere: str, connector_at: Open
) -> None:
    connector = connector_at(nowhere)
    connector.clock.now = LIMIT_AT - timedelta(seconds=3)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert failed(connector)[0].changed_at == LIMIT_AT


async def test_a_report_that_waits_for_its_slot_is_failed_at_its_limit_and_never_sent(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.clock.now = LIMIT_AT
    connector.lane.pass_time()
    assert connector.states() == [("queued", 0), ("failed", 0)]
    assert failed(connector)[0].reason == "limit_passed"
    await connector.finish()
    assert connector.states() == [("queued", 0), ("failed", 0)]
    assert agency.log() == []


async def test_a_report_whose_key_does_not_come_is_failed_at_its_limit_as_missing_its_key(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url, Keys(late=True))
    connector.lane.feed(encoded(report()))
    connector.clock.now = LIMIT_AT
    connector.lane.pass_time()
    assert [(each.state, each.reason) for each in connector.deliveries()] == [
        ("queued", None),
        ("failed", "key_missing"),
    ]
    # A key that arrives later changes nothing.
    await connector.finish()
    assert len(connector.deliveries()) == 2
    assert agency.log() == []


async def test_an_attempt_under_way_at_the_limit_may_still_be_acknowledged(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.reach(LIMIT_AT))
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1), ("received", 1), ("acknowledged", 1)]
    assert failed(connector)[0].reason == "limit_passed"
    assert connector.deliveries()[-1].reference
    assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 acknowledged"}


async def test_an_attempt_under_way_at_the_limit_that_fails_is_the_last(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.reach(LIMIT_AT))
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 failed may_have_reached"}
    assert len(agency.log()) == 1


async def test_a_crash_during_the_attempt_that_was_under_way_at_the_limit_ends_it(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.during_attempt(lambda: connector.reach(LIMIT_AT))
    with pytest.raises(Crash):
        await connector.crash_after_attempt()
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert set(connector.lane.state) == {b"done/" + report().report_id.encode()}


async def test_999_is_tried_on_after_its_limit_and_a_late_acknowledgement_is_on_record(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503] * 10)
    connector = connector_at(agency.url, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert connector.states()[-2:] == [("received", 11), ("acknowledged", 11)]
    handed_over, *tried_on = failed(connector)
    assert (handed_over.changed_at, handed_over.reason) == (LIMIT_AT, "limit_passed_after_status_503")
    assert handed_over.request is None
    assert [each.attempt for each in tried_on] == list(range(handed_over.attempt + 1, 12))
    assert all(each.request is not None and each.reason == "status_503" for each in tried_on)
    assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 acknowledged"}


async def test_what_is_tried_on_in_vain_ends_with_the_time_for_it(nowhere: str, connector_at: Open) -> None:
    connector = connector_at(nowhere, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    handed_over, *tried_on = failed(connector)
    assert handed_over.changed_at == LIMIT_AT
    assert tried_on
    assert all(LIMIT_AT < each.changed_at < ENDS_AT for each in tried_on)
    assert ENDS_AT <= connector.clock.now <= ENDS_AT + QUICK.longest_wait
    assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 failed"}


async def test_a_permanent_refusal_ends_what_is_tried_on(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([503] * 10 + [422])
    connector = connector_at(agency.url, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert (failed(connector)[-1].reason, failed(connector)[-1].attempt) == ("status_422", 11)
    assert len(agency.log()) == 11
    assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 failed may_have_reached"}


@pytest.mark.parametrize("policy", [RETRY_POLICIES[Agency.POLICE_101], TRYING_ON], ids=["101", "999"])
@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1), timedelta(days=2)], ids=["just", "hour", "days"])
async def test_a_report_that_arrives_after_its_limit_is_tried_before_it_is_handed_over(
    agency: AgencyServer, connector_at: Open, policy: RetryPolicy, late: timedelta
) -> None:
    connector = connector_at(agency.url, policy=policy)
    connector.lane.feed(encoded(report(reported_at=START - policy.limit - late)))
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("received", 1), ("acknowledged", 1)]


async def test_a_report_that_arrives_after_its_limit_at_an_agency_that_is_down_fails_after_its_attempts(
    nowhere: str, connector_at: Open
) -> None:
    late = encoded(report(reported_at=START - QUICK.limit))
    for policy in (QUICK, TRYING_ON):
        connector = connector_at(nowhere, policy=policy)
        connector.lane.feed(late)
        await connector.finish()
        handed_over = failed(connector)[0]
        assert handed_over.changed_at == START + FIRST_SIGHT
        assert handed_over.reason == "limit_passed_after_no_connection"
        assert handed_over.attempt >= 1
        assert connector.lane.state == {b"done/" + report().report_id.encode(): b"1 failed"}
        # Behind the end of trying on, which counts from the limit itself, nothing is tried any more.
        assert max(each.changed_at for each in failed(connector)) == START + FIRST_SIGHT


async def test_a_report_that_arrives_after_its_limit_and_gets_no_slot_fails_without_an_attempt(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report(reported_at=START - QUICK.limit)))
    connector.reach(START + FIRST_SIGHT)
    assert connector.states() == [("queued", 0), ("failed", 0)]
    await connector.finish()
    assert agency.log() == []


@pytest.mark.parametrize("waits", ["for its slot", "for its next attempt"])
async def test_a_report_whose_connector_was_away_over_its_limit_is_tried_before_it_is_handed_over(
    agency: AgencyServer, connector_at: Open, waits: str
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    if waits == "for its next attempt":
        agency.faults.add([503])
        await connector.step()
    tried = len(agency.log())
    connector.clock.now = LIMIT_AT + timedelta(hours=3)
    connector.crash()
    await connector.finish()
    assert failed(connector) == []
    assert connector.states()[-1] == ("acknowledged", tried + 1)
    assert connector.deliveries()[-1].changed_at == LIMIT_AT + timedelta(hours=3)


async def test_the_limit_of_a_report_that_waits_outlives_a_crash_as_does_the_end_of_trying_on(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([Fault.DROP] * 100)
    connector = connector_at(agency.url, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    while connector.is_owed():
        if not connector.lane.effects:
            connector.crash()
        await connector.step()
    handed_over, *tried_on = failed(connector)
    assert handed_over.changed_at == LIMIT_AT
    assert tried_on
    assert set(connector.lane.state) == {b"done/" + report().report_id.encode()}


@pytest.mark.parametrize("policy", [QUICK, TRYING_ON], ids=["given-up", "tried-on"])
@pytest.mark.parametrize("hours", [-1, 1], ids=["back", "ahead"])
@pytest.mark.parametrize("steps", [1, 6])
async def test_a_clock_that_is_set_while_the_process_is_down_lengthens_no_wait(
    agency: AgencyServer, connector_at: Open, policy: RetryPolicy, hours: int, steps: int
) -> None:
    agency.faults.add([503] * 200)
    connector = connector_at(agency.url, policy=policy)
    connector.lane.feed(encoded(report()))
    for _ in range(steps):
        await connector.step()
    connector.clock.advance(timedelta(hours=hours))
    connector.crash()
    opened = connector.clock.now
    retry = connector.lane.timers.get(report().report_id.encode())
    assert retry is None or retry <= opened + policy.wait(8, 1.0)
    await connector.finish()
    assert len(failed(connector)) == 1 or policy.tries_on
    assert failed(connector)[0].changed_at <= opened + policy.limit
    assert connector.deliveries()[-1].changed_at <= opened + policy.limit + policy.tries_on
    assert set(connector.lane.state) == {b"done/" + report().report_id.encode()}


@pytest.mark.parametrize("behind", [timedelta(minutes=4), timedelta(days=2), START - datetime(1970, 1, 1, tzinfo=UTC)])
@pytest.mark.parametrize("policy", [QUICK, TRYING_ON], ids=["given-up", "tried-on"])
async def test_a_report_of_a_process_whose_clock_is_behind_has_its_whole_limit(
    nowhere: str, connector_at: Open, policy: RetryPolicy, behind: timedelta
) -> None:
    connector = connector_at(nowhere, policy=policy)
    connector.lane.feed(encoded(report(reported_at=START - behind)), stamp=START)
    await connector.finish()
    assert failed(connector)[0].changed_at == START + policy.limit
    assert connector.deliveries()[-1].attempt > 1
    assert connector.clock.now >= START + policy.tries_on


@pytest.mark.parametrize("policy", [QUICK, TRYING_ON], ids=["given-up", "tried-on"])
async def test_a_report_of_a_process_whose_clock_is_ahead_has_its_limit_from_when_it_came(
    nowhere: str, connector_at: Open, policy: RetryPolicy
) -> None:
    connector = connector_at(nowhere, policy=policy)
    connector.lane.feed(encoded(report(reported_at=START + timedelta(hours=1))))
    await connector.finish()
    assert failed(connector)[0].changed_at == START + policy.limit
    assert connector.clock.now <= START + policy.limit + policy.tries_on
