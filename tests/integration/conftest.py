"""Fixtures that tests of whole processes share: environment variables, processes, and records in Kafka."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from schemas.vocabulary import Agency
from services.settings import Keys
from tests.agency_servers import serving
from tests.fakes.process_ends import ProcessEnds
from tests.kafka_fixture import KafkaFixture
from tests.processes import Processes, processes


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """The errors for which lanes would have ended the process of the test; tests with workers prove that it ends."""
    return ProcessEnds(monkeypatch).errors


@pytest.fixture
def environment(bootstrap: str, tmp_path: Path) -> dict[str, str]:
    """Environment variables of each process: the broker, keys of this test, and the folder of traces."""
    Keys.create(tmp_path / "keys")
    return {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "CONFIDE_TRACES": str(tmp_path / "traces"),
    }


@pytest.fixture
def confide(environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    """Starts processes, and ends them with the test."""
    with processes(environment, tmp_path) as starting:
        yield starting


@pytest.fixture
async def kafka(bootstrap: str, confide: Processes, tmp_path: Path) -> AsyncIterator[KafkaFixture]:
    """Kafka with the reports of one test, and an agency that answers."""
    async with serving(tmp_path, Agency.EMERGENCY_999) as agency:
        made = KafkaFixture(bootstrap, agency, confide, Keys.load(tmp_path / "keys").master)
        made.run = secrets.token_hex(4)
        yield made
        made.close()
