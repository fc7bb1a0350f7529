"""`confide load` accounts for every id, reports its faults, and leaves no process running."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.vocabulary import DeliveryState
from services.load.plan import Ids, Kind, Options, Plan
from services.settings import Keys
from tests.e2e.deployment import Deployment

pytestmark = [pytest.mark.e2e, pytest.mark.load]

MIX = ("--duplicates", "0.15", "--pairs", "0.5", "--urgent", "0.4", "--malformed", "0.1")


def command(*arguments: str) -> list[str]:
    # No warm-up: these tests do not check latencies.
    return [sys.executable, "-m", "services.cli", "load", "--warm-up", "0", *arguments]


def load(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def result(out: Path) -> dict[str, Any]:
    """Return the content of `load.json`."""
    left: dict[str, Any] = json.loads((out / "load.json").read_text())
    return left


def test_a_short_run_agrees_with_a_reader_of_the_topics(deployment: Deployment, tmp_path: Path) -> None:
    environment = {"KAFKA_BOOTSTRAP": deployment.bootstrap, "CONFIDE_KEYS": str(deployment.folder / "keys")}
    done = load("--rate", "25", "--seconds", "4", *MIX, "--out", str(tmp_path), environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every id is accounted for." in done.stdout
    (window,) = result(tmp_path)["windows"]
    counts, planned = window["reconciliation"]["counts"], window["planned"]
    assert window["reconciliation"]["faults"] == {}
    assert (
        window["sender"]["sent"] == window["sender"]["acknowledged"] == sum(planned[kind.name.lower()] for kind in Kind)
    )
    assert all(planned[kind.name.lower()] for kind in Kind)

    plan = Plan(Options.of(window["options"]), window["run"])
    ids = Ids(window["run"])
    originals = [ids.of(index) for index in range(len(plan.due)) if plan.kinds[index] <= Kind.URGENT]
    decisions = [d for d in deployment.account.decisions.values() if ids.index(d["disclosure_id"]) is not None]
    assert sorted(decision["disclosure_id"] for decision in decisions) == sorted(originals)
    assert counts["decided"] == len(originals)
    assert window["outcomes"] == Counter(decision["outcome"] for decision in decisions)

    ours = {decision["decision_id"] for decision in decisions}
    reports = {number for number, report in deployment.account.reports.items() if report["decision_id"] in ours}
    acknowledged = Counter(
        d["report_id"] for d in deployment.account.deliveries if d["state"] == DeliveryState.ACKNOWLEDGED
    )
    assert counts["reports"] == counts["acknowledged"] == len(reports) > 0
    assert all(acknowledged[number] == 1 for number in reports)
    assert counts["failed"] == 0

    malformed = {index for index in range(len(plan.due)) if plan.kinds[index] == Kind.MALFORMED}
    kept = [index for fields in deployment.account.rejected if (index := kept_of(fields, ids)) is not None]
    assert sorted(kept) == sorted(malformed)
    assert counts["rejected"] == len(malformed)

    persons = {decision["person"] for decision in decisions}
    assert counts["persons"] == len(persons) == len({plan.line(ids_index(ids, d)).person for d in decisions})

    latency = window["latency_milliseconds"]
    assert latency["decision"]["all"]["count"] == len(originals)
    assert latency["report"]["all"]["count"] == latency["acknowledgement"]["all"]["count"] == len(reports)
    for stage in latency.values():
        assert stage["urgent"]["count"] + stage["routine"]["count"] == stage["all"]["count"]
        assert 0 < stage["all"]["p50"] <= stage["all"]["p99"] <= stage["all"]["p99.9"] <= stage["all"]["max"]
    assert latency["acknowledgement"]["all"]["p50"] > latency["decision"]["urgent"]["p50"]


def kept_of(fields: dict[str, Any], ids: Ids) -> int | None:
    """Return the index of a rejected record of this run, by its original bytes."""
    import base64

    return ids.within(base64.b64decode(fields["value"]))


def ids_index(ids: Ids, decision: dict[str, Any]) -> int:
    index = ids.index(decision["disclosure_id"])
    assert index is not None
    return index


def test_nothing_that_names_a_person_is_printed_or_left(deployment: Deployment, tmp_path: Path) -> None:
    environment = {"KAFKA_BOOTSTRAP": deployment.bootstrap, "CONFIDE_KEYS": str(deployment.folder / "keys")}
    done = load("--rate", "25", "--seconds", "2", *MIX, "--out", str(tmp_path), environment=environment)
    said = (
        done.stdout
        + done.stderr
        + "".join(
            path.read_text()
            for path in tmp_path.rglob("*")
            if path.is_file() and path.suffix in (".json", ".log", ".svg")
        )
    )
    run = result(tmp_path)["windows"][0]["run"]
    assert run in said
    assert not re.search(rf"\+447700900|load\.example|{run}-0", said)
    persons = {decision["person"] for decision in deployment.account.decisions.values()}
    assert not any(person in said for person in persons)


def test_a_house_of_its_own_works_off_a_backlog_beside_the_open_loop(tmp_path: Path) -> None:
    arguments = ("--rate", "20", "--seconds", "4", "--urgent", "1", "--backlog", "300", "--drain", "--house")
    # `--house` opens an own deployment also if a Kafka is named.
    done = load(*arguments, "--out", str(tmp_path), environment={"KAFKA_BOOTSTRAP": "127.0.0.1:9"})
    assert done.returncode == 0, done.stdout + done.stderr
    left = result(tmp_path)
    (window,) = left["windows"]
    assert left["house"] == {"own": True, "workers": 1, "partitions": 4, "warm_up_seconds": 0.0}
    assert left["machine"]["cores"] == os.cpu_count()
    assert window["reconciliation"]["counts"]["backlog_decided"] == 300
    assert window["planned"]["routine"] == 0
    assert window["latency_milliseconds"]["decision"]["routine"]["count"] == 0, "the backlog has no latencies"
    assert window["latency_milliseconds"]["decision"]["urgent"]["count"] == window["planned"]["urgent"]
    assert (tmp_path / "load.svg").read_text().count("to report, urgent") == 1


def test_what_is_missing_is_listed_and_the_status_says_so(tmp_path: Path) -> None:
    """With a Kafka and no workers, nothing is decided, and every id that was sent is reported as missing."""
    Keys.create(tmp_path / "keys")
    with LocalBroker(tmp_path / "kafka") as broker:
        apply(broker.bootstrap, 2)
        environment = {"KAFKA_BOOTSTRAP": broker.bootstrap, "CONFIDE_KEYS": str(tmp_path / "keys")}
        arguments = ("--rate", "20", "--seconds", "2", "--settle", "1", *MIX, "--out", str(tmp_path))
        done = load(*arguments, environment=environment)
    assert done.returncode == 1, done.stdout + done.stderr
    (window,) = result(tmp_path)["windows"]
    plan = Plan(Options.of(window["options"]), window["run"])
    faults = window["reconciliation"]["faults"]
    assert faults.keys() == {"undecided", "unrejected"}
    originals = {plan.ids.of(index) for index in range(len(plan.due)) if plan.kinds[index] <= Kind.URGENT}
    assert set(faults["undecided"]["ids"]) == originals
    assert len(faults["unrejected"]["ids"]) == plan.counts()["malformed"]
    assert f"unaccounted for: {len(originals)} disclosures without a decision" in done.stdout


def test_an_interrupt_stops_everything_in_order(tmp_path: Path) -> None:
    # A shell lets background processes ignore interrupts, and this process would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command("--rate", "20", "--seconds", "60", "--house", "--out", str(tmp_path)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        while "decided" not in (line := process.stdout.readline()):
            assert line, "it ended before it decided anything"
        started = psutil.Process(process.pid).children(recursive=True)
        # As a terminal does: every process of the group gets the signal.
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
        assert process.wait(timeout=60) == 1
        assert process.stderr.read() == "confide: stopped before the end\n"
        assert "started again" not in said
    assert len(started) > 5
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []


def test_a_kafka_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    done = load("--rate", "1", "--seconds", "2", environment={"KAFKA_BOOTSTRAP": "127.0.0.1:9"})
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "127.0.0.1:9" in done.stderr
