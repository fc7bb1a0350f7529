"""An access token proves a service only if the issuer signed it for this gateway, for now and for a known client."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.vocabulary import Service
from services.credentials import CannotCheck, Tokens, WrongCredential
from services.credentials.caller import Caller
from services.credentials.clients import LOOK_EVERY, Clients
from services.credentials.key_set import WrongKeySet, read_key_set
from services.credentials.tokens import EXPIRED_SECONDS, FUTURE_SECONDS
from services.settings import SettingsError
from tests.fakes.clocks import SecondsClock
from tests.token_issuer import AUDIENCE, CLIENTS, ISSUER, KINDS, Issuer, KnownKeys, client_file, part, unsigned

NOW = 1_770_152_651.0


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(NOW)


@pytest.fixture
def known(issuer: Issuer) -> KnownKeys:
    return KnownKeys(issuer)


@pytest.fixture
def clock() -> SecondsClock:
    return SecondsClock()


@pytest.fixture
def clients(tmp_path: Path, clock: SecondsClock) -> Clients:
    # By this clock each change of the file is complete at once.
    return Clients(client_file(tmp_path), monotonic=clock, now=lambda: datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture
def tokens(known: KnownKeys, clients: Clients) -> Tokens:
    return Tokens(ISSUER, AUDIENCE, known, clients, now=lambda: NOW)


@pytest.mark.parametrize("alg", KINDS)
async def test_a_signed_token_proves_the_service_of_its_client(issuer: Issuer, tokens: Tokens, alg: str) -> None:
    issuer.make_key("its", alg)
    assert await tokens.caller(issuer.token("its")) == Caller(Service.FORUM, "client:forum-backend")


@pytest.mark.parametrize(
    ("claims", "caller"),
    [
        ({"client_id": "text-line-backend"}, Caller(Service.TEXT_LINE, "client:text-line-backend")),
        ({"client_id": None, "sub": "text-line-backend"}, Caller(Service.TEXT_LINE, "client:text-line-backend")),
        ({"client_id": "forum-training"}, Caller(Service.FORUM, "client:forum-training", exercise=True)),
        ({"aud": ["https://other.example", AUDIENCE]}, Caller(Service.FORUM, "client:forum-backend")),
        ({"service": "text_line", "exercise": True}, Caller(Service.FORUM, "client:forum-backend")),
        ({"exp": NOW + 0.5, "nbf": NOW, "iat": None}, Caller(Service.FORUM, "client:forum-backend")),
        ({"nbf": NOW + FUTURE_SECONDS, "iat": NOW + FUTURE_SECONDS}, Caller(Service.FORUM, "client:forum-backend")),
    ],
    ids=["another", "by its subject", "an exercise", "two audiences", "says more", "fractions", "a clock ahead"],
)
async def test_the_file_of_clients_says_what_a_client_is(
    issuer: Issuer, tokens: Tokens, claims: dict[str, Any], caller: Caller
) -> None:
    assert await tokens.caller(issuer.token(**claims)) == caller


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "JWT", None])
async def test_the_type_of_an_access_token_may_be_left_out(issuer: Issuer, tokens: Tokens, typ: str | None) -> None:
    await tokens.caller(issuer.token(header={"typ": typ}))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - EXPIRED_SECONDS},
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"nbf": NOW + FUTURE_SECONDS + 1},
        {"iat": NOW + FUTURE_SECONDS + 1},
        {"nbf": "soon"},
        {"aud": "https://other.example"},
        {"aud": [AUDIENCE + "/"]},
        {"aud": {AUDIENCE: 1}},
        {"aud": None},
        {"iss": "https://issuer.example/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"client_id": "unknown"},
        {"client_id": ["forum-backend"]},
        {"client_id": 7},
        {"client_id": None, "sub": None},
    ],
    ids=[
        "expired a moment ago",
        "expired",
        "never ends",
        "end is text",
        "end is true",
        "end is NaN",
        "end is infinite",
        "not yet valid",
        "of later",
        "start is text",
        "wrong audience",
        "audience with a slash",
        "audience is an object",
        "no audience",
        "wrong issuer",
        "issuer is a list",
        "no issuer",
        "unknown client",
        "client is a list",
        "client is a number",
        "no client",
    ],
)
async def test_a_signed_token_with_a_wrong_claim_is_refused(
    issuer: Issuer, tokens: Tokens, changes: dict[str, Any]
) -> None:
    with pytest.raises(WrongCredential):
        await tokens.caller(issuer.token(**changes))


def _of_another_issuer(issuer: Issuer) -> str:
    return Issuer(NOW).token()


def _changed_claim(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{issuer.token(client_id='text-line-backend').split('.')[1]}.{signature}"


def _own_key(issuer: Issuer) -> str:
    other = Issuer(NOW)
    key = read_key_set(other.key_set()).keys["first"][0].as_dict()
    return other.token(header={"jwk": key, "jku": "https://evil.example/jwks"})


@pytest.mark.parametrize(
    "forged",
    [
        lambda issuer: unsigned({"alg": "none", "kid": "first"}, issuer.claims()),
        lambda issuer: unsigned({"alg": "None", "kid": "first"}, issuer.claims()),
        lambda issuer: unsigned({"alg": "HS256", "kid": "first"}, issuer.claims(), issuer.public("first")),
        lambda issuer: unsigned({"alg": "HS256", "kid": "first"}, issuer.claims(), issuer.key_set()),
        lambda issuer: unsigned({"alg": "ES256", "kid": "first"}, issuer.claims()),
        lambda issuer: unsigned({"alg": "RS256", "kid": "first"}, issuer.claims(), issuer.public("first")),
        _of_another_issuer,
        _changed_claim,
        _own_key,
        lambda issuer: issuer.token(header={"kid": "unknown"}),
        lambda issuer: issuer.token(header={"kid": None}),
        lambda issuer: issuer.token(header={"crit": ["exp"], "exp": 1}),
        lambda issuer: issuer.token(header={"crit": ["kid"]}),
        lambda issuer: issuer.token(header={"typ": "dpop+jwt"}),
        lambda issuer: unsigned({"alg": ["ES256"], "kid": "first"}, issuer.claims()),
        lambda issuer: unsigned({"alg": "ES256", "kid": {"a": 1}}, issuer.claims()),
        lambda issuer: unsigned(["alg", "b64"], issuer.claims()),
        lambda issuer: unsigned("alg", []),
        lambda _: "..",
        lambda _: "a.b.c",
        lambda _: "\u00ff.\u00fe.c",
        lambda _: f"{'x' * 8_000}.{'y' * 8_000}.z",
    ],
    ids=[
        "alg none",
        "alg None",
        "HMAC with the public key",
        "HMAC with the key set",
        "no signature",
        "alg of another key",
        "another issuer with the same kid",
        "a changed claim",
        "its own key",
        "unknown kid",
        "no kid",
        "an extension",
        "a critical field",
        "another kind of JWT",
        "alg is a list",
        "kid is an object",
        "header is a list",
        "header is text",
        "empty",
        "no JSON",
        "no ASCII",
        "long",
    ],
)
async def test_a_token_that_the_issuer_did_not_sign_is_refused(
    issuer: Issuer, tokens: Tokens, forged: Callable[[Issuer], str]
) -> None:
    text = forged(issuer)
    with pytest.raises(WrongCredential) as caught:
        await tokens.caller(text)
    assert str(caught.value) == "the credential is not known here, or has expired"


async def test_json_that_is_too_deep_is_refused(issuer: Issuer, tokens: Tokens) -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    await tokens.caller(issuer.token(extra=deep))
    with pytest.raises(WrongCredential):
        await tokens.caller(f"{part(b'[' * 3_000)}.{part(b'{}')}.{part(b'signature')}")


async def test_a_key_that_the_issuer_has_just_made_counts_at_once(
    issuer: Issuer, known: KnownKeys, tokens: Tokens
) -> None:
    issuer.make_key("rotated")
    await tokens.caller(issuer.token("rotated"))
    assert known.reads == 1
    await tokens.caller(issuer.token("rotated"))
    assert known.reads == 1


async def test_a_key_that_was_taken_out_of_the_key_set_is_refused(
    issuer: Issuer, known: KnownKeys, tokens: Tokens
) -> None:
    old = issuer.token("first")
    issuer.make_key("second")
    issuer.remove_key("first")
    await known.read_again()
    with pytest.raises(WrongCredential):
        await tokens.caller(old)
    await tokens.caller(issuer.token("second"))


async def test_while_the_key_set_cannot_be_read_known_keys_count_and_others_are_told_to_come_again(
    issuer: Issuer, known: KnownKeys, tokens: Tokens
) -> None:
    known.is_failing = True
    await tokens.caller(issuer.token())
    issuer.make_key("rotated")
    with pytest.raises(CannotCheck):
        await tokens.caller(issuer.token("rotated"))


async def test_a_client_that_is_taken_out_of_the_file_is_refused_without_a_restart(
    issuer: Issuer, tokens: Tokens, clock: SecondsClock, tmp_path: Path
) -> None:
    await tokens.caller(issuer.token())
    client_file(tmp_path, CLIENTS.replace("[clients.forum-backend]", "[clients.forum-other]"))
    clock.now += LOOK_EVERY
    assert LOOK_EVERY < 60
    with pytest.raises(WrongCredential):
        await tokens.caller(issuer.token())
    await tokens.caller(issuer.token(client_id="forum-other"))


@pytest.mark.parametrize("damage", ["", "clients = 1", "[clients.x]\nservice = 'police'", None])
async def test_a_damaged_file_of_clients_changes_nothing(
    issuer: Issuer,
    tokens: Tokens,
    clock: SecondsClock,
    tmp_path: Path,
    damage: str | None,
) -> None:
    path = tmp_path / "clients.toml"
    if damage is None:
        path.unlink()
    else:
        path.write_text(damage)
    clock.now += LOOK_EVERY
    await tokens.caller(issuer.token())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "takes one table"),
        ("[clients", "is no TOML"),
        ("[client.x]\nservice = 'forum'", "takes one table"),
        ("[clients.SECRET]", "client 1: service is missing or unknown; allowed: forum, text_line"),
        ("[clients.a]\nservice = 'forum'\n[clients.SECRET]\nservice = 'SECRET'", "client 2: service is missing"),
        ("[clients.SECRET]\nservice = ['forum']", "service is missing or unknown"),
        ("[clients.SECRET]\nservice = 'forum'\nexercise = 1", "exercise is no truth value; allowed: true, false"),
        ("[clients.SECRET]\nservice = 'forum'\nsecret = 'x'", "has another field; allowed: service, exercise"),
        ("clients.SECRET = 'forum'", "needs a table"),
    ],
)
def test_a_wrong_file_of_clients_is_refused_at_the_start(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Clients(client_file(tmp_path, text))
    assert says in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_a_key_set_keeps_the_keys_that_can_verify_tokens(issuer: Issuer) -> None:
    issuer.make_key("rsa", "RS256")
    right = read_key_set(issuer.key_set())
    assert (set(right.keys), right.left_out) == ({"first", "rsa"}, ())
    mixed = issuer.key_set().replace(
        b'{"keys": [',
        b'{"keys": [{"kty": "oct", "kid": "h", "k": "AAAA"}, {"kty": "EC", "kid": "e", "use": "enc"}, 7, {"kty": "EC"},'
        b'{"kty": "RSA", "kid": "short", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "kid": "bad", "crv": "P-256"}, '
        b'{"kty": "EC", "kid": "off", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, ',
    )
    found = read_key_set(mixed)
    assert set(found.keys) == {"first", "rsa"}
    assert len(found.left_out) == 7


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"[]", b"{}", b'{"keys": {}}', b"[" * 100_000, b" " * 300_000], ids=range(7)
)
def test_what_is_no_key_set_is_refused(raw: bytes) -> None:
    with pytest.raises(WrongKeySet):
        read_key_set(raw)


def test_a_key_set_without_keys_takes_all_keys_away() -> None:
    assert read_key_set(b'{"keys": []}').keys == {}
