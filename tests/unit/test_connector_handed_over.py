"""Rejected records and work that is put aside are handed over to a human, under the report's id if it is known."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from schemas.errors import Invalid
from schemas.identifiers import Token
from schemas.reports import DeliveryChanged
from schemas.vocabulary import Agency, Service
from services.connectors.effects import Attempt, Compose
from services.connectors.report_store import FINISHED_FOR
from services.simulated_agencies import Fault
from streams.domain.ids import person_id, rejected_report_id
from streams.runtime import Origin, PutAside, Record, Turn
from streams.runtime.lane.poison_errors import PoisonRecord
from tests.agency_servers import AgencyServer
from tests.connector_fixture import PARTITION, ConnectorFixture, Open
from tests.reports import Keys, encoded, report, section

REPORT = report()
ID = REPORT.report_id.encode()
UUID = person_id(Service.FORUM, "disclosure-1", Token("account:1:a"))


def failed(connector: ConnectorFixture) -> list[DeliveryChanged]:
    return [each for each in connector.deliveries() if each.state == "failed"]


def refused(
    connector: ConnectorFixture, value: bytes | None, *, key: bytes | None = b"person", error: Invalid | None = None
) -> None:
    """Give the connector a record at offset 7 that was rejected, or put aside if the error is the runtime's."""
    record = Record("source", 2, 7, 0, key, value, ())
    turn = Turn(connector.lane.state, connector.clock.now)
    connector.lane.agent.rejected(record, error or Invalid.of("value", "is wrong"), turn)
    connector.lane.outputs += turn.outputs
    assert not turn.changes
    assert not turn.timers


async def test_garbage_is_handed_over_under_an_id_of_its_place(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(b"\x00random", None, encoded(report(Agency.POLICE_101)), encoded(REPORT))
    await connector.finish()
    found = [(each.report_id, each.agency, each.attempt, each.reason) for each in failed(connector)]
    assert found == [
        (rejected_report_id("source", 0, 0), Agency.EMERGENCY_999, 0, "rejected"),
        (rejected_report_id("source", 0, 1), Agency.EMERGENCY_999, 0, "rejected"),
        (report(Agency.POLICE_101).report_id, Agency.POLICE_101, 0, "rejected"),
    ]
    assert [each.person for each in failed(connector)] == ["", "", REPORT.person]
    assert connector.states()[-1] == ("acknowledged", 1)


@pytest.mark.parametrize(
    ("key", "person"),
    [(UUID.encode(), UUID), (b"+447700900123", ""), (b"\xff\xfe", ""), (UUID.encode() + b"\n", ""), (None, "")],
    ids=["person", "phone", "bytes", "more", "none"],
)
async def test_only_a_key_that_has_the_form_of_a_person_id_is_taken_for_one(
    agency: AgencyServer, connector_at: Open, key: bytes | None, person: str
) -> None:
    connector = connector_at(agency.url)
    refused(connector, b"garbage", key=key)
    assert [(each.person, each.report_id) for each in failed(connector)] == [
        (person, rejected_report_id("source", 2, 7))
    ]
    # In the partition of the record, in which DECIDE has the report.
    assert [(output.key, output.partition) for output in connector.lane.outputs] == [(person.encode(), 2)]


async def test_a_report_that_ends_its_turns_is_handed_over_as_put_aside(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    refused(connector, encoded(REPORT), error=PoisonRecord("KeyError"))
    assert [(each.report_id, each.person, each.reason) for each in failed(connector)] == [
        (REPORT.report_id, REPORT.person, "put_aside")
    ]
    # It has no mark: sent again after the code is fixed, it goes to the agency.
    connector.lane.feed(encoded(REPORT))
    await connector.finish()
    assert connector.states()[-1] == ("acknowledged", 1)


async def test_a_second_record_of_a_report_that_is_known_contradicts_nothing(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(REPORT))
    refused(connector, encoded(REPORT), error=PoisonRecord("KeyError"))
    await connector.finish()
    refused(connector, encoded(REPORT), error=PoisonRecord("KeyError"))
    assert failed(connector) == []


def put_aside(connector: ConnectorFixture, work: PutAside) -> None:
    connector.lane.effects.clear()
    connector.lane.put_aside(work)


async def pending(connector: ConnectorFixture, agency: AgencyServer) -> None:
    """Let a report wait for its second attempt."""
    agency.faults.add([503])
    connector.lane.feed(encoded(REPORT))
    await connector.step()
    assert connector.lane.timers.keys() == {ID, b"limit/" + ID}


def works(connector: ConnectorFixture) -> Sequence[PutAside]:
    """Return every kind of work of the report, in the form in which the runtime puts it aside."""
    agent, state = connector.lane.agent, connector.lane.state
    attempt = Attempt(REPORT.report_id, 2, section(), Origin(), timedelta(0))
    entry = agent.entry_of(ID)
    assert entry is not None
    assert entry == agent.entry_of(b"limit/" + ID) == agent.entry_of(attempt) == agent.entry_of(Compose(REPORT))
    assert state[entry] == encoded(REPORT), "what is kept whole is the report as it came"
    return [
        PutAside(ID, None, entry, state[entry], "KeyError"),
        PutAside(b"limit/" + ID, None, entry, state[entry], "KeyError"),
        PutAside(None, attempt, entry, state[entry], "KeyError"),
        PutAside(None, Compose(REPORT), entry, state[entry], "KeyError"),
        PutAside(None, None, b"progress/" + ID, state[b"progress/" + ID], "KeyError"),
    ]


@pytest.mark.parametrize("number", range(5), ids=["retry", "limit", "attempt", "compose", "entry"])
async def test_work_that_is_put_aside_hands_its_report_over_and_leaves_its_mark(
    agency: AgencyServer, connector_at: Open, number: int
) -> None:
    connector = connector_at(agency.url)
    await pending(connector, agency)
    put_aside(connector, works(connector)[number])
    last = failed(connector)[-1]
    attempt = 0 if number == 4 else 1
    assert (last.report_id, last.person, last.attempt, last.reason) == (
        REPORT.report_id,
        REPORT.person,
        attempt,
        "put_aside",
    )
    assert connector.lane.state == {b"done/" + ID: b"1 failed may_have_reached"}
    assert connector.lane.timers == {}
    connector.lane.feed(encoded(REPORT))
    assert not connector.is_owed()


async def test_entries_that_cannot_be_read_hinder_no_hand_over(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    await pending(connector, agency)
    for name in (b"report/", b"progress/", b"request/"):
        connector.lane.state[name + ID] = b"\xff damaged"
    put_aside(connector, PutAside(b"limit/" + ID, None, b"report/" + ID, b"\xff damaged", "Unreadable"))
    last = failed(connector)[-1]
    assert (last.report_id, last.person, last.attempt, last.reason) == (REPORT.report_id, "", 0, "put_aside")
    assert connector.lane.outputs[-1].partition == PARTITION, "DECIDE looks for the report in this lane alone"
    assert connector.lane.state == {b"done/" + ID: b"1 failed may_have_reached"}
    connector.clock.advance(FINISHED_FOR - timedelta(seconds=1))
    connector.lane.pass_time()
    assert connector.lane.state


async def test_the_person_is_known_where_the_work_itself_has_the_report(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url, Keys(late=True))
    connector.lane.feed(encoded(REPORT))
    connector.lane.state[b"report/" + ID] = b"\xff damaged"
    put_aside(connector, PutAside(None, Compose(REPORT), b"report/" + ID, b"\xff damaged", "KeyError"))
    assert failed(connector)[-1].person == REPORT.person


async def test_work_of_a_report_that_finished_meanwhile_does_not_change_how_it_ended(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(REPORT))
    await connector.finish()
    put_aside(connector, PutAside(b"limit/" + ID, None, b"report/" + ID, None, "KeyError"))
    assert failed(connector) == []
    assert connector.lane.state == {b"done/" + ID: b"1 acknowledged"}


async def test_a_result_that_comes_after_its_report_was_put_aside_is_no_error(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(REPORT))
    connector.during_attempt(
        lambda: connector.lane.put_aside(PutAside(b"limit/" + ID, None, b"report/" + ID, encoded(REPORT), "KeyError"))
    )
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1)]


async def test_a_person_erased_while_the_attempt_waits_for_its_slot_is_not_recorded_as_sent(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([Fault.DROP])
    connector = connector_at(agency.url, Keys())
    connector.lane.feed(encoded(REPORT))
    await connector.step()
    await connector.step()
    assert isinstance(connector.lane.effects[0][0], Attempt)
    connector.keys.keys.clear()
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert failed(connector)[-1].reason == "key_erased"
    assert len(agency.log()) == 1
