"""Invalid input by the gateway, `produce` and the topic: rejected with its field, kept whole, without delay."""

import base64
import json
import random
from typing import Any

import httpx2
import pytest
from kafka import KafkaProducer

from schemas.codec import encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, disclosure_key
from schemas.topics import TopicName, rejected
from tests.disclosures import BAD_FIELDS, BAD_LINES, disclosure, id_of, raw
from tests.e2e.deployment import Deployment

pytestmark = pytest.mark.e2e

TOPIC = TopicName.TEXT_LINE_DISCLOSURES_URGENT
#: Values of the bad lines about people. No error and no header may quote them.
SAID = ("9009", "sms-bad", "text_line:5095", "must be rejected", "2026-02-30", "gambling", '"yes"')


def kept(deployment: Deployment, value: bytes, by: str) -> dict[str, Any]:
    """Wait for the rejected record with exactly these bytes, and return it."""
    wanted = base64.b64encode(value).decode()

    def found(account: Any) -> list[dict[str, Any]]:
        return [each for each in account.rejected if each["value"] == wanted and each["by"] == by]

    deployment.wait_for(f"the rejected record by {by}", found)
    (one,) = found(deployment.account)
    return one


def post(deployment: Deployment, body: bytes) -> httpx2.Response:
    with httpx2.Client(trust_env=False, timeout=30) as client:
        return client.post(
            f"{deployment.gateway}/v1/disclosures", content=body, headers={"content-type": "application/json"}
        )


def put(deployment: Deployment, *values: bytes, topic: str = TOPIC) -> None:
    """Write bytes directly to a topic, as a foreign producer might."""
    producer = KafkaProducer(bootstrap_servers=deployment.bootstrap, acks="all", max_request_size=2 << 20)
    for value in values:
        producer.send(topic, value, key=b"anything", headers=[("note", b"07700 900123")])
    producer.flush()
    producer.close()


@pytest.mark.parametrize("number", range(1, 9))
def test_bad_lines_at_the_gateway(deployment: Deployment, number: int) -> None:
    # Spaces at the end, so that the records of each door differ.
    line = BAD_LINES[number - 1] + b" "
    answer = post(deployment, line)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [BAD_FIELDS[number - 1]]
    assert not any(said in answer.text for said in SAID)
    record = kept(deployment, line, "admit")
    assert (record["field"], record["from"]) == (BAD_FIELDS[number - 1], TOPIC)
    assert record["topic"] == rejected(TOPIC)
    assert not any(said in record["reason"] for said in SAID)


def test_bad_lines_through_produce(deployment: Deployment) -> None:
    good = raw("beside-the-bad")
    done = deployment.processes.run(
        "produce", "-", given=b"\n".join((*(line + b"  " for line in BAD_LINES), good)) + b"\n"
    )
    said = done.stderr.decode()
    assert done.returncode == 1
    for number, field in enumerate(BAD_FIELDS, start=1):
        assert f"line {number}: " in said
        assert field == "line" or f"line {number}: {field}: " in said
        kept(deployment, BAD_LINES[number - 1] + b"  ", "admit")
    assert not any(each in said for each in SAID)
    assert deployment.decided("beside-the-bad")["outcome"] == "emergency"


def test_bad_lines_straight_onto_the_topic(deployment: Deployment) -> None:
    put(deployment, *BAD_LINES)
    for line in BAD_LINES:
        record = kept(deployment, line, "admit")
        assert (record["field"], record["reason"]) == ("value", "value: is not a single-object encoded record")
        assert (record["from"], record["topic"]) == (TOPIC, rejected(TOPIC))
        assert int(record["offset"]) >= 0
        assert record.keys() >= {"error", "at", "partition"}
        assert "note" not in record


def test_what_is_well_encoded_but_invalid_names_its_field(deployment: Deployment) -> None:
    fields = disclosure("no-identifier").model_dump()
    nobody = encode("Disclosure", {**fields, "subject": {**fields["subject"], "account": None, "phone": None}})
    badly = encode("Disclosure", {**fields, "subject": {**fields["subject"], "phone": "07700 900123"}})
    put(deployment, nobody, badly)
    assert kept(deployment, nobody, "admit")["field"] == "subject"
    record = kept(deployment, badly, "admit")
    assert record["field"] == "subject.phone"
    assert "900123" not in json.dumps({name: text for name, text in record.items() if name != "value"})


def test_bytes_of_any_kind_are_rejected_whole_and_delay_nothing(deployment: Deployment) -> None:
    whole = encode("Disclosure", disclosure("truncated").model_dump())
    hostile = {
        "random bytes": random.Random(7).randbytes(1_000),
        "nothing at all": b"",
        "a truncated record": whole[: len(whole) // 2],
        "an unknown fingerprint": whole[:2] + bytes(8) + whole[10:],
        "another record of ours": encode("TokenOwner", {"token": "account:1:00", "person": "p"}),
        "300 KiB": whole + bytes(300 * 1024),
    }
    key = disclosure_key(id_of("among-the-bad"))
    put(deployment, *hostile.values())
    producer = KafkaProducer(bootstrap_servers=deployment.bootstrap, acks="all")
    producer.send(TOPIC, encode("Disclosure", disclosure("among-the-bad", service="text_line").model_dump()), key=key)
    producer.flush()
    producer.close()
    assert deployment.decided("among-the-bad")["outcome"] == "emergency"
    reasons = {name: kept(deployment, value, "admit")["reason"] for name, value in hostile.items()}
    assert reasons == {
        "random bytes": "value: is not a single-object encoded record",
        "nothing at all": "value: is empty",
        "a truncated record": "value: is cut off",
        "an unknown fingerprint": "value: is of an unknown schema",
        "another record of ours": "value: is of a schema not expected here",
        "300 KiB": f"value: is larger than {MAX_DISCLOSURE_BYTES} bytes",
    }


def test_more_than_256_kib_is_refused_at_the_door(deployment: Deployment) -> None:
    answer = post(deployment, raw("too-long", summary="x" * 300 * 1024))
    assert answer.status_code == 413
    done = deployment.processes.run("produce", "-", given=raw("too-long", summary="x" * 300 * 1024) + b"\n")
    assert done.returncode == 1
    assert "line 1: disclosure: is larger than 262144 bytes" in done.stderr.decode()


def test_the_same_id_with_other_content_is_rejected_and_a_repeat_is_not(deployment: Deployment) -> None:
    first, other = raw("said-twice"), raw("said-twice", summary="Other words.")
    assert post(deployment, first).status_code == 202
    decision = deployment.decided("said-twice")
    assert [post(deployment, again).status_code for again in (first, other)] == [202, 202]

    def refused(account: Any) -> list[dict[str, Any]]:
        return [each for each in account.rejected if each["disclosure_id"] == id_of("said-twice")]

    deployment.wait_for("the rejection", refused)
    (record,) = refused(deployment.account)
    assert record["reason"] == "disclosure_id: was used before with other content"
    assert record["topic"] == rejected(TopicName.FORUM_DISCLOSURES_URGENT)
    assert [d for d in deployment.account.decisions.values() if d["disclosure_id"] == id_of("said-twice")] == [decision]
    assert deployment.account.read[f"Decision {decision['decision_id']}"] == 1
