"""The house, open for the session, and the day as `confide demo` plays it."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.house import House, open_house
from tests.e2e.jsonl import read


@dataclass(frozen=True)
class Played:
    """A play of the scenario day: how it ended, what it printed, and the folder of what it left."""

    status: int
    said: str
    out: Path

    def left(self, name: str) -> list[dict[str, Any]]:
        """Return one of the files that it left."""
        return read(self.out / name)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The whole house, open until the last test of this folder: beside other tests it would take their processors."""
    with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest.fixture(scope="package")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """The scenario day, played once for all tests of it."""
    out = tmp_path_factory.mktemp("played")
    command = [sys.executable, "-m", "services.cli", "demo", "--out", str(out), "--workers", "2", "--partitions", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return Played(done.returncode, done.stdout + done.stderr, out)
