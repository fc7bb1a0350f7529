"""While their files cannot be read, the last known credentials count for a limited time, and then the answer is 503."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from schemas.vocabulary import Service
from services.credentials import ApiKey, ApiKeys, CannotCheck, Tokens, WrongCredential
from services.credentials.api_keys import LOOK_EVERY, revoke
from services.credentials.clients import LOOK_EVERY as CLIENTS_EVERY
from services.credentials.clients import Clients
from services.credentials.outage import LAST_KNOWN_SECONDS, LOG_EVERY
from services.gateway import create_app
from services.gateway.door import CredentialDoor
from services.gateway.problems import RETRY_AFTER
from services.http_server import listen, port_of, running
from tests.disclosures import raw
from tests.fakes.clocks import SecondsClock
from tests.fakes.publisher import Publisher
from tests.token_issuer import AUDIENCE, CLIENTS, ISSUER, Issuer, KnownKeys, client_file

NOW = datetime(2026, 2, 3, 21, 4, 11, tzinfo=UTC)


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "credentials"


def make(folder: Path) -> tuple[str, str]:
    key, text = ApiKey.create(folder, Service.FORUM, NOW)
    return key.id, text


class Files:
    """The ways in which the file of a key cannot be read, and their end."""

    def __init__(self, folder: Path, key_id: str) -> None:
        self.folder, self.file = folder, folder / f"{key_id}.toml"
        self.aside = folder.with_name("aside")

    def take_folder(self) -> None:
        self.folder.rename(self.aside)

    def return_folder(self) -> None:
        self.aside.rename(self.folder)

    def take_file(self) -> None:
        self.file.rename(self.aside)
        self.file.mkdir()

    def return_file(self) -> None:
        self.file.rmdir()
        self.aside.rename(self.file)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_known_key_counts_for_a_limited_time_and_again_once_it_can_be_read(
    folder: Path, clock: SecondsClock, what: str
) -> None:
    key_id, text = make(folder)
    keys, files = ApiKeys(folder, monotonic=clock), Files(folder, key_id)
    keys.caller(text)
    # The time begins when the first look fails: hours without a request do not use it up.
    clock.now += 10 * LAST_KNOWN_SECONDS
    getattr(files, f"take_{what}")()
    keys.caller(text)
    clock.now += LAST_KNOWN_SECONDS
    keys.caller(text)
    clock.now += 1
    with pytest.raises(CannotCheck, match="send the same again"):
        keys.caller(text)
    clock.now += LOOK_EVERY
    with pytest.raises(CannotCheck):
        keys.caller(text)
    getattr(files, f"return_{what}")()
    clock.now += LOOK_EVERY
    assert keys.caller(text).credential == key_id


@pytest.mark.parametrize("change", [lambda text: text + "x", lambda _: "", lambda text: text[:-43] + "A" * 43])
def test_what_is_no_key_is_wrong_also_while_the_folder_is_away(
    folder: Path, clock: SecondsClock, change: Callable[[str], str]
) -> None:
    key_id, text = make(folder)
    keys = ApiKeys(folder, monotonic=clock)
    keys.caller(text)
    Files(folder, key_id).take_folder()
    clock.now += LOOK_EVERY
    with pytest.raises(WrongCredential):
        keys.caller(change(text))


def test_a_key_that_was_never_read_cannot_be_checked(folder: Path, clock: SecondsClock) -> None:
    key_id, text = make(folder)
    Files(folder, key_id).take_folder()
    with pytest.raises(CannotCheck):
        ApiKeys(folder, monotonic=clock).caller(text)


def test_one_key_that_cannot_be_read_takes_no_other_away(folder: Path, clock: SecondsClock) -> None:
    (lost, _), (_, other) = make(folder), make(folder)
    keys = ApiKeys(folder, monotonic=clock)
    keys.caller(other)
    Files(folder, lost).take_file()
    for _ in range(3):
        clock.now += LAST_KNOWN_SECONDS
        keys.caller(other)
    with pytest.raises(WrongCredential):
        keys.caller(f"confide_{'0' * 12}_{other[-43:]}")


def test_an_outage_is_logged_once_a_minute(folder: Path, clock: SecondsClock) -> None:
    key_id, text = make(folder)
    keys, files = ApiKeys(folder, monotonic=clock), Files(folder, key_id)
    keys.caller(text)
    files.take_folder()
    with capture_logs() as logs:
        for _ in range(int(LOG_EVERY / LOOK_EVERY) + 1):
            clock.now += LOOK_EVERY
            keys.caller(text)
        clock.now += LAST_KNOWN_SECONDS
        with pytest.raises(CannotCheck):
            keys.caller(text)
        files.return_folder()
        clock.now += LOOK_EVERY
        keys.caller(text)
    assert [(log["event"], log["log_level"], log.get("seconds")) for log in logs] == [
        ("the API keys cannot be read, the last known count", "warning", round(LAST_KNOWN_SECONDS)),
        ("the API keys cannot be read, the last known count", "warning", round(LAST_KNOWN_SECONDS - LOG_EVERY)),
        ("the API keys cannot be read, and the last known do not count any more", "error", None),
        ("the API keys can be read again", "warning", None),
    ]
    assert text not in str(logs)


def test_a_malformed_key_is_logged_once(folder: Path, clock: SecondsClock) -> None:
    key_id, text = make(folder)
    keys = ApiKeys(folder, monotonic=clock)
    (folder / f"{key_id}.toml").write_text('service = "SECRET"')
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(WrongCredential):
                keys.caller(text)
            clock.now += LOOK_EVERY
    assert [log["event"] for log in logs] == ["a credential is refused"]
    assert "SECRET" not in str(logs)


@pytest.mark.parametrize("damage", [None, "", "[clients", "[clients.x]\nservice = 'police'"])
async def test_a_known_client_counts_for_a_limited_time_and_again_once_it_can_be_read(
    tmp_path: Path, clock: SecondsClock, damage: str | None
) -> None:
    issuer, path = Issuer(NOW.timestamp()), client_file(tmp_path)
    clients = Clients(path, monotonic=clock, now=lambda: datetime(2100, 1, 1, tzinfo=UTC))
    tokens = Tokens(ISSUER, AUDIENCE, KnownKeys(issuer), clients, now=NOW.timestamp)
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    clock.now += CLIENTS_EVERY
    await tokens.caller(issuer.token())
    with pytest.raises(CannotCheck):
        # It may have been added to the file that cannot be read.
        await tokens.caller(issuer.token(client_id="added"))
    clock.now += LAST_KNOWN_SECONDS
    await tokens.caller(issuer.token())
    clock.now += 1
    with pytest.raises(CannotCheck):
        await tokens.caller(issuer.token())
    client_file(tmp_path, CLIENTS)
    clock.now += CLIENTS_EVERY
    await tokens.caller(issuer.token())
    with pytest.raises(WrongCredential):
        await tokens.caller(issuer.token(client_id="added"))


async def statuses(door: CredentialDoor, text: str, between: list[Callable[[], Any]]) -> list[httpx2.Response]:
    """Return the responses to the same request: at first, and after each step."""
    headers = {"authorization": f"Bearer {text}"}
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(Publisher(), door), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False) as client,
        ):
            answers = [await client.post("/v1/disclosures", content=raw(), headers=headers)]
            for step in between:
                step()
                answers.append(await client.post("/v1/disclosures", content=raw(), headers=headers))
    return answers


async def test_a_revoked_key_gets_401_from_a_running_gateway(folder: Path, clock: SecondsClock) -> None:
    key_id, text = make(folder)

    def wait() -> None:
        clock.now += LOOK_EVERY

    door = CredentialDoor(ApiKeys(folder, monotonic=clock))
    answers = await statuses(door, text, [lambda: revoke(folder, key_id), wait])
    assert [answer.status_code for answer in answers] == [202, 202, 401]
    assert LOOK_EVERY < 60


async def test_after_the_limit_the_gateway_answers_503(folder: Path, clock: SecondsClock) -> None:
    key_id, text = make(folder)

    def long() -> None:
        clock.now += LAST_KNOWN_SECONDS + LOOK_EVERY

    def soon() -> None:
        Files(folder, key_id).take_folder()
        clock.now += LOOK_EVERY

    answers = await statuses(CredentialDoor(ApiKeys(folder, monotonic=clock)), text, [soon, long])
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert answers[-1].headers["retry-after"] == str(RETRY_AFTER)
    assert answers[-1].headers["content-type"] == "application/problem+json"
