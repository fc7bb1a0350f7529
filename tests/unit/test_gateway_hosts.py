"""The gateway takes requests to its own names alone, and the operator is told at the start if it would have none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from schemas.vocabulary import Service
from services.cli.gateway_door import TokenSettings, allowed_hosts, credential_door
from services.credentials import ApiKey, ApiKeys
from services.gateway import create_app
from services.gateway.door import CredentialDoor
from services.gateway.hosts import AllowedHosts, WrongHost, names_of
from services.http_server import listen, port_of, running
from services.settings import SettingsError
from tests.certificates import make_certificate
from tests.disclosures import raw
from tests.fakes.publisher import Publisher
from tests.token_issuer import Issuer, client_file

_NAMES = ("disclosures.example.org", "*.inner.example.org", "10.0.0.5", "fd00::5")


@asynccontextmanager
async def served(folder: Path, *names: str) -> AsyncIterator[tuple[httpx2.AsyncClient, Publisher]]:
    publisher = Publisher()
    with listen("127.0.0.1", 0) as bound:
        door = CredentialDoor(ApiKeys(folder), hosts=AllowedHosts(names))
        async with (
            running([(create_app(publisher, door), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False) as client,
        ):
            yield client, publisher


@pytest.mark.parametrize(
    "host",
    [
        "disclosures.example.org",
        "DISCLOSURES.example.org:443",
        "disclosures.example.org.",
        "a.inner.example.org",
        "10.0.0.5:8080",
        "[fd00::5]:8080",
        "127.0.0.1:8080",
        "localhost",
        "[::1]",
        None,
    ],
)
def test_a_name_that_is_allowed_passes_with_any_port(host: str | None) -> None:
    AllowedHosts([*_NAMES[:3], "[fd00::5]"]).check(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "",
        "disclosures.example.org.evil.example",
        "xdisclosures.example.org",
        "inner.example.org",
        "a.b.inner.example.org",
        "10.0.0.6",
        "0.0.0.0:8080",
        "[::]",
        "disclosures.example.org@evil.example",
        "disclosures.example.org:80:80",
    ],
)
def test_every_other_name_is_refused(host: str) -> None:
    with pytest.raises(WrongHost) as caught:
        AllowedHosts([*_NAMES[:3], "[fd00::5]", "0.0.0.0", "[::]"]).check(host)
    assert host == "" or host not in str(caught.value)


async def test_a_request_to_another_host_without_a_right_credential_is_refused_before_anything_is_kept(
    tmp_path: Path,
) -> None:
    _, key = ApiKey.create(tmp_path, Service.FORUM, datetime.now(UTC))
    async with served(tmp_path, "disclosures.example.org") as (client, publisher):
        for headers, status in (
            ({"host": "evil.example"}, 421),
            ({"host": "evil.example", "authorization": "Bearer wrong"}, 421),
            ({"host": "disclosures.example.org", "authorization": "Bearer wrong"}, 401),
            # An emergency with a right credential is not sent back for a header's sake.
            ({"host": "forgotten.example.org", "authorization": f"Bearer {key}"}, 202),
            ({"host": "disclosures.example.org", "authorization": f"Bearer {key}"}, 202),
        ):
            answer = await client.post("/v1/disclosures", content=raw(), headers=headers)
            assert answer.status_code == status
            assert "evil" not in answer.text
            assert len(publisher.published) == (status == 202)
            publisher.published.clear()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_by_any_name_or_address_are_answered(tmp_path: Path, path: str) -> None:
    async with served(tmp_path) as (client, _):
        for host in ("10.1.2.3:8080", "gateway-7f9c", "127.0.0.1"):
            assert (await client.get(path, headers={"host": host})).status_code == 200


def test_the_names_of_the_certificate_are_allowed(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path, ["disclosures.example.org", "10.0.0.5", "fd00::5"])
    hosts = allowed_hosts("0.0.0.0", [], tls.certificate, behind_proxy=False)
    for host in ("disclosures.example.org:8443", "10.0.0.5", "[fd00::5]:8443"):
        hosts.check(host)
    assert names_of(make_certificate(tmp_path, []).certificate) == []


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_gateway_for_other_machines_that_would_answer_none_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(SettingsError, match="--allow-host"):
        allowed_hosts(address, [], None, behind_proxy=True)
    allowed_hosts(address, ["disclosures.example.org"], None, behind_proxy=True).check("disclosures.example.org")


def test_the_operator_is_warned_of_a_proxy_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    allowed_hosts("127.0.0.1", ["disclosures.example.org"], None, behind_proxy=True)
    allowed_hosts("10.0.0.5", [], None, behind_proxy=False).check("10.0.0.5:8080")
    assert capsys.readouterr().err == ""
    allowed_hosts("127.0.0.1", [], None, behind_proxy=True)
    assert "--allow-host" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["https://a.example", "a.example:443", "a.example/x", "a b", "", "*", "é.example"])
def test_what_is_no_name_of_a_host_is_refused_at_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match="without a port"):
        allowed_hosts("127.0.0.1", [name], None, behind_proxy=False)


def test_what_is_no_certificate_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("SECRET")
    for name in ("x.pem", "missing.pem"):
        with pytest.raises(SettingsError) as caught:
            names_of(tmp_path / name)
        assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("issuer", "--token-issuer"),
        ("audience", "--token-audience"),
        ("keys", "--token-keys"),
        ("clients", "--token-clients"),
    ],
)
def test_the_settings_of_tokens_go_together(tmp_path: Path, missing: str, says: str) -> None:
    key_set = tmp_path / "keys.json"
    key_set.write_bytes(Issuer().key_set())
    whole = TokenSettings("https://issuer.example", "confide", str(key_set), client_file(tmp_path))
    credential_door(None, whole, AllowedHosts())
    with pytest.raises(SettingsError) as caught:
        credential_door(tmp_path, whole._replace(**{missing: None}), AllowedHosts())
    assert str(caught.value) == f"the --token options go together; not set: {says}"


def test_a_gateway_without_any_credential_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="CONFIDE_CREDENTIALS is not set"):
        credential_door(None, TokenSettings(None, None, None, None), AllowedHosts())
