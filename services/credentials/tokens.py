"""Access tokens of OAuth 2.0 client credentials: signed JWTs (RFC 9068), checked against the issuer's public keys.

| of the token | rule |
|---|---|
| `alg` | asymmetric: RS, PS and ES with SHA-256 to SHA-512, and Ed25519 (`EdDSA`); never `none` or HMAC |
| `kid` | names a key of the issuer's key set; keys and URLs in the token itself are not looked at |
| `typ` | `at+jwt`; `JWT` or none too, because many issuers write these; no other, so that no other kind of JWT passes |
| `crit` | none: no extension is understood |
| `iss` | the issuer, character by character |
| `aud` | has the gateway's audience |
| `exp` | is there, and not over |
| `nbf`, `iat` | not later than now |
| `client_id`, else `sub` | in the file of clients, which says the service |
"""

import json
import math
import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from services.credentials.caller import Caller, CannotCheck, WrongCredential
from services.credentials.clients import Clients
from services.credentials.key_set import Signatures

#: How far the clocks of issuer and gateway may differ, in seconds: after `exp`, and before `nbf` and `iat`. The first
#: is short, because an expired token is as good as revoked. A token that is too early does less harm than a lost one.
EXPIRED_SECONDS = 5.0
FUTURE_SECONDS = 60.0
_TYPES = ("at+jwt", "application/at+jwt", "jwt")

_log = structlog.get_logger("confide.credentials")


class KeyFinder(Protocol):
    """The part of `KeySource` that the check of a token uses."""

    def find(self, kid: str) -> tuple[Key, ...]:
        """Return the keys with this id."""

    async def read_again(self) -> bool:
        """Have the keys read again, within limits; return whether they were read."""


class Tokens:
    """Tells which service an access token proves."""

    def __init__(
        self, issuer: str, audience: str, keys: KeyFinder, clients: Clients, *, now: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clients = clients
        self._now = now
        self._signatures = Signatures()

    async def caller(self, text: str) -> Caller:
        """Return who calls; raise `WrongCredential`, or `CannotCheck` if the keys are unknown now."""
        try:
            token = self._parsed(text)
            kid = token.headers()["kid"]
            keys = self._keys.find(kid)
            if not keys:
                # The issuer may have changed its keys a moment ago.
                was_read = await self._keys.read_again()
                keys = self._keys.find(kid)
                if not keys and not was_read:
                    raise CannotCheck("the credential cannot be checked now; send the same again")
            if not any(self._is_signed(token, key) for key in keys):
                raise ValueError("is not signed")
            found = self._caller(json.loads(token.payload or b""))
        except (JoseError, ValueError, RecursionError):
            found = None
        if found is None:
            raise WrongCredential("the credential is not known here, or has expired")
        return found

    def _parsed(self, text: str) -> jws.CompactSignature:
        """Return the token, its signature not checked yet; raise `ValueError` or `JoseError` for any other text."""
        try:
            token = jws.extract_compact(text.encode("ascii"), registry=self._signatures)
        except Exception as error:
            # Anybody can send this text, and the library expects less than that: a header that is a list, for example.
            raise ValueError("is no JWT") from error
        header: Any = token.headers()
        if not isinstance(header, dict):
            raise ValueError("has no header")  # noqa: TRY004 - of a text, not of an argument
        self._signatures.check_header(header)
        self._signatures.get_alg(header["alg"])
        if "crit" in header or header.get("b64", True) is not True:
            raise ValueError("has an extension")
        if header.get("typ", _TYPES[0]).lower() not in _TYPES:
            raise ValueError("is another kind of JWT")
        if not header.get("kid"):
            raise ValueError("names no key")
        return token

    def _is_signed(self, token: jws.CompactSignature, key: Key) -> bool:
        try:
            return jws.validate_compact(token, key, registry=self._signatures)
        except JoseError:
            return False  # the key is for another algorithm

    def _caller(self, claims: Any) -> Caller | None:
        """Return who calls by the claims of a signed token, None if one of them is wrong."""
        if not isinstance(claims, dict) or claims.get("iss") != self._issuer:
            return None
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            return None
        now = self._now()
        if not _is_time(claims.get("exp")) or claims["exp"] <= now - EXPIRED_SECONDS:
            return None
        for name in ("nbf", "iat"):
            if name in claims and not (_is_time(claims[name]) and claims[name] <= now + FUTURE_SECONDS):
                return None
        client_id = claims.get("client_id", claims.get("sub"))
        return self._clients.caller(client_id) if isinstance(client_id, str) else None


def is_token(text: str) -> bool:
    """Return whether a credential is a token in form: three parts with dots, which no API key has."""
    return text.count(".") == 2


def _is_time(value: Any) -> bool:
    """Return whether a claim is seconds since 1970."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
