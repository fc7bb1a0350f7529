"""A report that a connector reads again: sent to the agency once, as long as its topic may have the record."""

from datetime import timedelta

from schemas.topics import OUTCOME_DAYS, SEGMENT_DAYS
from services.connectors.effects import Attempt
from services.connectors.report_store import FINISHED_FOR
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Open
from tests.fakes.clocks import START
from tests.reports import encoded, report


async def test_a_report_that_arrives_twice_is_sent_once_pending_or_finished(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()), encoded(report()))
    connector.lane.feed(encoded(report()))
    await connector.finish()
    connector.lane.feed(encoded(report()))
    assert not connector.lane.effects
    connector.crash()
    connector.lane.feed(encoded(report()))
    assert not connector.lane.effects
    assert len(connector.states()) == 4
    assert len(agency.log()) == 1


async def test_a_finished_report_leaves_a_small_mark_that_outlasts_its_record(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    made = encoded(report(reported_at=START))
    connector.lane.feed(made)
    await connector.step()
    mark = {b"done/" + report().report_id.encode(): b"1 acknowledged"}
    assert connector.lane.state == mark
    assert not connector.lane.timers
    # Read again on the last day on which the topic has it, the report is not sent again.
    connector.clock.now = START + timedelta(days=OUTCOME_DAYS + SEGMENT_DAYS)
    connector.lane.pass_time()
    connector.lane.feed(made)
    assert not connector.lane.effects
    assert connector.lane.state == mark
    connector.clock.now = START + FINISHED_FOR
    connector.lane.pass_time()
    assert connector.lane.state == {}


async def test_a_mark_that_has_ended_is_no_mark_though_it_is_not_swept_yet(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report(reported_at=START)))
    await connector.finish()
    connector.clock.now = START + FINISHED_FOR
    connector.lane.feed(encoded(report(reported_at=connector.clock.now)))
    assert [type(effect) for effect, _ in connector.lane.effects] == [Attempt]
    # It is sent again under its old id with other content, which the agency does not take for the first.
    await connector.finish()
    assert (connector.states()[-1], connector.deliveries()[-1].reason) == (("failed", 1), "status_409")
    assert agency.accepted() == [report().report_id]
