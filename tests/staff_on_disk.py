"""The files of staff on disk, and the refused changes of them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import Invalid
from schemas.policy import load_policy
from services.settings import Keys, Settings
from services.staff_files import StaffFiles
from streams.domain.staff import StaffDirectory

ROTA = """
[escalate_every]
emergency = "5 minutes"
other = "4 hours"
"""


ALL_DAY = '[[staff]]\nid = "{}"\nrole = "{}"\non_duty = ["daily 00:00-24:00"]\n'


NEVER_SHOWN = "7700900123"


SECOND = timedelta(seconds=1)


def rota(*leads: str, role: str = "safeguarding_lead") -> str:
    return ROTA + "".join(ALL_DAY.format(name, role) for name in leads)


@dataclass
class StaffOnDisk:
    """A rota and keys on disk, and the worker's directory of them, with the test's own clock."""

    folder: Path
    # Later than the writes of the test's files, so that none of them counts as incomplete.
    now: datetime

    def __post_init__(self) -> None:
        self.alarms: list[str] = []
        Keys.create(self.folder)
        self.write("duty.toml", rota("lead-1", "lead-2"))
        for name in ("lead-1", "lead-2"):
            Keys.create_staff(self.folder, name)
        self.files = self.started()

    def started(self, duty_file: str | None = "duty.toml") -> StaffFiles:
        settings = Settings("", self.folder, None if duty_file is None else self.folder / duty_file)
        return StaffFiles(
            settings,
            settings.keys(),
            load_policy().trained,
            monotonic=self._seconds,
            now=lambda: self.now,
            alarm=self.alarms.append,
        )

    def _seconds(self) -> float:
        return self.now.timestamp()

    def write(self, name: str, text: str, *, at: datetime | None = None) -> None:
        """Write a file of the folder with an old time of writing, or with the time `at`."""
        path = self.folder / name
        path.write_text(text)
        os.utime(path, (0, (at or self.now - timedelta(hours=1)).timestamp()))

    def look(self, after: timedelta = SECOND) -> StaffDirectory:
        """Return the directory after that time has passed."""
        self.now += after
        return self.files()

    def refusal(self, name: str) -> str:
        with pytest.raises(Invalid) as refused:
            self.files().signer(name)
        return str(refused.value)


@dataclass
class RefusedChanges:
    """Logs and counts of refused changes; none of them may quote a file."""

    log: Sequence[Mapping[str, Any]]
    counted: list[str]

    def take(self) -> list[tuple[str, str]]:
        """Return each refused file with its reason since the last call."""
        errors = [each for each in self.log if each["log_level"] == "error"]
        found = [(each["file"], each["reason"]) for each in errors[self._taken :]]
        self._taken = len(errors)
        assert NEVER_SHOWN not in repr(self.log)
        assert len(self.counted) == len(errors)
        return found

    _taken: int = 0


def said(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
