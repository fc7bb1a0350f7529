"""A report that a connector reads again: sent to the agency once, as long as its topic may have the record."""

from datetime import timedelta

from schemas.topics import OUTCOME_DAYS, SEGMENT_DAYS
from services.connectors.effects import Attempt
from services.connectors.report_store import FINISHED_FOR
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Open
from tests.lanes import START
from tests.reports import encoded, report


async def test_a_report_that_arrives_twice_is_sent_once_pending_or_finished(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(report()), encoded(report()))
    fixture.lane.feed(encoded(report()))
    await fixture.finish()
    fixture.lane.feed(encoded(report()))
    assert not fixture.lane.effects
    fixture.crash()
    fixture.lane.feed(encoded(report()))
    assert not fixture.lane.effects
    assert len(fixture.states()) == 4
    assert len(agency.log()) == 1


async def test_a_finished_report_leaves_a_small_mark_that_outlasts_its_record(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    made = encoded(report(reported_at=START))
    fixture.lane.feed(made)
    await fixture.step()
    mark = {b"done/" + report().report_id.encode(): b"1 acknowledged"}
    assert fixture.lane.state == mark
    assert not fixture.lane.timers
    # Read again on the last day on which the topic has it, the report is not sent again.
    fixture.clock.now = START + timedelta(days=OUTCOME_DAYS + SEGMENT_DAYS)
    fixture.lane.pass_time()
    fixture.lane.feed(made)
    assert not fixture.lane.effects
    assert fixture.lane.state == mark
    fixture.clock.now = START + FINISHED_FOR
    fixture.lane.pass_time()
    assert fixture.lane.state == {}


async def test_a_mark_that_has_ended_is_no_mark_though_it_is_not_swept_yet(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(report(reported_at=START)))
    await fixture.finish()
    fixture.clock.now = START + FINISHED_FOR
    fixture.lane.feed(encoded(report(reported_at=fixture.clock.now)))
    assert [type(effect) for effect, _ in fixture.lane.effects] == [Attempt]
    # It is sent again under its old id with other content, which the agency does not take for the first.
    await fixture.finish()
    assert (fixture.states()[-1], fixture.deliveries()[-1].reason) == (("failed", 1), "status_409")
    assert agency.accepted() == [report().report_id]
