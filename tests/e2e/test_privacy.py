"""Markers in every field about a person are searched for everywhere they must not be."""

import asyncio
import json
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaConsumer

from schemas.topics import CATALOGUE, TopicName, rejected
from schemas.vocabulary import Service
from streams.domain.ids import decision_id, report_id
from tests.disclosures import fields, id_of
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

#: One marker for each field about a person; none is a word of the project.
MARKERS = {
    "account": "zzaccount41",
    "phone": "7700900841",
    "email": "zzmail41",
    "place": "zzplace41",
    "postcode": "ZZ41 9ZZ",
    "latitude": "53.414141",
    "name": "zzname41",
    "organisation": "zzorganisation41",
    "address": "zzaddress41",
    "reference": "zzreference41",
    "summary": "zzsummary41",
}
SOURCES = {str(name) for name in TopicName if not name.startswith("safeguarding.")}
MARKED = fields(
    "marked",
    channel={"kind": "thread", "reference": MARKERS["reference"]},
    subject={
        "account": MARKERS["account"],
        "phone": f"+44{MARKERS['phone']}",
        "email": f"{MARKERS['email']}@example.org",
        "age": 16,
        "location": {
            "text": MARKERS["place"],
            "postcode": MARKERS["postcode"],
            "latitude": 53.414141,
            "longitude": -1.5,
        },
        "professionals": [
            {
                "role": "social_worker",
                "name": MARKERS["name"],
                "organisation": MARKERS["organisation"],
                "address": f"{MARKERS['address']}@example.org",
            }
        ],
    },
    contact={"channels": ["direct_message"], "preferred": "direct_message", "safe_to_contact": True},
    summary=MARKERS["summary"],
)


@pytest.fixture(scope="module")
def marked(deployment: Deployment) -> dict[str, Any]:
    """Send the marked disclosure through the deployment, and invalid ones with the same markers in wrong fields."""
    refused = [
        {**MARKED, "disclosed_at": MARKERS["summary"]},
        {**MARKED, "subject": {**MARKED["subject"], "phone": MARKERS["phone"], MARKERS["name"]: 1}},
        {**MARKED, "concerns": [{"kind": MARKERS["summary"]}]},
        {**MARKED, "service": MARKERS["account"]},
    ]
    with httpx2.Client(trust_env=False, timeout=30) as client:
        headers = {"content-type": "application/json", "x-note": MARKERS["summary"]}
        url = f"{deployment.gateway}/v1/disclosures"
        assert client.post(url, content=json.dumps(MARKED), headers=headers).status_code == 202
        answers = [client.post(url, content=json.dumps(each), headers=headers) for each in refused]
        answers.append(client.post(url, content=json.dumps(MARKED)[:-40], headers=headers))
    assert [answer.status_code for answer in answers] == [422] * 5
    report = report_id(decision_id(Service.FORUM, id_of("marked")), "999")
    deployment.wait_for("the acknowledgement", lambda account: report in account.acknowledged_at)
    deployment.wait_for("the notice", lambda account: any(n["report_id"] == report for n in account.settled.values()))
    return {"answers": [answer.text for answer in answers]}


def records(deployment: Deployment) -> list[Any]:
    """Return every record of every topic, including changelogs and aborted records."""
    return asyncio.run(_records(deployment.bootstrap))


async def _records(bootstrap: str) -> list[Any]:
    consumer = AIOKafkaConsumer(
        *CATALOGUE, bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found: list[Any] = []
        ends = await consumer.end_offsets(consumer.assignment())
        while not all([await consumer.position(source) >= end for source, end in ends.items()]):
            for fetched in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(fetched)
        return found
    finally:
        await consumer.stop()


def found_in(text: bytes | str) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    return [name for name, marker in MARKERS.items() if marker.encode() in raw]


def test_the_markers_reach_those_who_are_to_have_them(deployment: Deployment, marked: dict[str, Any]) -> None:
    log = (deployment.folder / "agencies" / "999.jsonl").read_text()
    assert {"phone", "place", "postcode", "summary"} <= set(found_in(log))
    sources = b"".join(record.value or b"" for record in records(deployment) if record.topic in SOURCES)
    # `latitude` is a number in a disclosure; it is text in the bytes that the gateway refused and kept whole.
    assert set(found_in(sources)) == set(MARKERS)


def test_no_topic_after_admit_shows_them(deployment: Deployment, marked: dict[str, Any]) -> None:
    for record in records(deployment):
        where = f"{record.topic}-{record.partition}@{record.offset}"
        assert found_in(record.key or b"") == [], where
        assert found_in(repr(record.headers)) == [], where
        if record.topic not in SOURCES | {rejected(topic) for topic in SOURCES}:
            assert found_in(record.value or b"") == [], where


def test_no_log_span_notice_or_answer_shows_them(deployment: Deployment, marked: dict[str, Any]) -> None:
    files = [
        *deployment.folder.glob("*.err"),
        *(deployment.folder / "traces").iterdir(),
        deployment.folder / "notices.jsonl",
    ]
    assert len(files) > len(deployment.processes.started)
    for file in files:
        assert found_in(file.read_bytes()) == [], file.name
    assert [found_in(answer) for answer in marked["answers"]] == [[]] * 5
