"""A report that staff send again is one more sending under its id, with a limit of its own."""

from tests.agency_servers import AgencyServer
from tests.connector_fixture import QUICK, Open
from tests.reports import encoded, report
from tests.sendings import ID, LIMIT_AT, SECOND, TRYING_ON, again, steps, waiting_second_sending


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
    assert connector.lane.state == {b"done/" + ID: b"2 failed may_have_reached"}
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
