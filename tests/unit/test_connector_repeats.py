"""A report that comes to a connector again: told once, for as long as its topic may have it."""

from datetime import timedelta

from schemas.topics import OUTCOME_DAYS, SEGMENT_DAYS
from services.connectors.effects import Attempt
from services.connectors.report_store import FINISHED_FOR
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Open
from tests.lanes import START
from tests.reports import encoded, report


async def test_a_report_that_comes_twice_is_told_once_pending_or_settled(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()), encoded(report()))
    bench.lane.feed(encoded(report()))
    await bench.finish()
    bench.lane.feed(encoded(report()))
    assert not bench.lane.effects
    bench.crash()
    bench.lane.feed(encoded(report()))
    assert not bench.lane.effects
    assert len(bench.states()) == 4
    assert len(agency.log()) == 1


async def test_a_settled_report_leaves_a_small_mark_that_outlasts_its_record(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    made = encoded(report(reported_at=START))
    bench.lane.feed(made)
    await bench.step()
    mark = {b"done/" + report().report_id.encode(): b"1 acknowledged"}
    assert bench.lane.state == mark
    assert not bench.lane.timers
    # Read again on the last day that the topic has it, the report is told no more.
    bench.clock.now = START + timedelta(days=OUTCOME_DAYS + SEGMENT_DAYS)
    bench.lane.pass_time()
    bench.lane.feed(made)
    assert not bench.lane.effects
    assert bench.lane.state == mark
    bench.clock.now = START + FINISHED_FOR
    bench.lane.pass_time()
    assert bench.lane.state == {}


async def test_a_mark_that_has_ended_is_no_mark_though_it_is_not_swept_yet(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report(reported_at=START)))
    await bench.finish()
    bench.clock.now = START + FINISHED_FOR
    bench.lane.feed(encoded(report(reported_at=bench.clock.now)))
    assert [type(effect) for effect, _ in bench.lane.effects] == [Attempt]
    # It is told again under its old id: another content, which the agency does not take for the first.
    await bench.finish()
    assert (bench.states()[-1], bench.deliveries()[-1].reason) == (("failed", 1), "status_409")
    assert agency.accepted() == [report().report_id]
