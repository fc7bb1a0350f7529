"""Fixtures of every kind of test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# Its pytest plugin imports it when the tests have ended, at which CPython 3.11 may fail (gh-106905) while it collects
# garbage of a test: a run that passed would count as failed.
import hypothesis
import pytest

from infra.broker import LocalBroker
from tests import brokers
from tests.proof.covered import COVERED

# No time limit for an example: on a busy machine it would fail a test that is right.
hypothesis.settings.register_profile("confide", deadline=None)
hypothesis.settings.load_profile("confide")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests of a file run in one process.

    So do all tests with three brokers, which need the machine, and all that share the open deployment.
    """
    for item in items:
        module = item.getparent(pytest.Module)
        if module is not None:
            clusters, fixtures = "LocalCluster" in vars(module.obj), getattr(item, "fixturenames", ())
            shares_deployment = "deployment" in fixtures and module.nodeid.startswith("tests/e2e/")
            group = "clusters" if clusters else "deployment" if shares_deployment else module.nodeid
            item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fail if the tests of a file are not kept together: each process would start the brokers of every file.

    pytest-xdist writes the group into a private name of pytest. Where pytest no longer has that name, nothing is said.
    """
    if getattr(session.config.option, "loadgroup", False) and not all("@" in item.nodeid for item in session.items):
        pytest.exit("pytest-xdist does not keep the tests of a file together", returncode=4)


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


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over, where tests run in several processes, what this one's proved."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["covered"] = dict(COVERED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what another process proved; one that died proved nothing."""
    COVERED.update(getattr(node, "workeroutput", {}).get("covered", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end of a run how much of the fact space was proved."""
    if COVERED:
        terminalreporter.section("proof of the policy")
        said = ", ".join(f"{many:,} {what}" for what, many in COVERED.items())
        terminalreporter.line(f"{COVERED.total():,} combinations of facts decided both ways: {said}")
