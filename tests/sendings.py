"""Sendings of one report to a connector: the second, the stop of one, and the steps that the connector writes."""

from dataclasses import replace
from datetime import datetime, timedelta

from schemas.codec import encode
from schemas.reports import ReportStopped
from schemas.vocabulary import StopReason
from tests.connector_fixture import QUICK, ConnectorFixture
from tests.reports import encoded, report

LIMIT_AT = report().reported_at + QUICK.limit
TRYING_ON = replace(QUICK, tries_on=timedelta(hours=1))
SECOND = timedelta(seconds=1)
ID = report().report_id.encode()


def again(at: datetime, generation: int = 2) -> bytes:
    """Return the record of a later sending of the report."""
    return encoded(report(generation=generation, again_at=at))


def stopped(generation: int = 1) -> bytes:
    """Return the record with which staff stop a sending of the report."""
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
    """Return generation, state and attempt of each step that the connector wrote."""
    return [(each.generation, each.state.value, each.attempt) for each in connector.deliveries()]


async def waiting_second_sending(connector: ConnectorFixture, *, until: datetime) -> int:
    """Let a report fail once and be sent again, so that it waits for its slot; return how often it was sent before."""
    connector.lane.feed(encoded(report()))
    await connector.lane.settle_all()
    connector.clock.now = until
    connector.lane.feed(again(until))
    assert steps(connector)[-1] == (2, "queued", 1)
    return len(steps(connector))
