"""Agencies that hang, drop, are busy or away at seeded times: each report is delivered once, or fails in time."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.reports import DeliveryChanged
from schemas.vocabulary import Agency
from streams.domain.delivery import RetryPolicy
from tests.connector_lane import (
    LATEST,
    ConnectorLane,
    Deliveries,
    attempts,
    connector_lane,
    deliveries_of,
    first,
    states_of,
    was_in,
)
from tests.counting import Run
from tests.raw_agency import Mode, RawAgency, raw_agency

pytestmark = pytest.mark.faults

#: A tenth of the real limits and waits, so that a limit passes within a test.
POLICY = RetryPolicy(
    limit=timedelta(seconds=6),
    attempt_timeout=timedelta(milliseconds=500),
    first_wait=timedelta(milliseconds=50),
    longest_wait=timedelta(milliseconds=800),
    longest_probe_wait=timedelta(milliseconds=500),
)
POLICIES = {
    Agency.EMERGENCY_999: replace(POLICY, tries_on=timedelta(minutes=5)),
    Agency.POLICE_101: POLICY,
    Agency.CARE_TEAM: POLICY,
}
REPORTS, CONNECTIONS = 80, 8
#: Time in which reports arrive, and time in which the agencies have faults (seconds).
LOAD_SECONDS, TROUBLE_SECONDS = 8.0, 12.0
#: Largest time between an attempt and its record, and from an absence of the agency to an attempt that it loses.
UNSEEN = timedelta(seconds=2)
TROUBLES = (Mode.HANG, Mode.HANG, Mode.AWAY, Mode.DROP, Mode.BUSY, Mode.UP)


@dataclass(frozen=True)
class Plan:
    """The modes of one agency in order, with their seconds, and the pauses between its reports."""

    troubles: Sequence[tuple[Mode, float]]
    waits: Sequence[float]

    @classmethod
    def of(cls, chance: random.Random) -> "Plan":
        troubles: list[tuple[Mode, float]] = []
        while sum(seconds for _, seconds in troubles) < TROUBLE_SECONDS:
            # Some last longer than the limit.
            troubles.append((chance.choice(TROUBLES), chance.choice((0.7, 2.0, 4.0, 8.0)) * chance.uniform(0.7, 1.3)))
        arrivals = sorted(chance.uniform(0, LOAD_SECONDS) for _ in range(REPORTS))
        return cls(troubles, [after - before for before, after in zip([0.0, *arrivals], arrivals, strict=False)])

    def __str__(self) -> str:
        return " ".join(f"{mode}:{seconds:.1f}" for mode, seconds in self.troubles)


async def trouble(agency: RawAgency, plan: Plan) -> None:
    for mode, seconds in plan.troubles:
        await agency.become(mode)
        await asyncio.sleep(seconds)
    await agency.become(Mode.UP)


async def load(connector: ConnectorLane, plan: Plan) -> None:
    for wait in plan.waits:
        await asyncio.sleep(wait)
        connector.put(1)


async def test_each_report_is_acknowledged_once_or_a_human_has_it_in_time(
    bootstrap: str, tmp_path: Path, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    plans = {agency: Plan.of(chance) for agency in POLICIES}
    chosen("; ".join(f"{agency} {plan}" for agency, plan in plans.items()))
    jitter = random.Random(chance.random()).random
    async with AsyncExitStack() as open_:
        found: dict[Agency, tuple[RawAgency, ConnectorLane, Deliveries]] = {}
        for agency, policy in POLICIES.items():
            server = await open_.enter_async_context(raw_agency(Mode.UP))
            lane = await open_.enter_async_context(
                connector_lane(
                    Run(bootstrap, tmp_path, partitions=1),
                    server.url,
                    policy,
                    agency=agency,
                    connections=CONNECTIONS,
                    jitter=jitter,
                )
            )
            deliveries = await open_.enter_async_context(deliveries_of(lane.run, lane.reports))
            found[agency] = server, lane, deliveries
        async with asyncio.TaskGroup() as going:
            for agency, (server, lane, _) in found.items():
                going.create_task(trouble(server, plans[agency]))
                going.create_task(load(lane, plans[agency]))
        for agency, (server, lane, deliveries) in found.items():
            over = was_in("acknowledged") if agency is Agency.EMERGENCY_999 else ended
            changes = await deliveries.until(over, 40)
            assert len(changes) == REPORTS
            await lane.run.until(lambda server=server: server.connections == 0, "nothing is under way", 10)  # type: ignore[misc]
            judge(server, lane, await deliveries.until(over))


def ended(changes: Sequence[DeliveryChanged]) -> bool:
    return was_in("acknowledged")(changes) or was_in("failed")(changes)


def judge(server: RawAgency, lane: ConnectorLane, found: dict[str, list[DeliveryChanged]]) -> None:
    """Check the committed deliveries and the requests that the agency received."""
    assert server.most_connections <= CONNECTIONS
    assert len(server.accepted) == len(set(server.accepted))
    seen = [(request.report_id, request.attempt) for request in server.requests]
    assert len(seen) == len(set(seen)), "no attempt is made twice"
    on_record = set()
    for report_id, changes in found.items():
        states, numbers = states_of(changes), attempts(changes)
        assert states["queued"] == 1
        assert numbers == list(range(1, len(numbers) + 1))
        on_record |= {(report_id, number) for number in numbers}
        limit = lane.reports[report_id].reported_at + POLICY.limit
        if was_in("acknowledged")(changes):
            assert states["received"] == states["acknowledged"] == 1
            assert report_id in server.accepted
            assert changes[-1].reference
        assert first(changes, "acknowledged") <= limit + LATEST or was_in("failed")(changes)
        if was_in("failed")(changes):
            assert limit <= first(changes, "failed") <= limit + LATEST
            if lane.agency is not Agency.EMERGENCY_999:
                assert states["failed"] == 1, "others are not tried on"
        unseen = set(numbers) - {number for one, number in seen if one == report_id}
        assert all(
            server.was_away(change.changed_at, UNSEEN) or had_no_answer(changes, change.attempt)
            for change in changes
            if change.request is not None and change.attempt in unseen
        ), "an attempt that the agency did not see found it away, or was cut off before the agency read it"
    assert set(seen) <= on_record, "each attempt is on record"


def had_no_answer(changes: Sequence[DeliveryChanged], attempt: int) -> bool:
    """Return whether a record after an attempt says that it got no answer: on a slow machine it may end unread."""
    ends = ("timeout", "connection_lost", "no_connection")
    return any((each.reason or "").endswith(ends) for each in changes if each.attempt in (attempt, attempt + 1))
