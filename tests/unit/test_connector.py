"""A connector against a real agency: attempts on record before they are made, resumed after a crash, ended in time."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.records import DeliveryChanged, ReportSection
from schemas.topics import OUTCOME_DAYS, SEGMENT_DAYS
from schemas.vocabulary import Agency
from services.agencies import Fault
from services.connectors.client import AgencyClient
from services.connectors.connector import Attempt, Compose, Connector
from services.connectors.process import PROJECTIONS
from services.connectors.sealed import Composer
from services.connectors.standing import SETTLED_FOR
from streams.domain.delivery import RETRY_POLICIES, RetryPolicy
from streams.domain.sealing import open_bytes
from streams.runtime.state import Entry
from tests.agency_servers import AgencyServer, serving
from tests.lanes import START, Clock, Lane
from tests.reports import DATA_KEY, Keys, encoded, report, section

#: The waits of 999 and a time limit for an attempt that a test can wait for.
QUICK = RetryPolicy(
    limit=timedelta(seconds=60),
    attempt_timeout=timedelta(milliseconds=300),
    first_wait=timedelta(milliseconds=500),
    longest_wait=timedelta(seconds=8),
)
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Bench:
    """A connector of 999 over a lane that can crash, with a clock that its timers move on."""

    def __init__(self, url: str, keys: Keys | None = None, policy: RetryPolicy = QUICK) -> None:
        self.client = AgencyClient(url, policy.attempt_timeout)
        self.clock = Clock()
        self.keys = keys or Keys()
        self.policy = policy
        self.lane = self._open(())

    def crash(self, but: bytes | None = None) -> None:
        """Lose what is under way; the state stays, but for changelog records of one kind where that is named."""
        written = self.lane.outputs
        self.lane = self._open([entry for entry in self.lane.changelog if entry.key[:1] != but])
        self.lane.outputs = written + self.lane.outputs

    def is_owed(self) -> bool:
        return bool(self.lane.effects or self.lane.timers)

    async def step(self) -> None:
        """Settle what was started, else move on to the time of the next timer."""
        if self.lane.effects:
            await self.lane.settle()
            return
        self.clock.now = max(self.clock.now, *self.lane.timers.values())
        self.lane.pass_time()

    async def finish(self) -> None:
        while self.is_owed():
            await self.step()

    def deliveries(self) -> list[DeliveryChanged]:
        return [DeliveryChanged.model_validate(fields) for fields in self.lane.written("DeliveryChanged")]

    def states(self) -> list[tuple[str, int]]:
        return [(each.state.value, each.attempt) for each in self.deliveries()]

    def _open(self, changelog: Sequence[Entry]) -> Lane:
        composer = Composer(self.keys, PROJECTIONS[Agency.EMERGENCY_999])
        agent = Connector(Agency.EMERGENCY_999, composer, self.client, self.policy, jitter=lambda: 0.5)
        return Lane(agent, self.clock, changelog)


Open = Callable[..., Bench]


@pytest.fixture
async def agency(tmp_path: Path) -> AsyncIterator[AgencyServer]:
    async with serving(tmp_path, Agency.EMERGENCY_999) as server:
        yield server


@pytest.fixture
async def bench_at(agency: AgencyServer) -> AsyncIterator[Open]:
    """Makes benches, and closes their connections before the agency of the test is gone."""
    async with AsyncExitStack() as closing:

        def make(url: str, keys: Keys | None = None, policy: RetryPolicy = QUICK) -> Bench:
            bench = Bench(url, keys, policy)
            closing.push_async_exit(bench.client)
            return bench

        yield make


async def test_a_report_is_queued_sent_received_and_acknowledged_with_the_agencys_reference(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert bench.states() == [("queued", 0), ("sent", 1), ("received", 1), ("acknowledged", 1)]
    acknowledged = bench.deliveries()[-1]
    assert acknowledged.reference is not None
    assert acknowledged.reference.startswith("999-")
    assert agency.accepted() == [report().report_id]
    assert {output.key for output in bench.lane.outputs} == {b"person-1"}


async def test_a_report_that_came_before_its_key_is_queued_until_the_key_is_here(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url, Keys(late=True))
    bench.lane.feed(encoded(report()))
    assert bench.states() == [("queued", 0)]
    assert bench.lane.effects[0][0] == Compose(report())
    await bench.finish()
    assert bench.states() == [("queued", 0), ("sent", 1), ("received", 1), ("acknowledged", 1)]


async def test_an_attempt_is_on_record_before_the_agency_sees_it_with_the_request_under_seal(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    assert bench.states()[-1] == ("sent", 1)
    assert isinstance(bench.lane.effects[0][0], Attempt)
    assert agency.log() == []
    request = bench.deliveries()[-1].request
    assert isinstance(request, ReportSection)
    assert b"bandstand" not in request.section.ciphertext
    await bench.finish()
    opened = open_bytes(request.section, key=DATA_KEY, disclosure_id=request.disclosure_id)
    assert json.loads(opened) == agency.log()[0]["body"]


async def test_what_may_be_retried_is_sent_again_later_with_the_same_content_and_the_next_number(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([503, Fault.DROP, 429])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert [state for state in bench.states() if state[0] == "sent"] == [("sent", n) for n in (1, 2, 3, 4)]
    assert [each.reason for each in bench.deliveries() if each.state == "sent"] == [
        None,
        "status_503",
        "connection_lost",
        "status_429",
    ]
    assert bench.states()[-1] == ("acknowledged", 4)
    log = agency.log()
    assert [(line["attempt"], line["accepted"]) for line in log] == [(1, False), (2, False), (3, False), (4, True)]
    assert all(line["body"] == log[0]["body"] for line in log)
    # 0.5, 1 and 2 s, three quarters of each at a jitter of a half.
    assert bench.clock.now - bench.deliveries()[0].changed_at == timedelta(seconds=0.75 * 3.5)


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_ACCEPT, Fault.TIMEOUT_AFTER_ACCEPT])
async def test_an_answer_that_is_lost_leaves_one_accepted_report(
    agency: AgencyServer, bench_at: Open, fault: Fault
) -> None:
    agency.faults.add([fault])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert agency.accepted() == [report().report_id]
    assert [line["attempt"] for line in agency.log()] == [1, 2]
    assert bench.states()[-1] == ("acknowledged", 2)


@pytest.mark.parametrize(("status", "reason"), [(422, "status_422"), (409, "status_409"), (302, "unknown_status_302")])
async def test_what_cannot_be_helped_by_sending_again_goes_to_a_human_at_once(
    agency: AgencyServer, bench_at: Open, status: int, reason: str
) -> None:
    agency.faults.add([status])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert bench.states()[-1] == ("failed", 1)
    assert bench.deliveries()[-1].reason == reason
    assert len(agency.log()) == 1


async def test_an_agency_that_is_down_is_tried_for_its_limit_and_then_a_human_is_called(
    tmp_path: Path, bench_at: Open
) -> None:
    async with serving(tmp_path / "other", Agency.EMERGENCY_999) as gone:
        url = gone.url
    bench = bench_at(url, policy=RETRY_POLICIES[Agency.EMERGENCY_999])
    bench.lane.feed(encoded(report()))
    await bench.finish()
    last = bench.deliveries()[-1]
    assert (last.state, last.reason) == ("failed", "limit_passed_after_no_connection")
    assert last.attempt >= 8
    assert timedelta(seconds=45) < last.changed_at - bench.deliveries()[0].changed_at < timedelta(seconds=60)


async def test_a_report_that_comes_twice_is_told_once_pending_or_settled(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()), encoded(report()))
    bench.lane.feed(encoded(report()))
    await bench.finish()
    bench.lane.feed(encoded(report()))
    assert not bench.lane.effects
    bench.crash()
    bench.lane.feed(encoded(report()))
    assert not bench.lane.effects
    assert len(bench.states()) == 4
    assert len(agency.log()) == 1


async def test_a_settled_report_leaves_a_small_mark_that_outlasts_its_record(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    made = encoded(report(reported_at=START))
    bench.lane.feed(made)
    await bench.finish()
    mark = {b"done/" + report().report_id.encode(): b"acknowledged"}
    assert bench.lane.state == mark
    # Read again on the last day that the topic has it, the report is told no more.
    bench.clock.now = START + timedelta(days=OUTCOME_DAYS + SEGMENT_DAYS)
    bench.lane.pass_time()
    bench.lane.feed(made)
    assert not bench.lane.effects
    assert bench.lane.state == mark
    bench.clock.now = START + SETTLED_FOR
    bench.lane.pass_time()
    assert bench.lane.state == {}


async def test_a_mark_that_has_ended_is_no_mark_though_it_is_not_swept_yet(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report(reported_at=START)))
    await bench.finish()
    bench.clock.now = START + SETTLED_FOR
    bench.lane.feed(encoded(report(reported_at=bench.clock.now)))
    assert [type(effect) for effect, _ in bench.lane.effects] == [Attempt]
    # It is told again under its old id: another content, which the agency does not take for the first.
    await bench.finish()
    assert (bench.states()[-1], bench.deliveries()[-1].reason) == (("failed", 1), "status_409")
    assert agency.accepted() == [report().report_id]


@pytest.mark.parametrize("late", [False, True])
async def test_after_a_crash_at_any_step_the_report_is_told_once_and_its_end_is_written_once(
    agency: AgencyServer, bench_at: Open, late: bool
) -> None:
    agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
    clean = bench_at(agency.url, Keys(late=late))
    clean.lane.feed(encoded(report()))
    steps = 0
    while clean.is_owed():
        await clean.step()
        steps += 1
    assert steps == 5 + late  # compose where the key is late, attempt, timer, attempt, timer, attempt
    for crash_before in range(steps):
        made = report(disclosure_id=f"disclosure-{crash_before + 2}")
        agency.faults.add([503, Fault.DROP_AFTER_ACCEPT])
        bench = bench_at(agency.url, Keys(late=late))
        bench.lane.feed(encoded(made))
        for _ in range(crash_before):
            await bench.step()
        bench.crash()
        await bench.finish()
        states = [state for state, _ in bench.states()]
        assert states.count("acknowledged") == states.count("queued") == 1
        assert agency.accepted().count(made.report_id) == 1


async def test_an_attempt_that_a_crash_cut_off_is_made_again_as_the_next_one(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    # The agency has it; the process ends before it can write down the answer.
    await bench.lane.agent.perform(bench.lane.effects[0][0])
    bench.crash()
    assert bench.states()[-1] == ("sent", 2)
    assert bench.deliveries()[-1].reason == "outcome_unknown"
    await bench.finish()
    assert [(line["attempt"], line["accepted"]) for line in agency.log()] == [(1, True), (2, False)]
    assert bench.states()[-1] == ("acknowledged", 2)


async def test_a_wait_goes_on_after_a_crash_until_the_time_that_was_set(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    timers = bench.lane.timers
    assert timers == {report().report_id.encode(): START + QUICK.wait(1, 0.5)}
    bench.crash()
    assert not bench.lane.effects
    assert bench.lane.timers == timers
    bench.clock.advance(QUICK.wait(1, 0.5) - timedelta(microseconds=1))
    bench.lane.pass_time()
    assert not bench.lane.effects
    bench.clock.advance(timedelta(microseconds=1))
    bench.lane.pass_time()
    assert bench.states()[-1] == ("sent", 2)
    assert len(bench.lane.effects) == 1
    assert bench.lane.timers == {}


async def test_a_wait_that_came_due_in_the_meantime_ends_once(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    bench.clock.advance(timedelta(hours=1))
    bench.crash()
    bench.crash()
    bench.lane.pass_time()
    bench.lane.pass_time()
    await bench.finish()
    assert [state for state in bench.states() if state[0] == "sent"] == [("sent", 1), ("sent", 2)]
    assert len(agency.log()) == 2


async def test_a_wait_of_a_version_without_timers_goes_on(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    timers = bench.lane.timers
    bench.crash(but=b"t")
    assert bench.lane.timers == timers
    await bench.finish()
    assert bench.states()[-1] == ("acknowledged", 2)


async def test_a_timer_of_a_report_that_a_version_without_timers_went_on_with_brings_nothing(
    agency: AgencyServer, bench_at: Open
) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    (kept,) = [entry for entry in bench.lane.changelog if entry.key[:1] == b"t"]
    await bench.finish()
    bench.lane.changelog.append(kept)
    bench.crash()
    assert bench.lane.timers
    bench.lane.pass_time()
    assert not bench.is_owed()
    assert bench.states()[-1] == ("acknowledged", 2)


async def test_a_person_who_was_erased_is_told_of_nobody(agency: AgencyServer, bench_at: Open) -> None:
    keys = Keys()
    keys.keys.clear()
    bench = bench_at(agency.url, keys)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert bench.states() == [("queued", 0), ("failed", 0)]
    assert bench.deliveries()[-1].reason == "key_erased"
    assert agency.log() == []


async def test_one_section_that_was_erased_keeps_the_whole_report_back(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    older = section("disclosure-0").model_copy(
        update={"section": section("disclosure-0").section.model_copy(update={"key_id": "key-0"})}
    )
    bench.lane.feed(encoded(report(sections=(older, section()))), encoded(report(disclosure_id="bare", sections=())))
    await bench.finish()
    assert {each.reason for each in bench.deliveries() if each.state == "failed"} == {"key_erased", "no_section"}
    assert agency.log() == []


async def test_a_person_erased_between_two_attempts_is_not_sent_again(agency: AgencyServer, bench_at: Open) -> None:
    agency.faults.add([503])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.step()
    bench.keys.keys.clear()
    await bench.finish()
    assert bench.deliveries()[-1].reason == "key_erased"
    assert len(agency.log()) == 1


async def test_a_section_that_was_changed_is_not_opened(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url, Keys(bytes(32)))
    bench.lane.feed(encoded(report()))
    await bench.finish()
    assert bench.deliveries()[-1].reason == "section_cannot_be_opened"


async def test_what_is_no_report_or_another_agencys_is_rejected_and_the_rest_goes_on(
    agency: AgencyServer, bench_at: Open
) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(b"\x00random", None, encoded(report(Agency.POLICE_101)), encoded(report()))
    await bench.finish()
    rejected = [output for output in bench.lane.outputs if output.topic == "source.rejected"]
    assert [dict(output.headers)["rejected-field"] for output in rejected] == [b"value", b"value", b"agency"]
    assert bench.states()[-1] == ("acknowledged", 1)


async def test_an_answer_without_a_reference_is_asked_for_again(tmp_path: Path, bench_at: Open) -> None:
    async with serving(tmp_path / "other", Agency.EMERGENCY_999, 200, 201) as agency:
        bench = bench_at(agency.url)
        bench.lane.feed(encoded(report()))
        await bench.finish()
        assert [each.reason for each in bench.deliveries() if each.state == "sent"] == [
            None,
            "no_reference",
            "no_reference",
        ]
        assert bench.states()[-1] == ("acknowledged", 3)


async def test_the_trace_goes_on_to_the_agency_and_the_records(agency: AgencyServer, bench_at: Open) -> None:
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()), traceparent=TRACEPARENT)
    await bench.finish()
    trace_ids = {dict(output.headers)["traceparent"].split(b"-")[1] for output in bench.lane.outputs}
    assert trace_ids == {TRACEPARENT.split(b"-")[1]}


async def test_no_log_line_names_the_person(
    agency: AgencyServer, bench_at: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    agency.faults.add([422])
    bench = bench_at(agency.url)
    bench.lane.feed(encoded(report()))
    await bench.finish()
    said = "".join(capsys.readouterr())
    assert report().report_id in said
    assert not any(secret in said for secret in ("900123", "example.org", "bandstand", "own words", "39117"))
