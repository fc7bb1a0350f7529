"""The gateway as a process: announced, traced from request to record, stopped gracefully."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from schemas.topics import TopicName
from tests.disclosures import raw
from tests.processes import Processes
from tests.tails import Tail

pytestmark = pytest.mark.integration
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def post(port: int, body: bytes) -> httpx2.Response:
    headers = {"content-type": "application/json", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    with httpx2.Client(trust_env=False, timeout=20) as client:
        return client.post(f"http://127.0.0.1:{port}/v1/disclosures?secret=07700900123", content=body, headers=headers)


def spans(folder: Path) -> dict[str, dict[str, Any]]:
    lines = [line for file in folder.glob("gateway-*.jsonl") for line in file.read_text().splitlines()]
    return {span["name"]: span for span in map(json.loads, lines)}


def test_a_disclosure_is_traced_from_the_callers_span_to_the_record(
    confide: Processes, bootstrap: str, tmp_path: Path
) -> None:
    gateway = confide.start("gateway", "--open", "--port", "0")
    port = gateway.announced()["port"]
    with Tail(bootstrap, TopicName.FORUM_DISCLOSURES_URGENT) as tail:
        assert post(port, raw("d-traced")).status_code == 202
        (record,) = tail.take(1)
    assert gateway.stop() == 0
    found = spans(tmp_path / "traces")
    assert set(found) == {"POST /v1/disclosures", "disclosures publish"}
    server, publish = found["POST /v1/disclosures"], found["disclosures publish"]
    assert (server["context"]["trace_id"], server["parent_id"]) == (f"0x{TRACE}", f"0x{CALLER}")
    assert publish["parent_id"] == server["context"]["span_id"]
    assert server["attributes"]["http.response.status_code"] == 202
    published = publish["context"]["span_id"].removeprefix("0x")
    assert dict(record.headers)["traceparent"].decode() == f"00-{TRACE}-{published}-01"


def test_nothing_that_was_sent_is_in_its_logs_or_spans(confide: Processes, tmp_path: Path) -> None:
    gateway = confide.start("gateway", "--open", "--port", "0")
    port = gateway.announced()["port"]
    for body in (raw(), b'{"phone": "07700 900123"', raw(subject={"phone": "07700 900123"})):
        post(port, body)
    assert gateway.stop() == 0
    written = [confide.errors("gateway"), *(tmp_path / "traces").iterdir()]
    said = "".join(file.read_text() for file in written)
    assert "POST /v1/disclosures" in said
    assert not any(secret in said for secret in ("900123", "39117", "own words", "secret"))


def test_a_port_that_is_taken_is_one_line(confide: Processes) -> None:
    port = str(confide.start("gateway", "--open", "--port", "0").announced()["port"])
    ended = confide.run("gateway", "--open", "--port", port)
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines() == [
        f"confide: cannot listen on port {port} of 127.0.0.1: Address already in use"
    ]
