"""Nobody passes the gateway without a service's API key; the key says which service it is."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from schemas.vocabulary import Service
from services.credentials import ApiKey, ApiKeys
from services.credentials.api_keys import LOOK_EVERY, revoke, stored
from services.gateway import create_app
from services.gateway.door import CredentialDoor, Door, OpenDoor
from services.gateway.problems import MAX_ANSWER_BYTES
from services.gateway.rate import RateLimit
from services.http_server import listen, port_of, running
from services.settings import SettingsError
from tests.disclosures import fields, raw
from tests.fakes.publisher import Publisher

NOW = datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)
#: How long after its revocation a key may still pass, by the contract.
REVOKED_WITHIN = timedelta(seconds=60)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


@asynccontextmanager
async def served(publisher: Publisher, door: Door, rate: RateLimit | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(publisher, door, rate), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False) as client,
        ):
            yield client


async def post(
    client: httpx2.AsyncClient, headers: dict[str, str] | None = None, body: bytes | None = None
) -> httpx2.Response:
    content = raw() if body is None else body
    return await client.post(
        "/v1/disclosures",
        content=content,
        headers=[(k.encode(), v.encode("latin-1")) for k, v in (headers or {}).items()],
    )


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def damaged(text: str) -> str:
    """Return the key with another last character of its secret."""
    return text[:-1] + ("A" if text[-1] != "A" else "B")


@pytest.mark.parametrize(
    "header",
    [
        lambda _: {},
        lambda key: bearer(damaged(key)),
        lambda key: bearer(key + "x"),
        lambda key: bearer(f"confide_{'0' * 12}_{key[-43:]}"),
        lambda key: {"authorization": f"Basic {key}"},
        lambda key: {"authorization": key},
        lambda _: {"authorization": "\u00ff\u00fe"},
        lambda key: {"x-api-key": key},
    ],
    ids=[
        "none",
        "other secret",
        "longer",
        "unknown id",
        "another scheme",
        "no scheme",
        "no ASCII",
        "elsewhere",
    ],
)
async def test_without_its_key_nothing_passes_and_nothing_is_kept(
    publisher: Publisher, folder: Path, header: Callable[[str], dict[str, str]]
) -> None:
    _, text = ApiKey.create(folder, Service.FORUM, NOW)
    async with served(publisher, CredentialDoor(ApiKeys(folder))) as client:
        for body in (raw(), b"not JSON"):
            answer = await post(client, header(text), body)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] in ("Bearer", 'Bearer error="invalid_token"')
            assert answer.headers["content-type"] == "application/problem+json"
            assert text[-43:] not in answer.text
    assert (publisher.published, publisher.refused) == ([], [])


async def test_a_browsers_form_of_another_site_does_not_pass(publisher: Publisher, folder: Path) -> None:
    form = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "content-type": "text/plain"}
    for door in (CredentialDoor(ApiKeys(folder)), OpenDoor()):
        async with served(publisher, door) as client:
            assert (await post(client, form)).status_code in (401, 403)
            assert (await post(client, {"sec-fetch-site": "same-site"})).status_code in (401, 403)
            assert (await post(client, {"host": "evil.example:8080"})).status_code in (403, 421)
    assert publisher.published == []


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:8080", "LOCALHOST:1"])
async def test_an_open_door_takes_a_request_to_this_machine(publisher: Publisher, host: str) -> None:
    async with served(publisher, OpenDoor()) as client:
        assert (await post(client, {"host": host})).status_code == 202


async def test_the_service_follows_from_the_key_and_never_from_the_body(publisher: Publisher, folder: Path) -> None:
    _, text = ApiKey.create(folder, Service.TEXT_LINE, NOW)
    async with served(publisher, CredentialDoor(ApiKeys(folder))) as client:
        forged = raw(service="forum")
        answer = await post(client, bearer(text), forged)
        assert answer.status_code == 422
        assert answer.json()["errors"] == [
            {"field": "service", "reason": "is not that of the credential; allowed: text_line"}
        ]
        assert (await post(client, bearer(text), raw(service="text_line"))).status_code == 202
    assert [each.service for each in publisher.published] == [Service.TEXT_LINE]
    # A person looks at it as the text line's: that is who sent it.
    (refused,) = publisher.refused
    assert (refused.raw, refused.service, refused.is_proven) == (forged, Service.TEXT_LINE, True)
    assert str(refused.invalid) == "service: is not that of the credential; allowed: text_line"


async def test_an_emergency_with_its_key_passes_whatever_its_other_headers_are(
    publisher: Publisher, folder: Path
) -> None:
    _, text = ApiKey.create(folder, Service.FORUM, NOW)
    odd = {
        "content-type": "text/html",
        "accept": "image/png",
        "origin": "https://x.example",
    }
    async with served(publisher, CredentialDoor(ApiKeys(folder))) as client:
        assert (await post(client, bearer(text) | odd)).status_code == 202


def test_a_key_is_shown_once_and_stored_as_a_hash(folder: Path) -> None:
    key, text = ApiKey.create(folder, Service.FORUM, NOW)
    (file,) = folder.iterdir()
    assert text.startswith(f"confide_{key.id}_")
    assert text.removeprefix(f"confide_{key.id}_") not in file.read_text()
    assert text[-20:] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    assert stored(folder) == [key]


def test_a_key_that_is_made_or_revoked_needs_no_restart(folder: Path) -> None:
    clock = Clock()
    keys = ApiKeys(folder, monotonic=clock)
    _, text = ApiKey.create(folder, Service.FORUM, NOW)
    other, other_text = ApiKey.create(folder, Service.FORUM, NOW)
    assert keys.caller(text).service is Service.FORUM
    revoke(folder, text.split("_")[1])
    clock.now = LOOK_EVERY
    assert clock.now < REVOKED_WITHIN.total_seconds()
    with pytest.raises(Exception, match="not known here"):
        keys.caller(text)
    assert keys.caller(other_text).credential == other.id


def test_a_damaged_file_takes_one_key_away_and_no_other(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, one_text = ApiKey.create(folder, Service.FORUM, NOW)
    _, other_text = ApiKey.create(folder, Service.TEXT_LINE, NOW)
    (folder / f"{one.id}.toml").write_text('service = "forum"\nsha256 = "SECRET"\n')
    keys = ApiKeys(folder)
    assert keys.caller(other_text).service is Service.TEXT_LINE
    with pytest.raises(Exception, match="not known here"):
        keys.caller(one_text)
    with pytest.raises(SettingsError) as caught:
        ApiKey.read(folder / f"{one.id}.toml")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("key_id", ["", "../master", "0" * 12, "x"])
def test_what_is_no_id_of_a_key_revokes_nothing(folder: Path, key_id: str) -> None:
    ApiKey.create(folder, Service.FORUM, NOW)
    with pytest.raises(SettingsError):
        revoke(folder, key_id)
    assert len(stored(folder)) == 1


async def test_one_service_beyond_its_limit_does_not_keep_the_other_out(publisher: Publisher, folder: Path) -> None:
    _, forum = ApiKey.create(folder, Service.FORUM, NOW)
    _, text_line = ApiKey.create(folder, Service.TEXT_LINE, NOW)
    clock = Clock()
    rate = RateLimit(1.0, 2.0, monotonic=clock)
    async with served(publisher, CredentialDoor(ApiKeys(folder)), rate) as client:
        statuses = [(await post(client, bearer(forum))).status_code for _ in range(3)]
        assert statuses == [202, 202, 429]
        assert (await post(client, bearer(text_line), raw(service="text_line"))).status_code == 202
        clock.now = 1.0
        assert (await post(client, bearer(forum))).status_code == 202


@pytest.mark.parametrize(
    "body",
    [b"{", raw(concerns=[]), json.dumps({**fields(), **{f"{'x' * 200}{n}": n for n in range(1_000)}}).encode()],
    ids=["no JSON", "a field", "many fields"],
)
async def test_a_refusal_has_one_shape_and_is_short(publisher: Publisher, body: bytes) -> None:
    async with served(publisher, OpenDoor()) as client:
        answer = await post(client, body=body)
        elsewhere = await client.get("/nowhere")
        wrong_method = await client.get("/v1/disclosures")
    for each, status in ((answer, 422), (elsewhere, 404), (wrong_method, 405)):
        shape: dict[str, Any] = each.json()
        assert each.headers["content-type"] == "application/problem+json"
        assert (each.status_code, shape["status"]) == (status, status)
        assert shape.keys() == {"type", "title", "status", "detail", "errors"}
        assert len(each.content) < MAX_ANSWER_BYTES


@pytest.mark.parametrize("says", [None, False, True])
async def test_what_comes_with_a_key_for_exercises_is_an_exercise(
    publisher: Publisher, folder: Path, says: bool | None
) -> None:
    _, text = ApiKey.create(folder, Service.FORUM, NOW, exercise=True)
    body = raw() if says is None else raw(exercise=says)
    async with served(publisher, CredentialDoor(ApiKeys(folder))) as client:
        answer = await post(client, bearer(text), body)
    assert answer.status_code == 202
    assert [each.exercise for each in publisher.published] == [True]


async def test_an_exercise_with_another_key_is_refused_and_a_person_is_asked(
    publisher: Publisher, folder: Path
) -> None:
    # It may be a real disclosure, marked by mistake.
    _, text = ApiKey.create(folder, Service.FORUM, NOW)
    async with served(publisher, CredentialDoor(ApiKeys(folder))) as client:
        answer = await post(client, bearer(text), raw(exercise=True))
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "exercise", "reason": "is for a credential of exercises; allowed with this one: false"}
    ]
    assert publisher.published == []
    assert [each.is_proven for each in publisher.refused] == [True]
