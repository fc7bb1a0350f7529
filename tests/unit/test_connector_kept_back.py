"""What a connector sends to no agency: erased or changed sections and other records. Its log names no person."""

import pytest

from schemas.vocabulary import Agency
from services.connectors.keyring import NoKey
from tests.agency_servers import AgencyServer
from tests.connector_fixture import Open
from tests.reports import Keys, encoded, report, section


async def test_no_agency_gets_a_report_of_an_erased_person(agency: AgencyServer, connector_at: Open) -> None:
    keys = Keys()
    keys.keys.clear()
    connector = connector_at(agency.url, keys)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert connector.states() == [("queued", 0), ("failed", 0)]
    assert connector.deliveries()[-1].reason == "key_erased"
    assert agency.log() == []


async def test_one_section_that_was_erased_keeps_the_whole_report_back(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    older = section("disclosure-0").model_copy(
        update={"section": section("disclosure-0").section.model_copy(update={"key_id": "key-0"})}
    )
    connector.lane.feed(
        encoded(report(sections=(older, section()))), encoded(report(disclosure_id="bare", sections=()))
    )
    await connector.finish()
    assert {each.reason for each in connector.deliveries() if each.state == "failed"} == {"key_erased", "no_section"}
    assert agency.log() == []


async def test_a_person_erased_between_two_attempts_is_not_sent_again(agency: AgencyServer, connector_at: Open) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    connector.keys.keys.clear()
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert connector.deliveries()[-1].reason == "key_erased"
    assert len(agency.log()) == 1


async def test_a_key_that_is_gone_between_two_attempts_without_a_tombstone_is_missing_and_not_erased(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.step()
    connector.keys.keys.clear()
    connector.keys.absent = NoKey.MISSING
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert connector.deliveries()[-1].reason == "key_missing"


async def test_a_section_that_was_changed_is_not_opened(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url, Keys(bytes(32)))
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert connector.deliveries()[-1].reason == "section_cannot_be_opened"


async def test_what_is_no_report_or_another_agencys_is_rejected_and_the_rest_goes_on(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(b"\x00random", None, encoded(report(Agency.POLICE_101)), encoded(report()))
    await connector.finish()
    rejected = [output for output in connector.lane.outputs if output.topic == "source.rejected"]
    assert [dict(output.headers)["rejected-field"] for output in rejected] == [b"value", b"value", b"agency"]
    assert connector.states()[-1] == ("acknowledged", 1)


async def test_no_log_line_names_the_person(
    agency: AgencyServer, connector_at: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    agency.faults.add([422])
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    await connector.finish()
    said = "".join(capsys.readouterr())
    assert report().report_id in said
    assert not any(secret in said for secret in ("900123", "example.org", "bandstand", "own words", "39117"))
