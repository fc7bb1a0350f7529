"""An attempt and its endpoint: its outcome goes to the breaker, and it holds no slot while it waits for a key."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from schemas.alarms import BreakerReason
from schemas.vocabulary import Agency
from services.agency_profiles import AGENCY_PROFILES
from services.connectors.attempts import Attempts
from services.connectors.client import AgencyClient
from services.connectors.composer import Composer
from services.connectors.effects import Attempt, AttemptEnded
from services.connectors.endpoint import FAILURES_TO_ALARM, FAILURES_TO_OPEN, Endpoint
from services.connectors.keyring import NoKey
from services.simulated_agencies import Fault
from streams.domain.delivery import Failure
from streams.runtime import Origin
from tests.agency_servers import AgencyServer
from tests.connector_fixture import QUICK, Open
from tests.reports import Keys, encoded, report, section


class HiddenKeys(Keys):
    """Keys, of which "hidden" arrives when `there` is set; `asked` is set when a caller waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.there = asyncio.Event(), asyncio.Event()

    async def data_key(self, key_id: str) -> bytes | NoKey:
        if key_id == "hidden":
            self.asked.set()
            await self.there.wait()
        return self.keys["key-1"]


async def test_attempts_without_an_answer_open_the_breaker_and_an_answer_closes_it(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([Fault.DROP] * FAILURES_TO_OPEN)
    connector = connector_at(agency.url)
    is_open: list[bool] = []
    connector.during_attempt(lambda: is_open.append(connector.endpoint.is_open))
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert is_open == [*[False] * (FAILURES_TO_OPEN - 1), True, False]
    assert connector.states()[-1] == ("acknowledged", FAILURES_TO_OPEN + 1)


async def test_a_status_however_often_it_comes_leaves_the_breaker_closed(
    agency: AgencyServer, connector_at: Open
) -> None:
    agency.faults.add([503] * (FAILURES_TO_OPEN + 1))
    connector = connector_at(agency.url)
    is_open: list[bool] = []
    connector.during_attempt(lambda: is_open.append(connector.endpoint.is_open))
    connector.lane.feed(encoded(report()))
    await connector.finish()
    assert is_open == [False] * (FAILURES_TO_OPEN + 2)


@pytest.mark.parametrize("was_open", [False, True])
async def test_an_error_of_our_own_neither_opens_the_breaker_nor_closes_it(
    monkeypatch: pytest.MonkeyPatch, was_open: bool
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise KeyError("+447700900123")

    endpoint = Endpoint(Agency.EMERGENCY_999, QUICK)
    composer = Composer(Keys(), AGENCY_PROFILES[Agency.EMERGENCY_999].project)
    attempt = Attempt("report-1", 1, section(), Origin(), timedelta(seconds=60))
    for _ in range(FAILURES_TO_OPEN if was_open else 0):
        endpoint.unanswered("another")
    async with AgencyClient("http://127.0.0.1:1", QUICK.attempt_timeout) as client:
        monkeypatch.setattr(client._client, "stream", broken)
        attempts = Attempts(Agency.EMERGENCY_999, composer, client, endpoint)
        for _ in range(FAILURES_TO_OPEN):
            answered = await attempts.make(attempt)
            assert isinstance(answered, AttemptEnded)
            assert answered.response.outcome is Failure.CLIENT_ERROR
    assert endpoint.is_open is was_open


async def test_an_agency_that_takes_nothing_alarms_although_it_answers(
    agency: AgencyServer, connector_at: Open
) -> None:
    connector = connector_at(agency.url)
    changes: list[BreakerReason | None] = []
    connector.endpoint._on_change = changes.append
    agency.faults.add([503] * FAILURES_TO_ALARM)
    connector.lane.feed(encoded(report()))
    alarmed: list[bool] = []
    connector.during_attempt(lambda: alarmed.append(bool(changes)))
    await connector.finish()
    assert alarmed == [*[False] * (FAILURES_TO_ALARM - 1), True, True]
    assert changes == [BreakerReason.TAKES_NO_REPORTS, None]


@pytest.mark.parametrize("status", [400, 401, 418, 429, 500])
async def test_an_answer_that_takes_no_report_counts_for_the_alarm(
    agency: AgencyServer, connector_at: Open, status: int
) -> None:
    connector = connector_at(agency.url)
    changes: list[BreakerReason | None] = []
    connector.endpoint._on_change = changes.append
    for _ in range(FAILURES_TO_ALARM - 1):
        connector.endpoint.answered(is_taken=False)
    agency.faults.add([status])
    connector.lane.feed(encoded(report()))
    await connector.lane.settle()
    assert changes == [BreakerReason.REFUSED_CREDENTIALS if status == 401 else BreakerReason.TAKES_NO_REPORTS]


async def test_an_attempt_whose_key_is_not_at_hand_waits_for_it(agency: AgencyServer, connector_at: Open) -> None:
    connector = connector_at(agency.url)
    connector.lane.feed(encoded(report()))
    # As in a restarted process that has not read the key yet.
    connector.keys.late = True
    await connector.finish()
    assert connector.states() == [("queued", 0), ("sent", 1), ("received", 1), ("acknowledged", 1)]


async def test_an_attempt_that_waits_for_its_key_holds_no_slot() -> None:
    keys = HiddenKeys()
    endpoint = Endpoint(Agency.EMERGENCY_999, QUICK, connections=1)
    composer = Composer(keys, AGENCY_PROFILES[Agency.EMERGENCY_999].project)
    entered: list[str] = []
    async with AgencyClient("http://127.0.0.1:1", QUICK.attempt_timeout) as client:
        attempts = Attempts(Agency.EMERGENCY_999, composer, client, endpoint)

        async def enter(report_id: str, key_id: str) -> None:
            attempt = Attempt(report_id, 1, section(key_id=key_id), Origin(), timedelta(seconds=60))
            async with attempts.slot(attempt):
                entered.append(report_id)

        waiting = asyncio.create_task(enter("report-1", "hidden"))
        await keys.asked.wait()
        async with asyncio.timeout(5):
            await enter("report-2", "key-1")
        keys.there.set()
        await waiting
    assert entered == ["report-2", "report-1"]
