"""`confide keys`: its output for wrong key files, and for a member of staff who is not on the duty rota."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.policy.duty import load_duty
from services.settings import Keys, SettingsError

ON_ROTA = load_duty().staff[0].id


def run(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_keys("staff", name, str(folder), **environment)


def run_keys(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key != "CONFIDE_DUTY"}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "keys", *words],
        env={**kept, **environment}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_key_file_that_is_missing_is_named_with_its_folder(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"key file {tmp_path}/master.key: No such file or directory"):
        Keys.load(tmp_path)


def test_a_person_who_is_not_on_the_rota_gets_no_key(tmp_path: Path) -> None:
    done = run("lead-9", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    rota = "the policy's own duty rota (CONFIDE_DUTY is not set)"
    allowed = ", ".join(each.id for each in load_duty().staff)
    assert done.stderr == f"confide: lead-9 is not on {rota}; allowed: {allowed}\n"
    assert not (tmp_path / "staff").exists()
    done = run(ON_ROTA, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"made: staff/{ON_ROTA}.key\n", "")


def test_no_key_is_made_while_the_rota_cannot_be_read(tmp_path: Path) -> None:
    done = run(ON_ROTA, tmp_path, CONFIDE_DUTY=str(tmp_path / "gone.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"confide: it is unknown whether {ON_ROTA} is on the duty rota: ")
    assert not (tmp_path / "staff").exists()


@pytest.mark.parametrize("content", ["", "00ff", "no key at all", "0" * 63 + "z"])
def test_a_key_that_was_there_and_cannot_be_used_is_refused(tmp_path: Path, content: str) -> None:
    assert run(ON_ROTA, tmp_path).returncode == 0
    path = tmp_path / "staff" / f"{ON_ROTA}.key"
    path.write_text(content)
    done = run(ON_ROTA, tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"confide: key file {path}: ")
    assert path.read_text() == content
    assert not content or content not in done.stderr


@pytest.mark.parametrize("name", ["master", "token"])
def test_keys_that_were_there_and_cannot_be_used_are_refused_when_the_others_are_made(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / f"{name}.key").write_text("00ff")
    done = run_keys("create", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"confide: key file {tmp_path}/{name}.key: must hold 32 bytes in hexadecimal\n"


def test_one_key_in_two_files_is_refused(tmp_path: Path) -> None:
    """With the key of another member of staff, a person could sign as that one."""
    Keys.create(tmp_path)
    for name in ("lead-1", "lead-2"):
        Keys.create_staff(tmp_path, name)
    assert set(Keys.load(tmp_path).staff) == {"lead-1", "lead-2"}
    staff = tmp_path / "staff"
    (staff / "lead-2.key").write_bytes((staff / "lead-1.key").read_bytes())
    with pytest.raises(SettingsError, match=r"staff/lead-2\.key: holds the same key as staff/lead-1\.key$"):
        Keys.load(tmp_path)
    (staff / "lead-2.key").unlink()
    (tmp_path / "token.key").write_bytes((tmp_path / "master.key").read_bytes())
    with pytest.raises(SettingsError, match=r"token\.key: holds the same key as master\.key$"):
        Keys.load(tmp_path)
