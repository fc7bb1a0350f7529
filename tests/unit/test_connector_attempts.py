"""Attempts of a connector: on record before they are made, repeated only if that may help, ended in time."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.reports import ReportSection
from schemas.vocabulary import Agency
from services.connectors.effects import Attempt, Compose, Effect
from services.simulated_agencies import Fault
from streams.domain.sealing import open_bytes
from tests.agency_servers import AgencyServer, serving
from tests.connector_fixture import Open
from tests.reports import DATA_KEY, Keys, encoded, report

TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_report_is_queued_sent_received_and_acknowledged_with_the_agencys_reference(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("received", 1), ("acknowledged", 1)]
    acknowledged = connector.deliveries()[-1]
    assert acknowledged.reference is not None
    assert acknowledged.reference.startswith("999-")
    assert agency.accepted() == [report().report_id]
    assert {output.key for output in connector.lane.outputs} == {b"person-1"}


async def test_a_report_that_came_before_its_key_is_queued_until_the_key_is_here(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url, Keys(late=True))
    connector.lane.feed(encoded(report()))
    assert connector.states() == [("queued", 0)]
    assert connector.lane.effects[0][0] == Compose(report())
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("received", 1), ("acknowledged", 1)]


async def test_an_attempt_is_on_record_before_the_agency_sees_it_with_the_request_under_seal(
    agency: AgencyServer, connector_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = connector_at(agency.url)
    seen: list[tuple[list[tuple[str, int]], int]] = []
    perform = connector.lane.agent.perform

    async def watched(effect: Effect) -> Any:
        seen.append((connector.states(), len(agency.log())))
        return await perform(effect)

    monkeypatch.setattr(connector.lane.agent, "perform", watched)
    connector.lane.feed(encoded(report()))
    assert isinstance(connector.lane.effects[0][0], Attempt)
    assert connector.states() == [("queued", 0)]
    await connector.finish()
    assert seen == [([("queued", 0), ("sent", 1)], 0)]
    (request,) = [each.request for each in connector.deliveries() if each.request is not None]
    assert isinstance(request, ReportSection)
    assert b"bandstand" not in request.section.ciphertext
    opened = open_bytes(request.section, key=DATA_KEY, disclosure_id=request.disclosure_id)
    assert json.loads(opened) == agency.log()[0]["body"]


async def test_what_may_be_retried_is_sent_again_later_with_the_same_content_and_the_next_number(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503, Fault.DROP, 429])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert [state for state in connector.states() if state[0] == "sent"] == [("sent", n) for n in (1, 2, 3, 4)]
    assert [each.reason for each in connector.deliveries() if each.state == "sent"] == [
        None,
        "status_503",
        "connection_lost",
        "status_429",
    ]
    assert connector.states()[-1] == ("acknowledged", 4)
    log = agency.log()
    assert [(line["attempt"], line["accepted"]) for line in log] == [(1, False), (2, False), (3, False), (4, True)]
    assert all(line["body"] == log[0]["body"] for line in log)
    # Waits of 0.5, 1 and 2 s, at a jitter of 0.5 three quarters of each.
    assert connector.clock.now - connector.deliveries()[0].changed_at == timedelta(seconds=0.75 * 3.5)


async def test_an_attempt_that_is_started_twice_is_made_once(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    connector.lane.effects.append(connector.lane.effects[0])
    await connector.finish()
    assert [line["attempt"] for line in agency.log()] == [1, 2]
    assert connector.states() == [("queued", 0), ("sent", 1), ("sent", 2), ("received", 2), ("acknowledged", 2)]


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPT, Fault.TIMEOUT_AFTER_ACCEPT])
async def test_an_answer_that_is_lost_leaves_one_accepted_report(
    agency: AgencyServer, connector_at: Open, fault: Fault
) -> None:
    agency.faults.add([fault])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert agency.accepted() == [report().report_id]
    assert [line["attempt"] for line in agency.log()] == [1, 2]
    assert connector.states()[-1] == ("acknowledged", 2)


@pytest.mark.parametrize(("status", "reason"), [(422, "status_422"), (409, "status_409"), (302, "unknown_status_302")])
async def test_what_cannot_be_helped_by_sending_again_goes_to_a_human_at_once(
    agency: AgencyServer, connector_at: Open, status: int, reason: str
) -> None:
    agency.faults.add([status])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert connector.states()[-1] == ("failed", 1)
    assert connector.deliveries()[-1].reason == reason
    assert len(agency.log()) == 1


async def test_an_answer_without_a_reference_is_asked_for_again(tmp_path: Path, connector_at: Open) -> None:
    async with serving(tmp_path / "other", Agency.EMERGENCY_999, 200, 201) as agency:
        connector = connector_at(agency.url)
        connector.lane.feed(encoded(report()))
        await connector.finish()
        assert [each.reason for each in connector.deliveries() if each.state == "sent"] == [
            None,
            "no_reference",
            "no_reference",
        ]
        assert connector.states()[-1] == ("acknowledged", 3)


async def test_the_trace_goes_on_to_the_agency_and_the_records(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()), traceparent=TRACEPARENT)
    await connector.finish()
    trace_ids = {dict(output.headers)["traceparent"].split(b"-")[1] for output in connector.lane.outputs}
    assert trace_ids == {TRACEPARENT.split(b"-")[1]}
