"""The simulated agencies as a process: four servers, killed at any time, one accepted line a report."""

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.processes import Process, Processes, processes

AGENCIES = ("999", "101", "social_worker", "care_team")


@pytest.fixture
def confide(tmp_path: Path) -> Iterator[Processes]:
    with processes({"CONFIDE_TRACES": str(tmp_path / "traces")}, tmp_path) as starting:
        yield starting


def serve(confide: Processes, folder: Path) -> tuple[Process, dict[str, str]]:
    free = [argument for agency in AGENCIES for argument in (f"--port-{agency.replace('_', '-')}", "0")]
    process = confide.start("agencies", "--folder", str(folder), *free)
    return process, {agency: f"http://127.0.0.1:{port}" for agency, port in process.announced().items()}


def post(url: str, report_id: str = "r-1", attempt: int = 1, **fields: Any) -> httpx2.Response:
    body = {"report_id": report_id, "kind": "new", "refers_to": None, **fields}
    headers = {"Idempotency-Key": report_id, "Confide-Attempt": str(attempt)}
    with httpx2.Client(trust_env=False, timeout=10) as client:
        return client.post(f"{url}/reports", json=body, headers=headers)


def log(folder: Path, agency: str = "999") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{agency}.jsonl").read_text().splitlines()]


def test_each_agency_answers_on_its_own_port_and_keeps_its_own_log(confide: Processes, tmp_path: Path) -> None:
    process, urls = serve(confide, tmp_path / "logs")
    assert set(urls) == set(AGENCIES)
    for agency, url in urls.items():
        first, again, other = post(url), post(url, attempt=2), post(url, attempt=3, age=17)
        assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
        assert first.json()["reference"] == again.json()["reference"]
        assert [(line["attempt"], line["accepted"]) for line in log(tmp_path / "logs", agency)] == [
            (1, True),
            (2, False),
            (3, False),
        ]
    assert process.stop() == 0


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({}, b'{"report_id": "r-1"}', 400),
        ({"Idempotency-Key": "r-1"}, b"not json", 400),
        ({"Idempotency-Key": "r-1"}, b"[" * 100_000, 400),
        ({"Idempotency-Key": "r-1"}, b'{"report_id": "r-1", "age": NaN}', 400),
        ({"Idempotency-Key": "r-1"}, b'{"report_id": "r-2"}', 422),
        ({"Idempotency-Key": "r-1"}, b"[1]", 422),
    ],
)
def test_what_is_malformed_is_refused_and_written_down(
    confide: Processes, tmp_path: Path, headers: dict[str, str], content: bytes, status: int
) -> None:
    _, urls = serve(confide, tmp_path / "logs")
    with httpx2.Client(trust_env=False) as client:
        answer = client.post(urls["101"] + "/reports", content=content, headers=headers)
    assert answer.status_code == status
    (line,) = log(tmp_path / "logs", "101")
    assert (line["report_id"], line["accepted"]) == (None, False)


@pytest.mark.faults
def test_killed_again_and_again_while_reports_come_each_is_accepted_once(confide: Processes, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    wanted = {f"r-{number}" for number in range(60)}
    acknowledged: dict[str, set[str]] = {report_id: set() for report_id in wanted}
    killed = 0
    missing = set(wanted)
    while missing:
        process, urls = serve(confide, folder)
        # In the first few rounds the kill comes in the middle of the requests.
        killer = threading.Timer(0.15, process.kill) if killed < 5 else None
        if killer is not None:
            killer.start()
        for attempt, report_id in enumerate(itertools.chain(sorted(missing), sorted(wanted)), start=1):
            try:
                answer = post(urls["999"], report_id, attempt)
            except httpx2.TransportError:
                break
            assert answer.status_code in (200, 201)
            acknowledged[report_id].add(answer.json()["reference"])
            missing.discard(report_id)
        if killer is not None:
            killer.join()
            killed += 1
    accepted = [line["report_id"] for line in log(folder) if line["accepted"]]
    assert sorted(accepted) == sorted(wanted)
    assert {len(references) for references in acknowledged.values()} == {1}


def test_a_port_that_is_taken_is_one_line(confide: Processes, tmp_path: Path) -> None:
    _, urls = serve(confide, tmp_path / "logs")
    port = urls["999"].rsplit(":", 1)[1]
    ended = confide.run("agencies", "--folder", str(tmp_path / "other"), "--port-999", port)
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines() == ["confide: the agencies cannot be served: Address already in use"]
