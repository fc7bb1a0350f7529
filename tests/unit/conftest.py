"""Fixtures that modules of unit tests share: a lane of DECIDE, a receiver of alarms, and connectors with an agency."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from schemas.vocabulary import Agency, PeerKind
from streams.domain.delivery import RetryPolicy
from tests.agency_servers import AgencyServer, serving
from tests.alarm_lane import Receiver
from tests.connector_fixture import QUICK, ConnectorFixture, Open
from tests.decide_reviews import decide
from tests.reports import Keys
from tests.turns import Lane


@pytest.fixture
def lane() -> Lane:
    """A lane of DECIDE with the rota and the keys that its reviews need; other lanes are their modules' own."""
    return Lane(decide())


@pytest.fixture
def receiver() -> Receiver:
    """A receiver that takes every call until a test sets refusals."""
    return Receiver()


@pytest.fixture
async def agency(tmp_path: Path) -> AsyncIterator[AgencyServer]:
    """An agency that is up and has no faults until a test adds them."""
    async with serving(tmp_path, Agency.EMERGENCY_999) as server:
        yield server


@pytest.fixture
async def connector_at(agency: AgencyServer) -> AsyncIterator[Open]:
    """Makes connectors, and closes their connections before the agency of the test is gone."""
    async with AsyncExitStack() as closing:

        def make(
            url: str, keys: Keys | None = None, policy: RetryPolicy = QUICK, kind: PeerKind = PeerKind.LIVE
        ) -> ConnectorFixture:
            connector = ConnectorFixture(url, keys, policy, kind)
            closing.push_async_exit(connector.client)
            return connector

        yield make


@pytest.fixture
async def nowhere(tmp_path: Path) -> str:
    """An address at which no agency listens."""
    async with serving(tmp_path / "gone", Agency.EMERGENCY_999) as gone:
        return gone.url
