"""The gateway over HTTP against a real Kafka: accepted means acknowledged, refused means stored and named."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from schemas.codec import decode
from schemas.disclosure import MAX_DISCLOSURE_BYTES
from schemas.partitioner import partition_for
from schemas.topics import MAX_VALUE_BYTES, URGENT, TopicName, disclosures, rejected
from schemas.vocabulary import Service
from services.gateway import create_app
from services.gateway.door import OpenDoor
from services.http_server import listen, port_of, running
from services.sdk import DisclosureProducer
from services.sdk.refused import Refused
from tests.disclosures import BAD_FIELDS, BAD_LINES, DAY_LINES, ROUTINE, id_of, raw
from tests.tails import Tail

pytestmark = pytest.mark.integration
OWN = [disclosures(service, urgent) for service in Service for urgent in (True, False)]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
JSON = {"content-type": "application/json"}


@pytest.fixture
def producer(bootstrap: str) -> Iterator[DisclosureProducer]:
    made = DisclosureProducer(bootstrap)
    yield made
    made.close()


@pytest.fixture
async def client(producer: DisclosureProducer) -> AsyncIterator[httpx2.AsyncClient]:
    async with served(producer) as opened:
        yield opened


@asynccontextmanager
async def served(producer: DisclosureProducer) -> AsyncIterator[httpx2.AsyncClient]:
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(producer, OpenDoor()), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False, timeout=30) as client,
        ):
            yield client


async def post(client: httpx2.AsyncClient, body: bytes, **headers: str) -> httpx2.Response:
    return await client.post("/v1/disclosures", content=body, headers=JSON | headers)


async def test_accepted_means_in_kafka_on_the_urgent_topic_under_its_id(
    client: httpx2.AsyncClient, bootstrap: str
) -> None:
    with Tail(bootstrap, *OWN) as tail:
        response = await post(client, raw("d-accepted"), traceparent=TRACEPARENT)
        assert (response.status_code, response.json()) == (
            202,
            {"disclosure_id": id_of("d-accepted"), "status": "accepted"},
        )
        (record,) = tail.take(1)
    assert record.topic == TopicName.FORUM_DISCLOSURES_URGENT
    assert record.key == id_of("d-accepted").encode()
    assert decode(record.value, "Disclosure")[1]["disclosure_id"] == id_of("d-accepted")
    assert dict(record.headers)["traceparent"].split(b"-")[1] == TRACEPARENT.split("-")[1].encode()


async def test_routine_goes_to_the_routine_topic_and_one_id_to_one_partition(
    client: httpx2.AsyncClient, bootstrap: str
) -> None:
    with Tail(bootstrap, *OWN) as tail:
        for _ in range(4):
            await post(client, raw("d-routine", service="text_line", concerns=ROUTINE))
        records = tail.take(4)
    assert {record.topic for record in records} == {TopicName.TEXT_LINE_DISCLOSURES}
    key = id_of("d-routine").encode()
    assert {(record.partition, record.key) for record in records} == {(partition_for(key, 4), key)}


async def test_every_line_of_the_day_is_accepted(client: httpx2.AsyncClient, bootstrap: str) -> None:
    with Tail(bootstrap, *OWN) as tail:
        answers = await asyncio.gather(*(post(client, line) for line in DAY_LINES))
        assert {answer.status_code for answer in answers} == {202}
        assert len(tail.take(len(DAY_LINES))) == len(DAY_LINES)


@pytest.mark.parametrize(
    ("line", "field"),
    list(
        zip(
            BAD_LINES,
            BAD_FIELDS,
            strict=True,
        )
    ),
)
async def test_a_bad_line_names_its_field_and_is_kept_whole(
    client: httpx2.AsyncClient, bootstrap: str, line: bytes, field: str
) -> None:
    with Tail(bootstrap, *OWN, *map(rejected, OWN)) as tail:
        response = await post(client, line)
        assert response.status_code == 422
        assert [error["field"] for error in response.json()["errors"]] == [field]
        (record,) = tail.take(1)
    # As it came, onto the urgent topic: ADMIT rejects it there and asks a person.
    assert record.value == line
    assert record.topic in URGENT
    assert ("refused-by", b"gateway") in record.headers
    assert {name for name, _ in record.headers} <= {"refused-by", "traceparent"}


async def test_a_bad_line_that_cannot_be_an_emergency_is_kept_as_rejected(
    client: httpx2.AsyncClient, bootstrap: str
) -> None:
    line = raw(disclosure_id="", concerns=[{"kind": "pregnancy"}])
    with Tail(bootstrap, *OWN, *map(rejected, OWN)) as tail:
        assert (await post(client, line)).status_code == 422
        (record,) = tail.take(1)
    assert record.value == line
    headers = {name: value.decode() for name, value in record.headers}
    assert record.topic == headers["rejected-from"] + ".rejected"
    assert headers["rejected-from"] == TopicName.FORUM_DISCLOSURES
    assert (headers["rejected-by"], headers["rejected-field"]) == ("gateway", "disclosure_id")
    assert headers["rejected-error"] == "Invalid"
    assert headers["rejected-reason"].startswith("disclosure_id: ")
    assert "T" in headers["rejected-at"]


@pytest.mark.parametrize(
    "secret", ["07700 900956", "not-a-mail-900956", "dr-nobody"], ids=["phone", "email", "field name"]
)
async def test_what_was_refused_is_not_repeated(client: httpx2.AsyncClient, bootstrap: str, secret: str) -> None:
    subject = {"account": "forum:1", "phone": secret, "email": secret, secret: 1}
    with Tail(bootstrap, *OWN) as tail:
        response = await post(client, raw(subject=subject))
        (record,) = tail.take(1)
    assert response.status_code == 422
    assert secret not in response.text
    assert secret.encode() not in b"".join(value for _, value in record.headers)
    assert record.key == json.loads(record.value)["disclosure_id"].encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b'{"a": "\xed\xa0\x80"}',
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b"9" * 10_000,
        b"NaN",
        b"[]",
        b'"text"',
    ],
    ids=[
        "empty",
        "not UTF-8",
        "surrogate bytes",
        "deep list",
        "deep object",
        "long number",
        "NaN",
        "list",
        "text",
    ],
)
async def test_any_other_body_is_refused_and_stored_and_never_a_server_error(
    client: httpx2.AsyncClient, bootstrap: str, body: bytes
) -> None:
    with Tail(bootstrap, *OWN) as tail:
        response = await post(client, body)
        assert response.status_code == 422
        assert response.json()["errors"]
        assert [record.value for record in tail.take(1)] == [body]


async def test_a_valid_disclosure_is_accepted_with_any_content_type(client: httpx2.AsyncClient) -> None:
    for headers in ({"content-type": "text/plain"}, {}):
        response = await client.post("/v1/disclosures", content=raw("of-any-type"), headers=headers)
        assert response.status_code == 202


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_over_256_kib_is_refused_and_kept_whole(
    client: httpx2.AsyncClient, bootstrap: str, chunked: bool
) -> None:
    body = raw(summary="x" * MAX_DISCLOSURE_BYTES)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 10_000):
            yield body[start : start + 10_000]

    with Tail(bootstrap, *OWN, *map(rejected, OWN)) as tail:
        response = await client.post("/v1/disclosures", content=chunks() if chunked else body, headers=JSON)
        assert response.status_code == 413
        assert response.json()["errors"] == [{"field": "disclosure", "reason": "is larger than 262144 bytes"}]
        found = tail.take(2)
    records = {record.topic: record.value for record in found}
    assert ("refused-length", b"%d" % len(body)) in [header for record in found for header in record.headers]
    # A person is asked with as much as the urgent topic takes; the whole is kept.
    urgent = TopicName.FORUM_DISCLOSURES_URGENT
    assert records == {urgent: body[: MAX_DISCLOSURE_BYTES + 1], rejected(urgent): body}


async def test_the_part_of_a_body_that_came_is_kept_for_a_person(
    client: httpx2.AsyncClient, bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.body.BODY_SECONDS", 0.5)
    body = raw("d-cut", service="text_line")

    async def half() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        await asyncio.Event().wait()

    with Tail(bootstrap, *OWN, *map(rejected, OWN)) as tail:
        sending = asyncio.create_task(client.post("/v1/disclosures", content=half(), headers=JSON))
        (record,) = await asyncio.to_thread(tail.take, 1)
        sending.cancel()
    assert (record.topic, record.value) == (TopicName.TEXT_LINE_DISCLOSURES_URGENT, body[: len(body) // 2])
    assert {("refused-by", b"gateway"), ("refused-length", b"unknown")} <= set(record.headers)


async def test_a_body_of_just_the_limit_is_accepted(client: httpx2.AsyncClient, bootstrap: str) -> None:
    body = raw("d-limit")
    padded = raw("d-limit", summary="The assessor's own words." + "x" * (MAX_DISCLOSURE_BYTES - len(body)))
    assert len(padded) == MAX_DISCLOSURE_BYTES
    assert (await post(client, padded)).status_code == 202


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_larger_than_can_be_kept_is_refused_alone(client: httpx2.AsyncClient, chunked: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_VALUE_BYTES // 100_000 + 1):
            yield b"x" * 100_000

    content = chunks() if chunked else b"x" * (MAX_VALUE_BYTES + 1)
    try:
        response = await client.post("/v1/disclosures", content=content, headers=JSON)
    except (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError):
        return  # it may have closed the connection while we were still sending
    assert response.status_code == 413


async def test_the_largest_that_can_be_kept_is_kept(producer: DisclosureProducer, bootstrap: str) -> None:
    from schemas.errors import Invalid

    largest = b"x" * MAX_VALUE_BYTES
    urgent = TopicName.FORUM_DISCLOSURES_URGENT
    with Tail(bootstrap, urgent, rejected(urgent)) as tail:
        for raw_bytes in (largest, largest + b"x"):
            assert producer.reject(Refused(raw_bytes, Invalid.of("line", "is not JSON"), "produce")) is not None
        found = [(record.topic, len(record.value)) for record in tail.take(3)]
    # A person is asked about both, with the first part.
    first_part = (urgent, MAX_DISCLOSURE_BYTES + 1)
    assert sorted(found) == sorted([first_part, first_part, (rejected(urgent), MAX_VALUE_BYTES)])


async def test_alive_and_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_while_kafka_does_not_answer_a_sender_gets_503() -> None:
    with listen("127.0.0.1", 0) as nobody:
        producer = DisclosureProducer(f"127.0.0.1:{port_of(nobody)}", timeout=0.5)
        async with served(producer) as client:
            good, bad, ready = await asyncio.gather(post(client, raw()), post(client, b"{"), client.get("/readyz"))
            assert (await client.get("/healthz")).status_code == 200
    assert {good.status_code, bad.status_code, ready.status_code} == {503}
    assert good.headers["retry-after"] == "5"
    assert (good.json()["title"], good.headers["content-type"]) == ("Service Unavailable", "application/problem+json")


async def test_the_document_describes_the_disclosure_and_every_answer(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/v1/disclosures"]["post"]
    assert set(operation["responses"]) == {"202", "401", "403", "408", "413", "421", "422", "429", "503"}
    content = operation["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Disclosure"}
    schemas = document["components"]["schemas"]
    assert set(schemas["Disclosure"]["required"]) == {
        "disclosure_id",
        "service",
        "disclosed_at",
        "assessment",
        "subject",
        "concerns",
    }
    references = set(_references(document))
    assert references
    assert {reference.rsplit("/", 1)[1] for reference in references} <= set(schemas)
    for example in content["examples"].values():
        assert (await post(client, json.dumps(example["value"]).encode())).status_code == 202


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)
