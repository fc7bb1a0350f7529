"""The gateway as a process with access tokens: a real key set over HTTP, and records in Kafka."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from schemas.codec import decode
from schemas.topics import TopicName
from schemas.vocabulary import Service
from services.credentials import ApiKey
from services.credentials.api_keys import LOOK_EVERY as KEYS_LOOK_EVERY
from services.credentials.clients import LOOK_EVERY
from services.credentials.key_source import READ_APART, READ_EVERY, READ_SECONDS
from services.watched_file import QUIET_SECONDS
from tests.disclosures import id_of, raw
from tests.processes import Process, Processes, until
from tests.tails import Tail
from tests.token_issuer import AUDIENCE, CLIENTS, ISSUER, Issuer, KeyServer, client_file, key_server, unsigned

pytestmark = [pytest.mark.integration, pytest.mark.faults]
#: How long after it was taken away a key or client may still pass, by the contract (seconds).
_REVOKED_WITHIN = 60.0


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def server(issuer: Issuer) -> Iterator[KeyServer]:
    with key_server(issuer) as started:
        yield started


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    return client_file(tmp_path)


@pytest.fixture
def api_key(tmp_path: Path) -> str:
    return ApiKey.create(tmp_path / "credentials", Service.FORUM, datetime.now(UTC))[1]


def started(confide: Processes, key_set: str, clients: Path, *more: str) -> tuple[Process, str]:
    """Start a gateway for API keys and tokens; return it and its URL."""
    options = {
        "--credentials": str(clients.parent / "credentials"),
        "--token-issuer": ISSUER,
        "--token-audience": AUDIENCE,
        "--token-keys": key_set,
        "--token-clients": str(clients),
    }
    named = [text for option in options.items() for text in option]
    process = confide.start("gateway", "--port", "0", *named, *more)
    return process, f"http://127.0.0.1:{process.announced()['port']}"


def post(url: str, credential: str | None, name: str = "d-token", **changes: str) -> int:
    headers = {} if credential is None else {"authorization": f"Bearer {credential}"}
    with httpx2.Client(trust_env=False, timeout=30) as client:
        return client.post(f"{url}/v1/disclosures", content=raw(name, **changes), headers=headers).status_code


def test_a_token_proves_its_service_and_nothing_else_passes(
    confide: Processes, bootstrap: str, issuer: Issuer, server: KeyServer, clients: Path, api_key: str
) -> None:
    issuer.make_key("rsa", "RS256")
    process, url = started(confide, server.url, clients)
    with Tail(bootstrap, TopicName.FORUM_DISCLOSURES_URGENT, TopicName.TEXT_LINE_DISCLOSURES_URGENT) as tail:
        for refused in (
            None,
            issuer.token(exp=int(time.time()) - 60),
            issuer.token(aud="https://other.example"),
            issuer.token(iss="https://evil.example"),
            issuer.token(client_id="unknown"),
            issuer.token(header={"kid": "unknown"}),
            unsigned({"alg": "none", "kid": "first"}, issuer.claims()),
            unsigned({"alg": "HS256", "kid": "rsa"}, issuer.claims(), issuer.public("rsa")),
            Issuer().token(),
        ):
            assert post(url, refused, "d-refused") == 401
        assert post(url, issuer.token("rsa", client_id="text-line-backend"), "d-first", service="text_line") == 202
        assert post(url, issuer.token(), "d-second") == 202
        assert post(url, api_key, "d-third") == 202
        records = tail.take(3)
    found = {decode(record.value, "Disclosure")[1]["disclosure_id"]: record.topic for record in records}
    assert found == {
        id_of("d-first"): TopicName.TEXT_LINE_DISCLOSURES_URGENT,
        id_of("d-second"): TopicName.FORUM_DISCLOSURES_URGENT,
        id_of("d-third"): TopicName.FORUM_DISCLOSURES_URGENT,
    }
    assert process.stop() == 0
    written = confide.errors("gateway").read_text()
    assert issuer.token().split(".")[1] not in written


async def test_a_key_and_a_client_are_taken_away_without_a_restart(
    confide: Processes, issuer: Issuer, server: KeyServer, clients: Path
) -> None:
    process, url = started(confide, server.url, clients)
    old = issuer.token()
    assert post(url, old) == 202
    issuer.make_key("second")
    issuer.remove_key("first")
    # The new key counts at once, and its read takes the old one away.
    assert post(url, issuer.token("second")) == 202
    assert post(url, old) == 401
    assert READ_EVERY + READ_SECONDS < _REVOKED_WITHIN
    client_file(clients.parent, CLIENTS.replace("forum-backend", "forum-other"))
    assert LOOK_EVERY + QUIET_SECONDS < _REVOKED_WITHIN
    await until(lambda: post(url, issuer.token("second")) == 401, LOOK_EVERY + QUIET_SECONDS + 20)
    assert post(url, issuer.token("second", client_id="forum-other")) == 202
    assert process.stop() == 0


async def test_an_api_key_is_revoked_without_a_restart(
    confide: Processes, server: KeyServer, clients: Path, api_key: str
) -> None:
    process, url = started(confide, server.url, clients)
    folder = clients.parent / "credentials"
    other = ApiKey.create(folder, Service.FORUM, datetime.now(UTC))[1]
    assert (post(url, api_key), post(url, other)) == (202, 202)
    confide.run("keys", "revoke", api_key.split("_")[1], str(folder))
    assert KEYS_LOOK_EVERY < _REVOKED_WITHIN
    await until(lambda: post(url, api_key) == 401, KEYS_LOOK_EVERY + 20)
    assert post(url, other) == 202
    assert process.stop() == 0


def test_a_key_set_that_goes_away_holds_up_nobody(
    confide: Processes, issuer: Issuer, server: KeyServer, clients: Path, api_key: str
) -> None:
    _, url = started(confide, server.url, clients)
    assert post(url, issuer.token()) == 202
    server.answers.clear()
    before = time.monotonic()
    assert post(url, issuer.token()) == 202
    assert post(url, api_key) == 202
    assert time.monotonic() - before < READ_SECONDS
    # Whether the key is new or forged is not known, so the sender is told to come again.
    issuer.make_key("second")
    assert post(url, issuer.token("second")) == 503
    assert post(url, api_key) == 202
    server.answers.set()


def test_forged_key_ids_do_not_flood_the_server_of_the_key_set(
    confide: Processes, issuer: Issuer, server: KeyServer, clients: Path
) -> None:
    _, url = started(confide, server.url, clients)
    began = time.monotonic()
    for number in range(4):
        assert post(url, issuer.token(header={"kid": f"forged-{number}"})) == 401
    assert server.reads <= 2 + (time.monotonic() - began) / READ_APART


def test_a_gateway_starts_while_the_key_set_does_not_answer(
    confide: Processes, issuer: Issuer, clients: Path, api_key: str
) -> None:
    process, url = started(confide, "http://127.0.0.1:9/jwks", clients)
    assert post(url, api_key) == 202
    assert post(url, issuer.token()) == 503
    assert process.stop() == 0
    assert "the key set cannot be read, no access token passes" in confide.errors("gateway").read_text()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (("--token-keys", "http://issuer.example/jwks"), "https://"),
        (("--token-clients", "missing.toml"), "No such file"),
        (("--token-issuer", ""), "not set: --token-issuer"),
        (("--allow-host", "https://a.example"), "without a port"),
    ],
    ids=["keys in the clear", "no clients", "no issuer", "a URL as host"],
)
def test_wrong_settings_are_one_line(
    confide: Processes, clients: Path, server: KeyServer, changed: tuple[str, str], says: str
) -> None:
    options = {
        "--token-issuer": ISSUER,
        "--token-audience": AUDIENCE,
        "--token-keys": server.url,
        "--token-clients": str(clients),
        changed[0]: changed[1],
    }
    ended = confide.run("gateway", "--port", "0", *[text for option in options.items() for text in option])
    (line,) = ended.stderr.decode().splitlines()
    assert ended.returncode == 2
    assert line.startswith("confide: ")
    assert says in line
