"""Says at the end of a run how much of the fact space was proved."""

import pytest

from tests.proof.covered import COVERED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COVERED:
        terminalreporter.section("proof of the policy")
        said = ", ".join(f"{many:,} {what}" for what, many in COVERED.items())
        terminalreporter.line(f"{COVERED.total():,} combinations of facts decided both ways: {said}")
