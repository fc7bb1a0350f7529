"""Access tokens at the gateway's door, over HTTP: beside API keys, and never in the way of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import httpx2
import pytest

from schemas.vocabulary import Service
from services.credentials import ApiKey, ApiKeys, Tokens
from services.credentials import key_source as key_sources
from services.credentials.clients import Clients
from services.credentials.key_source import KeySource
from services.gateway import create_app
from services.gateway.door import CredentialDoor, Door
from services.gateway.problems import RETRY_AFTER
from services.http_server import listen, port_of, running
from tests.disclosures import raw
from tests.fakes.publisher import Publisher
from tests.token_issuer import AUDIENCE, ISSUER, Issuer, KnownKeys, client_file, key_server, unsigned

_SOON = 5.0


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    return Clients(client_file(tmp_path))


@pytest.fixture
def api_key(tmp_path: Path) -> str:
    return ApiKey.create(tmp_path / "credentials", Service.FORUM, datetime.now(UTC))[1]


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[tuple[httpx2.AsyncClient, Publisher]]:
    kept = Publisher()
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(kept, door), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False) as client,
        ):
            yield client, kept


async def post(
    client: httpx2.AsyncClient,
    credential: str | None,
    body: bytes | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> httpx2.Response:
    named = {} if credential is None else {"authorization": f"Bearer {credential}"}
    content = raw() if body is None else body
    return await client.post("/v1/disclosures", content=content, headers={**named, **headers})


async def test_a_token_and_an_api_key_pass_the_same_door(issuer: Issuer, clients: Clients, api_key: str) -> None:
    keys = ApiKeys(clients_folder(clients) / "credentials")
    door = CredentialDoor(keys, Tokens(ISSUER, AUDIENCE, KnownKeys(issuer), clients))
    async with served(door) as (client, _):
        assert (await post(client, issuer.token())).status_code == 202
        assert (await post(client, api_key)).status_code == 202


def clients_folder(clients: Clients) -> Path:
    return clients._file._path.parent


@pytest.mark.parametrize(
    ("credential", "challenge"),
    [
        (lambda _: None, "Bearer"),
        (lambda issuer: issuer.token(exp=1), 'Bearer error="invalid_token"'),
        (lambda issuer: issuer.token(aud="other"), 'Bearer error="invalid_token"'),
        (lambda issuer: issuer.token(client_id="unknown"), 'Bearer error="invalid_token"'),
        (lambda issuer: unsigned({"alg": "none"}, issuer.claims()), 'Bearer error="invalid_token"'),
        (lambda _: "confide_0123456789ab_" + "A" * 43, 'Bearer error="invalid_token"'),
    ],
    ids=["none", "expired", "wrong audience", "unknown client", "alg none", "an API key"],
)
async def test_a_refusal_does_not_say_what_is_wrong_with_a_credential(
    issuer: Issuer, clients: Clients, credential: Callable[[Issuer], str | None], challenge: str
) -> None:
    async with served(CredentialDoor(None, Tokens(ISSUER, AUDIENCE, KnownKeys(issuer), clients))) as (
        client,
        kept,
    ):
        answer = await post(client, credential(issuer))
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, challenge)
        details = {
            "needs the header Authorization: Bearer, with an API key or an access token",
            "the credential is not known here, or has expired",
        }
        assert answer.json()["detail"] in details
        assert (kept.published, kept.refused) == ([], [])


async def test_without_settings_for_tokens_no_token_passes(issuer: Issuer, clients: Clients, api_key: str) -> None:
    async with served(CredentialDoor(ApiKeys(clients_folder(clients) / "credentials"))) as (client, _):
        assert (await post(client, issuer.token())).status_code == 401


async def test_the_service_follows_from_the_client_and_never_from_the_body(issuer: Issuer, clients: Clients) -> None:
    async with served(CredentialDoor(None, Tokens(ISSUER, AUDIENCE, KnownKeys(issuer), clients))) as (
        client,
        kept,
    ):
        of_text_line = issuer.token(client_id="text-line-backend")
        answer = await post(client, of_text_line, raw(service="forum"))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "service")
        assert kept.published == []
        assert (await post(client, of_text_line, raw(service="text_line"))).status_code == 202


async def test_a_browsers_cross_site_form_does_not_pass(issuer: Issuer, clients: Clients) -> None:
    form = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "content-type": "text/plain"}
    async with served(CredentialDoor(None, Tokens(ISSUER, AUDIENCE, KnownKeys(issuer), clients))) as (
        client,
        kept,
    ):
        assert (await post(client, None, headers=form)).status_code == 401
        assert (await post(client, None, headers={**form, "host": "evil.example"})).status_code == 421
        assert (kept.published, kept.refused) == ([], [])


async def test_a_key_set_that_does_not_answer_holds_up_no_request_with_an_api_key(
    issuer: Issuer, clients: Clients, api_key: str
) -> None:
    with key_server(issuer) as server:
        server.answers.clear()
        with KeySource(key_sources._url(server.url), wait=_SOON) as source:
            keys = ApiKeys(clients_folder(clients) / "credentials")
            async with served(CredentialDoor(keys, Tokens(ISSUER, AUDIENCE, source, clients))) as (client, _):
                tokens = [asyncio.create_task(post(client, issuer.token())) for _ in range(8)]
                async with asyncio.timeout(_SOON):
                    assert (await post(client, api_key)).status_code == 202
                    assert (await client.get("/healthz")).status_code == 200
                assert not any(task.done() for task in tokens)
                server.answers.set()
                assert {answer.status_code for answer in await asyncio.gather(*tokens)} == {202}


async def test_a_token_that_cannot_be_checked_is_told_to_come_again(issuer: Issuer, clients: Clients) -> None:
    with KeySource(key_sources._url("http://127.0.0.1:9/jwks"), wait=_SOON) as source:
        async with served(CredentialDoor(None, Tokens(ISSUER, AUDIENCE, source, clients))) as (client, kept):
            answer = await post(client, issuer.token())
            assert (answer.status_code, answer.headers["retry-after"]) == (503, str(RETRY_AFTER))
            assert (kept.published, kept.refused) == ([], [])
