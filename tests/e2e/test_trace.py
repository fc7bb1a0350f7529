"""One trace from the gateway to the acknowledgement of the agency and to the notice, span by span."""

import json
from collections import Counter
from typing import Any

import httpx2
import pytest

from schemas.vocabulary import Service
from streams.domain.ids import decision_id, notification_id, report_id
from tests.disclosures import id_of, raw
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e
TRACE, CALLER = "5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e", "00f067aa0ba902b7"
PERSON = {"account": "forum:40404", "phone": "+447700900404", "age": 16}
CONTACT = {"channels": ["sms"], "preferred": "sms", "safe_to_contact": True}

#: Every span of the trace and its parent, from the caller on.
SPANS = {
    "POST /v1/disclosures": None,
    "disclosures publish": "POST /v1/disclosures",
    "admit process": "disclosures publish",
    "identity process": "admit process",
    "decide process": "identity process",
    "connector-999 process": "decide process",
    "agency attempt": "connector-999 process",
    "agency receive": "agency attempt",
    "notifier process": "decide process",
    "notice tell": "notifier process",
}


#: What the notifier hears of DECIDE: that the notice is due, and that its report was acknowledged.
_NOTICES = 2


def spans(deployment: Deployment) -> list[dict[str, Any]]:
    found = []
    for file in (deployment.folder / "traces").glob("*.jsonl"):
        # The last line may be incomplete: its process still writes it.
        lines = file.read_text().split("\n")[:-1]
        found += [{**json.loads(line), "file": file.name} for line in lines]
    return found


@pytest.fixture(scope="module")
def trace(deployment: Deployment) -> list[dict[str, Any]]:
    """The spans of the trace of one urgent disclosure, once all are written."""
    headers = {"content-type": "application/json", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    with httpx2.Client(trust_env=False, timeout=30) as client:
        answer = client.post(
            f"{deployment.gateway}/v1/disclosures",
            content=raw("traced", subject=PERSON, contact=CONTACT),
            headers=headers,
        )
    assert answer.status_code == 202
    report = report_id(decision_id(Service.FORUM, id_of("traced")), "999")
    deployment.wait_for("the acknowledgement", lambda account: report in account.acknowledged_at)
    deployment.wait_for("the notice", lambda account: notification_id(report) in account.settled)
    found: list[dict[str, Any]] = []

    def is_written() -> bool:
        found[:] = [span for span in spans(deployment) if span["context"]["trace_id"] == f"0x{TRACE}"]
        names = {span["context"]["span_id"]: span["name"] for span in found}
        notified = [span for span in found if span["name"] == "notifier process"]
        return (
            names.keys() | {f"0x{CALLER}"} >= {span["parent_id"] for span in found}
            and {*names.values()} >= SPANS.keys()
            and [names[span["parent_id"]] for span in notified].count("decide process") == _NOTICES
        )

    # Processes write their spans every few seconds: look again at each new record.
    deadline = 80
    with deployment.came:
        while not is_written() and (deadline := deadline - 1):
            deployment.came.wait(0.5)
    return found


def test_the_trace_has_each_span_once_under_its_parent(trace: list[dict[str, Any]]) -> None:
    name_of = {span["context"]["span_id"]: span["name"] for span in trace} | {f"0x{CALLER}": None}
    found = Counter((span["name"], name_of[span["parent_id"]]) for span in trace)
    # The notifier also reads its own settled notice from the topic, and passes over it.
    found.pop(("notifier process", "notice tell"), None)
    # DECIDE and the notifier read each delivery state; those of one turn may share a span.
    for reader in ("decide process", "notifier process"):
        assert found.pop((reader, "connector-999 process")) in (1, 2)
        assert found.pop((reader, "agency attempt")) in (1, 2)
    assert found.pop(("notifier process", "decide process")) == _NOTICES
    assert found == Counter({name: parent for name, parent in SPANS.items() if name != "notifier process"}.items())


def test_every_step_is_of_the_process_that_takes_it(trace: list[dict[str, Any]]) -> None:
    process_of = {span["name"]: span["file"].rsplit("-", 1)[0] for span in trace}
    assert process_of == {
        "POST /v1/disclosures": "gateway",
        "disclosures publish": "gateway",
        "admit process": "worker",
        "identity process": "worker",
        "decide process": "worker",
        "connector-999 process": "connector-999",
        "agency attempt": "connector-999",
        "agency receive": "agencies",
        "notifier process": "notifier",
        "notice tell": "notifier",
    }


def test_each_batch_has_a_span_linked_to_its_records(deployment: Deployment, trace: list[dict[str, Any]]) -> None:
    published = next(span["context"]["span_id"] for span in trace if span["name"] == "disclosures publish")
    linked = [
        span["name"]
        for span in spans(deployment)
        for link in span["links"]
        if link["context"]["span_id"] == published and span["name"].startswith("batch ")
    ]
    assert linked == ["batch admit"]
