"""Fixtures that tests of whole processes share: their environment, the processes, and the kafka they find."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from schemas.vocabulary import Agency
from services.settings import Keys
from tests.agency_servers import serving
from tests.kafka_fixture import KafkaFixture
from tests.processes import Processes, processes


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """Why lanes would have ended their process, which is the test's own; that it ends is proved with workers."""
    found: list[BaseException] = []
    monkeypatch.setattr("streams.runtime.lane.lane.end_process", lambda _, error: found.append(error))
    return found


@pytest.fixture
def environment(bootstrap: str, tmp_path: Path) -> dict[str, str]:
    """What every process is told: the broker, keys of the test's own, and where its traces go."""
    Keys.create(tmp_path / "keys")
    return {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "CONFIDE_TRACES": str(tmp_path / "traces"),
    }


@pytest.fixture
def confide(environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    """Starts processes, which end with the test."""
    with processes(environment, tmp_path) as starting:
        yield starting


@pytest.fixture
async def kafka(bootstrap: str, confide: Processes, tmp_path: Path) -> AsyncIterator[KafkaFixture]:
    """The kafka of one test, with reports of its own and an agency that is up."""
    async with serving(tmp_path, Agency.EMERGENCY_999) as agency:
        made = KafkaFixture(bootstrap, agency, confide, Keys.load(tmp_path / "keys").master)
        made.run = secrets.token_hex(4)
        yield made
        made.close()
