"""Staff send a report again or stop it; and an agency denies us access."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.codec import encode
from schemas.reports import ReportStopped
from schemas.vocabulary import Agency, StopReason
from services.connectors.effects import Effect, Result
from streams.domain.delivery import RETRY_POLICIES
from tests.agency_servers import AgencyServer, serving
from tests.connector_fixture import QUICK, ConnectorFixture, Crash, Open
from tests.reports import encoded, report

LIMIT_AT = report().reported_at + QUICK.limit
TRYING_ON = replace(QUICK, tries_on=timedelta(hours=1))
SECOND = timedelta(seconds=1)
ID = report().report_id.encode()


@pytest.fixture
async def nowhere(tmp_path: Path) -> str:
    """Address at which no agency listens."""
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


def steps(connector: ConnectorFixture) -> list[tuple[int, str, int]]:
    return [(each.generation, each.state.value, each.attempt) for each in connector.deliveries()]


async def test_what_was_given_up_is_sent_again_under_its_id_with_a_limit_of_its_own(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([422])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert steps(connector)[-1] == (1, "failed", 1)
    at = LIMIT_AT + SECOND
    connector.reach(at)
    connector.lane.feed(again(at))
    assert connector.lane.timers[b"limit/" + report().report_id.encode()] == at + QUICK.limit
    await connector.finish()
    assert steps(connector)[3:] == [(2, "queued", 0), (2, "sent", 1), (2, "received", 1), (2, "acknowledged", 1)]
    assert [line["report_id"] for line in agency.log()] == [report().report_id] * 2
    # The same request, so that the agency recognises it.
    assert len({str(line["body"]) for line in agency.log()}) == 1
    connector.lane.feed(encoded(report()), again(at), again(at))
    assert not connector.lane.effects


async def test_what_is_tried_on_is_sent_again_at_once_and_its_attempts_are_numbered_on(
    nowhere: str, connector_at: Open
) -> None:
    connector = connector_at(nowhere, policy=TRYING_ON)
    connector.lane.feed(encoded(report()))
    while steps(connector)[-1][1] != "failed":
        await connector.step()
    last = steps(connector)[-1][2]
    connector.lane.feed(again(connector.clock.now))
    assert steps(connector)[-1] == (2, "queued", last)
    while steps(connector)[-1][:2] != (2, "failed"):
        await connector.step()
    assert (
        connector.deliveries()[-1].changed_at
        == connector.lane.timers[b"limit/" + report().report_id.encode()] - TRYING_ON.tries_on
    )
    attempts = [attempt for generation, state, attempt in steps(connector) if (generation, state) == (2, "sent")]
    assert attempts == list(range(last + 1, last + 1 + len(attempts)))


async def test_an_older_sending_and_an_acknowledged_report_are_not_sent_again(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    connector.lane.feed(again(LIMIT_AT))
    assert not connector.lane.effects
    assert len(agency.log()) == 1


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
    assert connector.lane.state == {b"done/" + ID: b"1 failed unsure"}


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


async def waiting_second_sending(connector: ConnectorFixture, *, until: datetime) -> int:
    """Let a report fail once and be sent again, so that it waits for its slot; return how often it was sent before."""
    connector.lane.feed(encoded(report()))
    await connector.lane.settle_all()
    connector.clock.now = until
    connector.lane.feed(again(until))
    assert steps(connector)[-1] == (2, "queued", 1)
    return len(steps(connector))


async def test_a_second_sending_that_waits_for_its_slot_ends_when_it_is_stopped(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url, policy=TRYING_ON)
    written = await waiting_second_sending(connector, until=LIMIT_AT)
    connector.lane.feed(stopped(2))
    assert connector.lane.state == {b"done/" + ID: b"2 failed unsure"}
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


async def test_a_second_sending_that_gets_no_slot_within_its_limit_is_handed_over_and_attempted_no_more(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    at = report().reported_at + 30 * SECOND
    await waiting_second_sending(connector, until=at)
    connector.reach(at + QUICK.limit)
    assert steps(connector)[-1] == (2, "failed", 1)
    # No work of it waits for the breaker to close.
    assert connector.lane.state == {b"done/" + ID: b"2 failed unsure"}
    await connector.finish()
    assert len(agency.log()) == 1


async def test_a_second_sending_that_waits_outlives_a_crash_and_is_one_attempt(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    await waiting_second_sending(connector, until=report().reported_at + 30 * SECOND)
    connector.crash()
    await connector.finish()
    assert steps(connector)[-3:] == [(2, "sent", 2), (2, "received", 2), (2, "acknowledged", 2)]
    assert len(agency.log()) == 2


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


async def test_a_stop_of_an_older_sending_stops_nothing(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(again(report().reported_at), stopped(generation=1))
    await connector.finish()
    assert steps(connector)[-1] == (2, "acknowledged", 1)


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


def test_only_the_policy_of_999_tries_on() -> None:
    assert [agency for agency, policy in RETRY_POLICIES.items() if policy.tries_on] == [Agency.EMERGENCY_999]
