"""Any process of the demo is killed five times during the day: the results are the same, each once."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from schemas.vocabulary import Service
from streams.domain.ids import decision_id, notification_id, report_id
from tests.disclosures import DAY_LINES, SCENARIOS
from tests.e2e.jsonl import read

pytestmark = pytest.mark.faults

_KILLS = 5
_SECONDS = 480
#: Victims of the short form of the fault tests. The others have it too in chaos, whose short form strikes each kind.
_SHORT = frozenset({"worker", "kafka", "connector-999"})
#: Part of the command line of each process.
VICTIMS = {
    "worker": "worker --slot 1",
    "kafka": "kafka.Kafka",
    "gateway": "gateway --port",
    "agencies": "agencies --folder",
    "notifier": "notifier --channel",
    "connector-999": "connector 999",
    "connector-social-worker": "connector social-worker",
}


def victim(demo: int, words: str) -> psutil.Process:
    """Return the child of the demo with these words in its command line; wait until it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in psutil.Process(demo).children(recursive=True):
            try:
                # At first a child is the wrapper that binds its life to the demo; then it becomes the program.
                line = " ".join(child.cmdline())
            except psutil.NoSuchProcess:
                continue
            if words in line and "die_with_parent.py" not in line:
                return child
    raise AssertionError(f"no process with {words!r} runs")


def expected() -> tuple[set[str], set[str], set[str]]:
    """Return the ids of all decisions, reports and notices of the day: functions of its lines."""
    rows = json.loads((SCENARIOS / "expected.json").read_text())["lines"]
    lines = {row["line"]: json.loads(DAY_LINES[row["line"] - 1]) for row in rows}
    decisions = {number: decision_id(Service(d["service"]), d["disclosure_id"]) for number, d in lines.items()}
    reported = [(decisions[row["line"]], row["agencies"]) for row in rows if row["outcome"] in ("emergency", "refer")]
    reports = {str(report_id(d, agency.split()[0])) for d, agencies in reported for agency in agencies}
    return set(decisions.values()), reports, {notification_id(report) for report in reports}


def ids_of(lines: list[dict[str, Any]], name: str) -> list[str]:
    return sorted(line[name] for line in lines)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in _SHORT else pytest.mark.long) for name in VICTIMS]
)
def test_five_kills_change_nothing(name: str, tmp_path: Path, chosen: Callable[[object], None]) -> None:
    chance = random.Random(name)
    after = sorted(chance.sample(range(5, 60), _KILLS))
    chosen(f"after {after} decisions")
    command = [sys.executable, "-m", "services.cli", "demo", "--out", str(tmp_path), "--workers", "2"]
    decided, killed, said = 0, 0, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        # A demo that hangs prints nothing, and this test would wait for its next line.
        overdue = threading.Timer(_SECONDS, demo.kill)
        overdue.start()
        try:
            assert demo.stdout is not None
            for line in demo.stdout:
                said.append(line)
                # The line of a decision begins with its outcome; lines of the supervisor do not count.
                decided += line.split()[0] in ("emergency", "refer", "review", "confidential", "out_of_scope")
                if killed < _KILLS and decided >= after[killed]:
                    victim(demo.pid, VICTIMS[name]).send_signal(signal.SIGKILL)
                    killed += 1
            status = demo.wait(_SECONDS)
        finally:
            overdue.cancel()
            demo.kill()
    assert (status, killed) == (0, _KILLS), "".join(said)
    assert "Everything that went in is accounted for." in "".join(said)
    decisions, reports, notices = expected()
    assert ids_of(read(tmp_path / "decisions.jsonl"), "decision_id") == sorted(decisions)
    assert ids_of(read(tmp_path / "reports.jsonl"), "report_id") == sorted(reports)
    left = read(tmp_path / "notifications.jsonl")
    for record in ("NotificationDue", "NotificationSettled"):
        assert ids_of([n for n in left if n["record"] == record], "notification_id") == sorted(notices)
    accepted = Counter(
        line["report_id"] for log in (tmp_path / "agencies").glob("*.jsonl") for line in read(log) if line["accepted"]
    )
    assert accepted == Counter(dict.fromkeys(reports, 1))
