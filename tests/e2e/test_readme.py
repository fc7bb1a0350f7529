"""Every command of the README and of the pages that it links to is run: here, or as a target that CI calls."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
#: The README, and the pages that it sends its readers to.
PAGES = (README, *((ROOT / name).read_text() for name in ("infra/figures.md", ".github/CONTRIBUTING.md")))
LINES = [
    line
    for page in PAGES
    for block in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
#: Targets that CI runs as parts of others: every target sets up first, and `make test` has the tests of `make unit`.
IN_OTHERS = {"make setup", "make unit"}
#: Least number of notices of the day: all lines are sent at once, and line 40 may mark the channel of line 24 unsafe
#: before its notice is sent.
_LEAST_NOTICES = 29


def environment(folder: Path) -> dict[str, str]:
    """Return an environment with the command on its path and its own state folder."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "CONFIDE_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**clean, "PATH": path, "XDG_STATE_HOME": str(folder), "TMPDIR": str(folder)}


def between(start: str, end: str) -> str:
    """Return the commands between two marks in the README."""
    part = README.split(f"<!-- by hand: {start} -->")[1].split(f"<!-- by hand: {end} -->")[0]
    return "".join(re.findall(r"^```sh\n(.*?)^```$", part, re.MULTILINE | re.DOTALL))


def test_the_targets_are_run_by_ci() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    targets = {line for line in LINES if line.startswith("make ")}
    assert targets == {"make demo", "make test", "make bench", "make lint"} | IN_OTHERS
    assert all(re.search(rf"^step {target}( SHORT=--short)?$", ci, re.MULTILINE) for target in targets - IN_OTHERS)


def test_every_target_that_a_page_names_is_there() -> None:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:^|`)make ([a-z-]+)", page, re.MULTILINE)}
    assert {"demo", "test", "unit", "bench"} <= named <= there


def test_the_single_commands_work_as_they_stand(tmp_path: Path) -> None:
    single = [line for line in LINES if line.startswith(("confide decide", "confide demo"))]
    assert len(single) == 2
    for line in single:
        command = line.replace(" played ", f" {tmp_path / 'played'} ")
        done = subprocess.run(
            command, shell=True, cwd=ROOT, env=environment(tmp_path), capture_output=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    assert (tmp_path / "played" / "decisions.jsonl").read_text().count("\n") == 62


def test_the_calls_of_pytest_work_as_they_stand(tmp_path: Path) -> None:
    calls = [line for line in LINES if line.startswith(".venv/bin/python -m pytest ")]
    assert len(calls) == 2
    for line in calls:
        command = [sys.executable, *line.split()[1:]]
        done = subprocess.run(
            command, cwd=ROOT, env=environment(tmp_path), capture_output=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]


def test_each_part_by_itself_does_its_part(tmp_path: Path) -> None:
    wait = f"""
        for attempt in $(seq 600); do
            [ "$(cat "$work/notices.jsonl" 2>/dev/null | wc -l)" -ge {_LEAST_NOTICES} ] && break
            sleep 0.1
        done
        echo
        wc -l < "$work/notices.jsonl"
    """
    script = f"set -eu\n{between('start', 'stop')}\n{wait}\n{between('stop', 'end')}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "65 acknowledged, 0 rejected" in said, said
    assert '"accepted"' in said, said
    assert f"\n{_LEAST_NOTICES}\n" in said or f"\n{_LEAST_NOTICES + 1}\n" in said, said
    assert "stopped: " in said, said
