"""An exercise at the processes that face the outside, on a real broker: no live agency gets it."""

import asyncio
from typing import Any

import pytest
from kafka import KafkaConsumer

from schemas.codec import decode
from schemas.topics import TopicName
from services.load.live_agencies import refuse_live_agencies
from services.settings import SettingsError
from tests.kafka_fixture import KafkaFixture
from tests.reports import encoded, report

pytestmark = pytest.mark.integration

_SECONDS = 30


def ends(bootstrap: str, *report_ids: str) -> dict[str, dict[str, Any]]:
    """Wait until each of these reports is acknowledged or failed; return that delivery of each."""
    found: dict[str, dict[str, Any]] = {}
    consumer = KafkaConsumer(
        TopicName.DELIVERIES,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        consumer_timeout_ms=_SECONDS * 1_000,
    )
    try:
        for record in consumer:
            fields = decode(record.value, "DeliveryChanged")[1]
            if fields["report_id"] in report_ids and fields["state"] in ("acknowledged", "failed"):
                found[fields["report_id"]] = fields
            if len(found) == len(report_ids):
                return found
    finally:
        consumer.close()
    raise AssertionError(f"{len(found)} of {len(report_ids)} reports ended")


@pytest.mark.parametrize("kind", ["live", "simulated"])
async def test_a_live_agency_gets_real_reports_alone_and_no_load_test_beside_it(
    kafka: KafkaFixture, bootstrap: str, kind: str
) -> None:
    connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url, "--kind", kind)
    await asyncio.to_thread(connector.announced)
    real = kafka.report(1)
    drill = report(disclosure_id=f"{kafka.run}-drill", person="person-1", exercise=True, sections=real.sections)
    kafka.write(TopicName.REPORTS_999, b"person-1", encoded(drill))
    # The agency answers in this thread.
    found = await asyncio.to_thread(ends, bootstrap, real.report_id, drill.report_id)
    assert (found[real.report_id]["state"], found[real.report_id]["reason"]) == ("acknowledged", None)
    assert [found[made.report_id]["exercise"] for made in (real, drill)] == [False, True]
    if kind == "live":
        assert (found[drill.report_id]["state"], found[drill.report_id]["reason"]) == ("failed", "exercise")
        assert kafka.agency.accepted() == [real.report_id]
        with pytest.raises(SettingsError, match="a live connector runs here, of 999"):
            refuse_live_agencies(bootstrap)
    else:
        assert found[drill.report_id]["state"] == "acknowledged"
        assert set(kafka.agency.accepted()) == {real.report_id, drill.report_id}
        refuse_live_agencies(bootstrap)
    other = "simulated" if kind == "live" else "live"
    beside = await asyncio.to_thread(
        kafka.confide.run, "connector", "999", "--agency-url", kafka.agency.url, "--kind", other
    )
    assert (beside.returncode, f"runs with --kind {kind}" in beside.stderr.decode()) == (2, True)
    assert await asyncio.to_thread(connector.stop) == 0
