"""What a connector refuses or the runtime puts aside is handed to a human, under the report's id where it is known."""

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
from tests.connector_fixture import PARTITION, Bench, Open
from tests.reports import Keys, encoded, report, section

REPORT = report()
ID = REPORT.report_id.encode()
UUID = person_id(Service.FORUM, "disclosure-1", Token("account:1:a"))


def failed(bench: Bench) -> list[DeliveryChanged]:
    return [each for each in bench.deliveries() if each.state == "failed"]


def refused(bench: Bench, value: bytes | None, *, key: bytes | None = b"person", error: Invalid | None = None) -> None:
    """Have the connector hear of a record at offset 7 that was rejected, or with an error of the runtime put aside."""
    record = Record("source", 2, 7, 0, key, value, ())
    turn = Turn(bench.lane.state, bench.clock.now)
    bench.lane.agent.rejected(record, error or Invalid.of("value", "is wrong"), turn)
    bench.lane.outputs += turn.outputs
    assert not turn.changes
    assert not turn.timers


async def test_garbage_is_handed_over_under_an_id_of_its_place(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(b"\x00random", None, encoded(report(Agency.POLICE_101)), encoded(REPORT))
    await bench.finish()
    found = [(each.report_id, each.agency, each.attempt, each.reason) for each in failed(bench)]
    assert found == [
        (rejected_report_id("source", 0, 0), Agency.EMERGENCY_999, 0, "rejected"),
        (rejected_report_id("source", 0, 1), Agency.EMERGENCY_999, 0, "rejected"),
        (report(Agency.POLICE_101).report_id, Agency.POLICE_101, 0, "rejected"),
    ]
    assert [each.person for each in failed(bench)] == ["", "", REPORT.person]
    assert bench.states()[-1] == ("acknowledged", 1)


@pytest.mark.parametrize(
    ("key", "person"),
    [(UUID.encode(), UUID), (b"+447700900123", ""), (b"\xff\xfe", ""), (UUID.encode() + b"\n", ""), (None, "")],
    ids=["person", "phone", "bytes", "more", "none"],
)
async def test_only_a_key_that_has_the_form_of_a_person_id_is_taken_for_one(
    agency: AgencyServer, bench_at: Open, key: bytes | None, person: str
) -> None:
    bench = bench_at(agency.url)
    refused(bench, b"garbage", key=key)
    assert [(each.person, each.report_id) for each in failed(bench)] == [(person, rejected_report_id("source", 2, 7))]
    # In the partition of the record, where DECIDE keeps the report.
    assert [(output.key, output.partition) for output in bench.lane.outputs] == [(person.encode(), 2)]


async def test_a_report_that_ends_its_turns_is_handed_over_as_put_aside(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    refused(bench, encoded(REPORT), error=PoisonRecord("KeyError"))
    assert [(each.report_id, each.person, each.reason) for each in failed(bench)] == [
        (REPORT.report_id, REPORT.person, "put_aside")
    ]
    # Nothing marks it as settled: sent again once the code is mended, it goes to the agency.
    bench.lane.feed(encoded(REPORT))
    await bench.finish()
    assert bench.states()[-1] == ("acknowledged", 1)


async def test_a_second_record_of_a_report_that_is_known_contradicts_nothing(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(REPORT))
    refused(bench, encoded(REPORT), error=PoisonRecord("KeyError"))
    await bench.finish()
    refused(bench, encoded(REPORT), error=PoisonRecord("KeyError"))
    assert failed(bench) == []


def put_aside(bench: Bench, work: PutAside) -> None:
    bench.lane.effects.clear()
    bench.lane.put_aside(work)


async def pending(bench: Bench, agency: AgencyServer) -> None:
    """Have a report wait for its second attempt."""
    agency.faults.add([503])
    bench.lane.feed(encoded(REPORT))
    await bench.step()
    assert bench.lane.timers.keys() == {ID, b"limit/" + ID}


def works(bench: Bench) -> Sequence[PutAside]:
    """Return every kind of work of the report, as the runtime puts it aside."""
    agent, state = bench.lane.agent, bench.lane.state
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
    agency: AgencyServer, bench_at: Open, number: int
) -> None:
    bench = bench_at(agency.url)
    await pending(bench, agency)
    put_aside(bench, works(bench)[number])
    last = failed(bench)[-1]
    attempt = 0 if number == 4 else 1
    assert (last.report_id, last.person, last.attempt, last.reason) == (
        REPORT.report_id,
        REPORT.person,
        attempt,
        "put_aside",
    )
    assert bench.lane.state == {b"done/" + ID: b"1 failed unsure"}
    assert bench.lane.timers == {}
    bench.lane.feed(encoded(REPORT))
    assert not bench.is_owed()


async def test_entries_that_cannot_be_read_hinder_no_hand_over(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    await pending(bench, agency)
    for name in (b"report/", b"standing/", b"request/"):
        bench.lane.state[name + ID] = b"\xff damaged"
    put_aside(bench, PutAside(b"limit/" + ID, None, b"report/" + ID, b"\xff damaged", "Unreadable"))
    last = failed(bench)[-1]
    assert (last.report_id, last.person, last.attempt, last.reason) == (REPORT.report_id, "", 0, "put_aside")
    assert bench.lane.outputs[-1].partition == PARTITION, "DECIDE looks for the report in this lane alone"
    assert bench.lane.state == {b"done/" + ID: b"1 failed unsure"}
    bench.clock.advance(FINISHED_FOR - timedelta(seconds=1))
    bench.lane.pass_time()
    assert bench.lane.state


async def test_the_person_is_known_where_the_work_itself_has_the_report(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url, Keys(late=True))
    bench.lane.feed(encoded(REPORT))
    bench.lane.state[b"report/" + ID] = b"\xff damaged"
    put_aside(bench, PutAside(None, Compose(REPORT), b"report/" + ID, b"\xff damaged", "KeyError"))
    assert failed(bench)[-1].person == REPORT.person


async def test_work_of_a_report_that_was_settled_meanwhile_changes_nothing_of_how_it_ended(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(REPORT))
    await bench.finish()
    put_aside(bench, PutAside(b"limit/" + ID, None, b"report/" + ID, None, "KeyError"))
    assert failed(bench) == []
    assert bench.lane.state == {b"done/" + ID: b"1 acknowledged"}


async def test_a_result_that_comes_after_its_report_was_put_aside_is_no_error(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(REPORT))
    bench.during_attempt(
        lambda: bench.lane.put_aside(PutAside(b"limit/" + ID, None, b"report/" + ID, encoded(REPORT), "KeyError"))
    )
    await bench.finish()
    assert bench.states() == [("queued", 0), ("sent", 1), ("failed", 1)]


async def test_a_person_erased_while_the_attempt_waits_for_its_slot_is_not_said_to_be_sent(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([Fault.DROP])
    bench = bench_at(agency.url, Keys())
    bench.lane.feed(encoded(REPORT))
    await bench.step()
    await bench.step()
    assert isinstance(bench.lane.effects[0][0], Attempt)
    bench.keys.keys.clear()
    await bench.finish()
    assert bench.states() == [("queued", 0), ("sent", 1), ("failed", 1)]
    assert failed(bench)[-1].reason == "key_erased"
    assert len(agency.log()) == 1
