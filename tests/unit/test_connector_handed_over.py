"""Rejected records and work that is put aside are handed over to a human, under the report's id if it is known."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from schemas.errors import Invalid
from schemas.identifiers import Token
from schemas.records import DeliveryChanged
from schemas.vocabulary import Agency, Service
from services.agencies import Fault
from services.connectors.effects import Attempt, Compose
from services.connectors.report_store import FINISHED_FOR
from streams.domain.ids import person_id, rejected_report_id
from streams.runtime import Cause, PutAside, Record, Turn
from streams.runtime.lane.poison_errors import PoisonRecord
from tests.agency_servers import AgencyServer
from tests.connector_fixture import PARTITION, ConnectorFixture, Open
from tests.reports import Keys, encoded, report, section

REPORT = report()
ID = REPORT.report_id.encode()
UUID = person_id(Service.FORUM, "disclosure-1", Token("account:1:a"))


def failed(fixture: ConnectorFixture) -> list[DeliveryChanged]:
    return [each for each in fixture.deliveries() if each.state == "failed"]


def refused(
    fixture: ConnectorFixture, value: bytes | None, *, key: bytes | None = b"person", error: Invalid | None = None
) -> None:
    """Give the connector a record at offset 7 that was rejected, or put aside if the error is the runtime's."""
    record = Record("source", 2, 7, 0, key, value, ())
    turn = Turn(fixture.lane.state, fixture.clock.now)
    fixture.lane.agent.rejected(record, error or Invalid.of("value", "is wrong"), turn)
    fixture.lane.outputs += turn.outputs
    assert not turn.changes
    assert not turn.timers


async def test_garbage_is_handed_over_under_an_id_of_its_place(agency: AgencyServer, fixture_at: Open) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(b"\x00random", None, encoded(report(Agency.POLICE_101)), encoded(REPORT))
    await fixture.finish()
    found = [(each.report_id, each.agency, each.attempt, each.reason) for each in failed(fixture)]
    assert found == [
        (rejected_report_id("source", 0, 0), Agency.EMERGENCY_999, 0, "rejected"),
        (rejected_report_id("source", 0, 1), Agency.EMERGENCY_999, 0, "rejected"),
        (report(Agency.POLICE_101).report_id, Agency.POLICE_101, 0, "rejected"),
    ]
    assert [each.person for each in failed(fixture)] == ["", "", REPORT.person]
    assert fixture.states()[-1] == ("acknowledged", 1)


@pytest.mark.parametrize(
    ("key", "person"),
    [(UUID.encode(), UUID), (b"+447700900123", ""), (b"\xff\xfe", ""), (UUID.encode() + b"\n", ""), (None, "")],
    ids=["person", "phone", "bytes", "more", "none"],
)
async def test_only_a_key_that_has_the_form_of_a_person_id_is_taken_for_one(
    agency: AgencyServer, fixture_at: Open, key: bytes | None, person: str
) -> None:
    fixture = fixture_at(agency.url)
    refused(fixture, b"garbage", key=key)
    assert [(each.person, each.report_id) for each in failed(fixture)] == [(person, rejected_report_id("source", 2, 7))]
    # In the partition of the record, in which DECIDE has the report.
    assert [(output.key, output.partition) for output in fixture.lane.outputs] == [(person.encode(), 2)]


async def test_a_report_that_ends_its_turns_is_handed_over_as_put_aside(agency: AgencyServer, fixture_at: Open) -> None:
    fixture = fixture_at(agency.url)
    refused(fixture, encoded(REPORT), error=PoisonRecord("KeyError"))
    assert [(each.report_id, each.person, each.reason) for each in failed(fixture)] == [
        (REPORT.report_id, REPORT.person, "put_aside")
    ]
    # It has no mark: sent again after the code is fixed, it goes to the agency.
    fixture.lane.feed(encoded(REPORT))
    await fixture.finish()
    assert fixture.states()[-1] == ("acknowledged", 1)


async def test_a_second_record_of_a_report_that_is_known_contradicts_nothing(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(REPORT))
    refused(fixture, encoded(REPORT), error=PoisonRecord("KeyError"))
    await fixture.finish()
    refused(fixture, encoded(REPORT), error=PoisonRecord("KeyError"))
    assert failed(fixture) == []


def put_aside(fixture: ConnectorFixture, work: PutAside) -> None:
    fixture.lane.effects.clear()
    fixture.lane.put_aside(work)


async def pending(fixture: ConnectorFixture, agency: AgencyServer) -> None:
    """Let a report wait for its second attempt."""
    agency.faults.add([503])
    fixture.lane.feed(encoded(REPORT))
    await fixture.step()
    assert fixture.lane.timers.keys() == {ID, b"limit/" + ID}


def works(fixture: ConnectorFixture) -> Sequence[PutAside]:
    """Return every kind of work of the report, in the form in which the runtime puts it aside."""
    agent, state = fixture.lane.agent, fixture.lane.state
    attempt = Attempt(REPORT.report_id, 2, section(), Cause(), timedelta(0))
    entry = agent.entry_of(ID)
    assert entry is not None
    assert entry == agent.entry_of(b"limit/" + ID) == agent.entry_of(attempt) == agent.entry_of(Compose(REPORT))
    assert state[entry] == encoded(REPORT), "what is kept whole is the report as it came"
    return [
        PutAside(ID, None, entry, state[entry], "KeyError"),
        PutAside(b"limit/" + ID, None, entry, state[entry], "KeyError"),
        PutAside(None, attempt, entry, state[entry], "KeyError"),
        PutAside(None, Compose(REPORT), entry, state[entry], "KeyError"),
        PutAside(None, None, b"standing/" + ID, state[b"standing/" + ID], "KeyError"),
    ]


@pytest.mark.parametrize("number", range(5), ids=["retry", "limit", "attempt", "compose", "entry"])
async def test_work_that_is_put_aside_hands_its_report_over_and_leaves_its_mark(
    agency: AgencyServer, fixture_at: Open, number: int
) -> None:
    fixture = fixture_at(agency.url)
    await pending(fixture, agency)
    put_aside(fixture, works(fixture)[number])
    last = failed(fixture)[-1]
    attempt = 0 if number == 4 else 1
    assert (last.report_id, last.person, last.attempt, last.reason) == (
        REPORT.report_id,
        REPORT.person,
        attempt,
        "put_aside",
    )
    assert fixture.lane.state == {b"done/" + ID: b"1 failed unsure"}
    assert fixture.lane.timers == {}
    fixture.lane.feed(encoded(REPORT))
    assert not fixture.is_owed()


async def test_entries_that_cannot_be_read_hinder_no_hand_over(agency: AgencyServer, fixture_at: Open) -> None:
    fixture = fixture_at(agency.url)
    await pending(fixture, agency)
    for name in (b"report/", b"standing/", b"request/"):
        fixture.lane.state[name + ID] = b"\xff damaged"
    put_aside(fixture, PutAside(b"limit/" + ID, None, b"report/" + ID, b"\xff damaged", "Unreadable"))
    last = failed(fixture)[-1]
    assert (last.report_id, last.person, last.attempt, last.reason) == (REPORT.report_id, "", 0, "put_aside")
    assert fixture.lane.outputs[-1].partition == PARTITION, "DECIDE looks for the report in this lane alone"
    assert fixture.lane.state == {b"done/" + ID: b"1 failed unsure"}
    fixture.clock.advance(FINISHED_FOR - timedelta(seconds=1))
    fixture.lane.pass_time()
    assert fixture.lane.state


async def test_the_person_is_known_where_the_work_itself_has_the_report(agency: AgencyServer, fixture_at: Open) -> None:
    fixture = fixture_at(agency.url, Keys(late=True))
    fixture.lane.feed(encoded(REPORT))
    fixture.lane.state[b"report/" + ID] = b"\xff damaged"
    put_aside(fixture, PutAside(None, Compose(REPORT), b"report/" + ID, b"\xff damaged", "KeyError"))
    assert failed(fixture)[-1].person == REPORT.person


async def test_work_of_a_report_that_finished_meanwhile_does_not_change_how_it_ended(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(REPORT))
    await fixture.finish()
    put_aside(fixture, PutAside(b"limit/" + ID, None, b"report/" + ID, None, "KeyError"))
    assert failed(fixture) == []
    assert fixture.lane.state == {b"done/" + ID: b"1 acknowledged"}


async def test_a_result_that_comes_after_its_report_was_put_aside_is_no_error(
    agency: AgencyServer, fixture_at: Open
) -> None:
    fixture = fixture_at(agency.url)
    fixture.lane.feed(encoded(REPORT))
    fixture.during_attempt(
        lambda: fixture.lane.put_aside(PutAside(b"limit/" + ID, None, b"report/" + ID, encoded(REPORT), "KeyError"))
    )
    await fixture.finish()
    assert fixture.states() == [("queued", 0), ("sent", 1), ("failed", 1)]


async def test_a_person_erased_while_the_attempt_waits_for_its_slot_is_not_recorded_as_sent(
    agency: AgencyServer, fixture_at: Open
) -> None:
    agency.faults.add([Fault.DROP])
    fixture = fixture_at(agency.url, Keys())
    fixture.lane.feed(encoded(REPORT))
    await fixture.step()
    await fixture.step()
    assert isinstance(fixture.lane.effects[0][0], Attempt)
    fixture.keys.keys.clear()
    await fixture.finish()
    assert fixture.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert failed(fixture)[-1].reason == "key_erased"
    assert len(agency.log()) == 1
