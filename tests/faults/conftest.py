"""Seeds of the fault tests: FAULT_SEEDS, by default one. The summary lists their choices and the skipped tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.counting import Run
from tests.faults.machine import LEFT_OUT

_FIRST = 20260203


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        seeds = range(_FIRST, _FIRST + int(os.environ.get("FAULT_SEEDS", "1")))
        metafunc.parametrize("seed", seeds, ids=lambda seed: f"seed-{seed}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    chosen = [
        (report.nodeid, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "chosen" and report.when == "call"
    ]
    if chosen:
        terminalreporter.section("what the seeds chose")
        for nodeid, value in chosen:
            terminalreporter.write_line(f"{nodeid}: {value}")
    left_out = [
        (report.nodeid, report.longrepr[2])
        for report in terminalreporter.getreports("skipped")
        if isinstance(report.longrepr, tuple) and LEFT_OUT in report.longrepr[2]
    ]
    if left_out:
        terminalreporter.section("what this run left out")
        for nodeid, reason in left_out:
            terminalreporter.write_line(f"{nodeid}: {reason.removeprefix('Skipped: ')}")


@pytest.fixture
def chosen(record_property: Callable[[str, object], None]) -> Callable[[object], None]:
    """Reports what a seed chose: in the output of a test that fails, and in the summary of the run."""

    def report(what: object) -> None:
        record_property("chosen", str(what))
        print(f"chosen: {what}")

    return report


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=4)
    yield made
    made.end()
