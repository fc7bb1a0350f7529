"""An agency that hangs or is down, on the real lane: hand-over in time, and few attempts at it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.connectors.endpoint import CONNECTIONS, FAILURES_TO_OPEN
from streams.domain.delivery import RetryPolicy
from tests.connector_lane import LATEST, attempts, connector_lane, deliveries_of, first, states_of, was_in
from tests.counting import Run
from tests.raw_agency import Mode, raw_agency

pytestmark = pytest.mark.integration

POLICY = RetryPolicy(
    limit=timedelta(seconds=6),
    attempt_timeout=timedelta(seconds=1.5),
    first_wait=timedelta(milliseconds=200),
    longest_wait=timedelta(seconds=1),
    longest_probe_wait=timedelta(milliseconds=500),
)


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=1)
    yield made
    made.end()


async def test_an_agency_that_accepts_and_never_answers_has_every_report_failed_at_its_limit(run: Run) -> None:
    count = 150
    async with raw_agency(Mode.HANG) as agency, connector_lane(run, agency.url, POLICY) as connector:
        connector.put(count)
        async with deliveries_of(run, connector.reports) as deliveries:
            found = await deliveries.until(was_in("failed"), 20)
            # Attempts under way at the limit time out.
            await run.until(lambda: agency.connections == 0, "nothing is under way", 5)
            assert len(found) == count
            for report_id, changes in found.items():
                after = first(changes, "failed") - connector.reports[report_id].reported_at
                assert POLICY.limit <= after <= POLICY.limit + LATEST
                assert states_of(changes)["failed"] == 1
            on_record = {(report_id, n) for report_id, changes in found.items() for n in attempts(changes)}
            # Each is recorded before it is made; on a busy machine it may time out before the agency has read it.
            assert on_record >= {(request.report_id, request.attempt) for request in agency.requests}
            assert sum(states_of(changes)["sent"] for changes in found.values()) == len(on_record)
            # First one attempt a slot, then the probes.
            assert agency.most_connections == CONNECTIONS
            assert CONNECTIONS < len(on_record) < CONNECTIONS + 10
            assert connector.changes == [True]


async def test_slots_bound_the_connections_and_when_the_agency_is_back_all_is_acknowledged(run: Run) -> None:
    patient = replace(POLICY, limit=timedelta(minutes=10))
    async with (
        raw_agency(Mode.HANG) as agency,
        connector_lane(run, agency.url, patient, connections=8) as connector,
        deliveries_of(run, connector.reports) as deliveries,
    ):
        connector.put(60)
        await run.until(lambda: connector.changes == [True], "the breaker is open", 10)
        # As many attempts as failed before it opened passed on their slots; these time out beside the first probes.
        before = 8 + FAILURES_TO_OPEN - 1
        await run.until(lambda: len(agency.requests) > before and agency.connections == 1, "only a probe is left", 10)
        seen, agency.most_connections = len(agency.requests), 0
        await run.until(lambda: len(agency.requests) >= seen + 2, "it probes", 10)
        assert agency.most_connections == 1
        await agency.become(Mode.UP)
        found = await deliveries.until(was_in("acknowledged"))
        assert connector.changes == [True, False]
        # More than the probes, and no more than the slots.
        assert 1 < agency.most_connections <= 8
        assert sorted(agency.accepted) == sorted(connector.reports)
        for changes in found.values():
            states = states_of(changes)
            assert states["queued"] == states["received"] == states["acknowledged"] == 1
            assert states["failed"] == 0
            assert changes[-1].reference


async def test_999_that_comes_back_after_the_limit_has_every_report_and_that_is_on_record(run: Run) -> None:
    policy = replace(POLICY, limit=timedelta(seconds=2), tries_on=timedelta(minutes=1))
    async with (
        raw_agency(Mode.AWAY) as agency,
        connector_lane(run, agency.url, policy) as connector,
        deliveries_of(run, connector.reports) as deliveries,
    ):
        connector.put(20)
        await deliveries.until(was_in("failed"))
        await agency.become(Mode.UP)
        found = await deliveries.until(was_in("acknowledged"))
        assert sorted(agency.accepted) == sorted(connector.reports)
        for report_id, changes in found.items():
            after = first(changes, "failed") - connector.reports[report_id].reported_at
            assert policy.limit <= after <= policy.limit + LATEST
            states = [change.state for change in changes]
            assert states[-2:] == ["received", "acknowledged"]
            assert attempts(changes) == list(range(1, len(attempts(changes)) + 1))


async def test_a_report_that_arrives_after_its_limit_reaches_an_agency_that_is_up(run: Run) -> None:
    policy = replace(POLICY, tries_on=timedelta(minutes=10))
    async with (
        raw_agency(Mode.UP) as agency,
        connector_lane(run, agency.url, policy) as connector,
        deliveries_of(run, connector.reports) as deliveries,
    ):
        (made,) = connector.put(1)
        (late,) = connector.put(1, reported_at=made.reported_at - timedelta(minutes=5))
        found = await deliveries.until(was_in("acknowledged"))
        assert [change.state for change in found[made.report_id]] == ["queued", "sent", "received", "acknowledged"]
        assert [change.state for change in found[late.report_id]] == ["queued", "sent", "received", "acknowledged"]
