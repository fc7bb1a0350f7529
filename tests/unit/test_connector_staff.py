"""What staff do about a report reaches its connector: sent again, or stopped; and an agency that denies us access."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.codec import encode
from schemas.records import ReportStopped
from schemas.vocabulary import Agency, StopReason
from services.connectors.effects import Effect, Result
from streams.domain.delivery import RETRY_POLICIES
from tests.agency_servers import AgencyServer, serving
from tests.connector_fixture import QUICK, Bench, Crash, Open
from tests.reports import encoded, report

LIMIT_AT = report().reported_at + QUICK.limit
TRYING_ON = replace(QUICK, tries_on=timedelta(hours=1))
SECOND = timedelta(seconds=1)
ID = report().report_id.encode()


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


@pytest.mark.parametrize("late", [False, True], ids=["within its limit", "behind its limit"])
async def test_a_report_that_staff_stopped_before_it_is_read_is_neither_tried_nor_a_humans(
    agency: AgencyServer, bench_at: Open, late: bool
) -> None:
    bench = bench_at(agency.url)
    bench.reach(LIMIT_AT + SECOND if late else report().reported_at)
    with capture_logs() as logs:
        bench.lane.feed(encoded(report()), stopped())
        await bench.finish()
    assert logs == []
    assert steps(bench) == [(1, "queued", 0)]
    assert [*bench.lane.effects, *bench.lane.timers, *agency.log()] == []
    # The next sending is not stopped by it.
    at = LIMIT_AT + 2 * SECOND
    bench.reach(at)
    bench.lane.feed(stopped(), again(at))
    await bench.finish()
    assert steps(bench)[-1] == (2, "acknowledged", 1)


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
    if crashes:
        perform = bench.lane.agent.perform

        async def performed_and_cut_off(effect: Effect) -> Result:
            await perform(effect)
            raise Crash

        bench.lane.agent.perform = performed_and_cut_off  # type: ignore[method-assign]
        with pytest.raises(Crash):
            await bench.lane.settle()
        assert bench.lane.state[b"progress/" + ID]
        bench.crash()
        # Nothing is left to do for the successor.
        assert not bench.is_owed()
    await bench.finish()
    assert len(agency.log()) == 1
    assert bench.lane.state == {b"done/" + ID: b"1 failed unsure"}


async def test_an_attempt_that_waits_while_its_report_is_stopped_is_left_out(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    waiting = bench.lane.effects[0]
    # As where an attempt of this number was under way when its report was stopped, and another one was started.
    key = b"progress/" + ID
    bench.lane.state[key] = bench.lane.state[key].replace(b'"is_stopped":false', b'"is_stopped":true')
    await bench.lane.settle()
    assert (steps(bench), agency.log()) == ([(1, "queued", 0)], [])
    assert waiting not in bench.lane.effects


async def test_a_stop_ends_the_limit_of_the_attempt_that_is_under_way(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    bench.during_attempt(lambda: bench.lane.feed(stopped()))
    bench.during_attempt(lambda: bench.reach(LIMIT_AT))
    await bench.finish()
    assert steps(bench) == [(1, "queued", 0), (1, "sent", 1)]


async def waiting_second_sending(bench: Bench, *, until: datetime) -> int:
    """Have a report fail once and be sent again, which waits for its slot; return how often it was sent before."""
    bench.lane.feed(encoded(report()))
    await bench.lane.settle_all()
    bench.clock.now = until
    bench.lane.feed(again(until))
    assert steps(bench)[-1] == (2, "queued", 1)
    return len(steps(bench))


async def test_a_second_sending_that_waits_for_its_slot_ends_when_it_is_stopped(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url, policy=TRYING_ON)
    written = await waiting_second_sending(bench, until=LIMIT_AT)
    bench.lane.feed(stopped(2))
    assert bench.lane.state == {b"done/" + ID: b"2 failed unsure"}
    await bench.finish()
    assert (len(steps(bench)), len(agency.log())) == (written, 1)


async def test_a_second_sending_behind_an_open_breaker_ends_when_it_is_stopped(nowhere: str, bench_at: Open) -> None:
    bench = bench_at(nowhere, policy=TRYING_ON)
    bench.lane.feed(encoded(report()))
    while bench.clock.now < LIMIT_AT + SECOND:
        await bench.step()
    assert bench.endpoint.is_open
    bench.lane.feed(again(bench.clock.now))
    written = len(steps(bench))
    bench.lane.feed(stopped(2))
    await bench.finish()
    assert len(steps(bench)) == written
    assert bench.lane.state == {b"done/" + ID: b"2 failed"}


async def test_a_second_sending_that_gets_no_slot_within_its_limit_is_handed_over_and_attempted_no_more(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    at = report().reported_at + 30 * SECOND
    await waiting_second_sending(bench, until=at)
    bench.reach(at + QUICK.limit)
    assert steps(bench)[-1] == (2, "failed", 1)
    # Nothing of it waits for the breaker to close.
    assert bench.lane.state == {b"done/" + ID: b"2 failed unsure"}
    await bench.finish()
    assert len(agency.log()) == 1


async def test_a_second_sending_that_waits_outlives_a_crash_and_is_one_attempt(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    await waiting_second_sending(bench, until=report().reported_at + 30 * SECOND)
    bench.crash()
    await bench.finish()
    assert steps(bench)[-3:] == [(2, "sent", 2), (2, "received", 2), (2, "acknowledged", 2)]
    assert len(agency.log()) == 2


async def test_a_second_sending_while_999_denies_us_access_is_a_humans_at_once(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([401] * 4)
    bench = bench_at(agency.url, policy=TRYING_ON)
    bench.lane.feed(encoded(report()))
    await bench.lane.settle()
    assert bench.endpoint.is_open
    at = bench.clock.now
    bench.lane.feed(again(at))
    await bench.lane.settle()
    assert (steps(bench)[-1], bench.deliveries()[-1].reason) == ((2, "failed", 2), "status_401")
    assert bench.clock.now == at


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
