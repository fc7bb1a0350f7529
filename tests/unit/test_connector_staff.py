"""What staff do about a report reaches its connector: sent again, or stopped; and an agency that denies us access."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from schemas.codec import encode
from schemas.records import ReportStopped
from schemas.vocabulary import Agency, StopReason
from streams.domain.delivery import RETRY_POLICIES
from tests.agency_servers import AgencyServer, serving
from tests.connector_bench import QUICK, Bench, Open
from tests.reports import encoded, report

LIMIT_AT = report().reported_at + QUICK.limit
TRYING_ON = replace(QUICK, tries_on=timedelta(hours=1))
SECOND = timedelta(seconds=1)


@pytest.fixture
async def nowhere(tmp_path: Path) -> str:
    """The address of an agency that is gone."""
    async with serving(tmp_path / "gone", Agency.EMERGENCY_999) as gone:
        return gone.url


def again(at: datetime, generation: int = 2) -> bytes:
    return encoded(report(generation=generation, again_at=at))


def stopped(generation: int = 1) -> bytes:
    one = report()
    stop = ReportStopped(
        report_id=one.report_id,
        generation=generation,
        agency=one.agency,
        person=one.person,
        why=StopReason.TOLD_BY_PHONE,
        stopped_at=one.reported_at,
    )
    return encode("ReportStopped", stop.model_dump())


def steps(bench: Bench) -> list[tuple[int, str, int]]:
    return [(each.generation, each.state.value, each.attempt) for each in bench.deliveries()]


async def test_what_was_given_up_is_sent_again_under_its_id_with_a_limit_of_its_own(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([422])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert steps(bench)[-1] == (1, "failed", 1)
    at = LIMIT_AT + SECOND
    bench.reach(at)
    bench.lane.feed(again(at))
    assert bench.lane.timers[b"limit/" + report().report_id.encode()] == at + QUICK.limit
    await bench.finish()
    assert steps(bench)[3:] == [(2, "queued", 0), (2, "sent", 1), (2, "received", 1), (2, "acknowledged", 1)]
    assert [line["report_id"] for line in agency.log()] == [report().report_id] * 2
    # The same request, so that the agency knows it again.
    assert len({str(line["body"]) for line in agency.log()}) == 1
    bench.lane.feed(encoded(report()), again(at), again(at))
    assert not bench.lane.effects


async def test_what_is_tried_on_is_sent_again_at_once_and_its_attempts_are_numbered_on(
    nowhere: str, bench_at: Open
) -> None:
    bench = bench_at(nowhere, policy=TRYING_ON)
    bench.lane.feed(encoded(report()))
    while steps(bench)[-1][1] != "failed":
        await bench.step()
    last = steps(bench)[-1][2]
    bench.lane.feed(again(bench.clock.now))
    assert steps(bench)[-1] == (2, "queued", last)
    while steps(bench)[-1][:2] != (2, "failed"):
        await bench.step()
    assert (
        bench.deliveries()[-1].changed_at
        == bench.lane.timers[b"limit/" + report().report_id.encode()] - TRYING_ON.tries_on
    )
    attempts = [attempt for generation, state, attempt in steps(bench) if (generation, state) == (2, "sent")]
    assert attempts == list(range(last + 1, last + 1 + len(attempts)))


async def test_an_older_sending_and_an_acknowledged_report_are_not_sent_again(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    bench.lane.feed(again(LIMIT_AT))
    assert not bench.lane.effects
    assert len(agency.log()) == 1


async def test_a_report_that_is_stopped_is_tried_no_more(nowhere: str, bench_at: Open) -> None:
    bench = bench_at(nowhere, policy=TRYING_ON)
    bench.lane.feed(encoded(report()))
    while steps(bench)[-1][1] != "failed":
        await bench.step()
    before = len(bench.deliveries())
    bench.lane.feed(stopped())
    assert not bench.lane.timers
    await bench.finish()
    assert len(bench.deliveries()) == before
    assert bench.lane.state == {b"done/" + report().report_id.encode(): b"1 failed"}


async def test_an_attempt_under_way_when_its_report_is_stopped_may_still_be_acknowledged(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    bench.during_attempt(lambda: bench.lane.feed(stopped()))
    await bench.finish()
    assert steps(bench)[-1] == (1, "acknowledged", 1)


@pytest.mark.parametrize("crashes", [False, True])
async def test_an_attempt_under_way_when_its_report_is_stopped_is_the_last(
    agency: AgencyServer, bench_at: Open, crashes: bool
) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    bench.during_attempt(lambda: bench.lane.feed(stopped()))
    await bench.lane.settle()
    if crashes:
        bench.crash()
    await bench.finish()
    assert len(agency.log()) == 1
    assert bench.lane.state == {b"done/" + report().report_id.encode(): b"1 failed"}


async def test_a_stop_of_an_older_sending_stops_nothing(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(again(report().reported_at), stopped(generation=1))
    await bench.finish()
    assert steps(bench)[-1] == (2, "acknowledged", 1)


@pytest.mark.parametrize("status", [401, 403])
async def test_where_the_agency_denies_us_access_nothing_is_given_up_and_the_breaker_opens(
    agency: AgencyServer, bench_at: Open, status: int
) -> None:
    agency.faults.add([status] * 3)
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    is_open: list[bool] = []
    bench.during_attempt(lambda: is_open.append(bench.endpoint.is_open))
    await bench.finish()
    assert is_open == [True, True, True, False]
    assert steps(bench)[-1] == (1, "acknowledged", 4)
    assert "failed" not in {state for _, state, _ in steps(bench)}


async def test_where_999_denies_us_access_a_human_has_each_report_at_once_and_it_is_tried_on(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([401, 401, 401])
    bench = bench_at(agency.url, policy=TRYING_ON)
    first, second = report(), report(report_id="5f0d2f0e-6b0f-4c8e-9d0a-2f6d1c1f7a11")
    bench.lane.feed(encoded(first))
    await bench.lane.settle()
    assert steps(bench)[-1] == (1, "failed", 1)
    assert bench.endpoint.is_open
    # Although the breaker is open, the first attempt of another goes out, and fails at once too.
    bench.lane.feed(encoded(second))
    await bench.lane.settle()
    assert (bench.deliveries()[-1].report_id, bench.deliveries()[-1].reason) == (second.report_id, "status_401")
    assert bench.clock.now < LIMIT_AT
    await bench.finish()
    assert sorted(agency.accepted()) == sorted([first.report_id, second.report_id])


def test_only_the_policy_of_999_tries_on() -> None:
    assert [agency for agency, policy in RETRY_POLICIES.items() if policy.tries_on] == [Agency.EMERGENCY_999]
