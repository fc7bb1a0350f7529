"""Fixtures: an open deployment, and the scenario day as `confide demo` plays it."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.deployment import Deployment, open_deployment
from tests.e2e.jsonl import read


@dataclass(frozen=True)
class Played:
    """A play of the scenario day: its exit status, its output, and the folder of its files."""

    status: int
    said: str
    out: Path

    def left(self, name: str) -> list[dict[str, Any]]:
        """Return the lines of one of its files."""
        return read(self.out / name)


@pytest.fixture(scope="package")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A whole deployment, open until the last test of this folder; beside other tests it would use their processors."""
    with open_deployment(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """One play of the scenario day for all tests."""
    out = tmp_path_factory.mktemp("played")
    command = [sys.executable, "-m", "services.cli", "demo", "--out", str(out), "--workers", "2", "--partitions", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return Played(done.returncode, done.stdout + done.stderr, out)
