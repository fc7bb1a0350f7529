"""`confide keys`: its output for a missing key file, and for a key whose owner is not on the duty rota."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.policy.duty import load_duty
from services.settings import Keys, SettingsError

ON_ROTA = load_duty().staff[0].id


def run(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key != "CONFIDE_DUTY"}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "keys", "staff", name, str(folder)],
        env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_key_file_that_is_missing_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"key file {tmp_path}/master.key: No such file or directory"):
        Keys.load(tmp_path)


def test_a_key_of_a_person_who_is_not_on_the_rota_is_made_with_a_warning(tmp_path: Path) -> None:
    done = run("lead-9", tmp_path)
    assert (done.returncode, done.stdout) == (0, "made: staff/lead-9.key\n")
    rota = "the policy's own duty rota (CONFIDE_DUTY is not set)"
    assert done.stderr == f"confide: lead-9 is not on {rota}, so what this key signs is refused\n"
    assert run(ON_ROTA, tmp_path).stderr == ""


def test_a_rota_that_cannot_be_read_keeps_no_key_from_being_made(tmp_path: Path) -> None:
    done = run(ON_ROTA, tmp_path, CONFIDE_DUTY=str(tmp_path / "gone.toml"))
    assert (done.returncode, done.stdout) == (0, f"made: staff/{ON_ROTA}.key\n")
    assert done.stderr.startswith(f"confide: it is unknown whether {ON_ROTA} is on the duty rota: ")
