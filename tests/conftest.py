"""Fixtures of every kind of test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.broker import LocalBroker
from tests import brokers


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real broker that the session shares, with every topic of the catalogue in 4 partitions."""
    with brokers.serving(tmp_path_factory.mktemp("broker")) as address:
        yield address


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Callable[[], LocalBroker]]:
    """Makes brokers of a test's own, started and without topics, to kill and start again; all end with the test."""
    with ExitStack() as ending:

        def make() -> LocalBroker:
            broker = LocalBroker(tmp_path / f"broker-{len(made)}")
            ending.callback(broker.kill)
            made.append(broker)
            return broker.start()

        made: list[LocalBroker] = []
        yield make
