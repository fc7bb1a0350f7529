"""The public keys of an issuer of access tokens, as its key set (JWKS, RFC 7517) lists them, and which are used.

Only asymmetric algorithms are allowed. An HMAC key is a secret that verifies and signs, so it has no place in a public
key set, and a token that is "signed" with the text of a public key as HMAC key must never pass (RFC 8725, 2.1).
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, JWKRegistry, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import JWS_HEADER_REGISTRY

from services.settings import SettingsError

#: Algorithms of a token's signature. `none` and HMAC (`HS256` and others) are not among them.
ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
)
#: The most bytes of a key set.
MAX_BYTES = 256 * 1024
#: The least size of an RSA key, in bits (NIST SP 800-131A).
_RSA_BITS = 2048
_KEY_TYPES = ("RSA", "EC", "OKP")


class KeySet(NamedTuple):
    """The usable keys by `kid`, and why each other key was left out. A set may list one `kid` twice."""

    keys: Mapping[str, tuple[Key, ...]]
    left_out: tuple[str, ...] = ()


class WrongKeySet(SettingsError):
    """The key set cannot be read; the message quotes nothing of it."""


class _Unusable(ValueError):
    """The key cannot verify tokens; the message quotes nothing of it."""


class Signatures(JWSRegistry):
    """The rules for a token's signature: which algorithms, and how long a token may be."""

    #: A head of 16 KiB has room for no more than this (bytes).
    max_header_length = 4096

    def __init__(self) -> None:
        # Header parameters that are not known are ignored (RFC 7515, section 4), but for `crit`.
        super().__init__(JWS_HEADER_REGISTRY, ALGORITHMS, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """Return the algorithm if it is allowed; raise `UnsupportedAlgorithmError` for any other."""
        # The library's own method warns of `EdDSA` at each token: RFC 9864 renamed it, but issuers still write it.
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("the algorithm is not allowed")
        return self.algorithms[name]


def read_key_set(raw: bytes) -> KeySet:
    """Return the keys of a set that can verify tokens; raise `WrongKeySet` if it is malformed.

    A key that cannot verify tokens is left out, as RFC 7517 (section 5) asks: key sets also list keys for encryption.
    """
    if len(raw) > MAX_BYTES:
        raise WrongKeySet(f"the key set has more than {MAX_BYTES} bytes")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise WrongKeySet("the key set is no JSON") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise WrongKeySet("the key set needs `keys`, a list (RFC 7517)")
    usable: dict[str, tuple[Key, ...]] = {}
    left_out = []
    for number, each in enumerate(listed, 1):
        try:
            kid, key = _usable(each)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            # A library's message may quote the key set.
            reason = str(error) if isinstance(error, _Unusable) else type(error).__name__
            left_out.append(f"key {number}: {reason}")
            continue
        usable[kid] = (*usable.get(kid, ()), key)
    return KeySet(usable, tuple(left_out))


def _usable(found: Any) -> tuple[str, RSAKey | ECKey | OKPKey]:
    """Return the key and its id; raise `_Unusable` or an error of the library for a key that verifies no token."""
    if not isinstance(found, dict) or found.get("kty") not in _KEY_TYPES:
        raise _Unusable("is not of type RSA, EC or OKP")
    if found.get("use", "sig") != "sig":
        raise _Unusable("is not for signatures")
    kid = found.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _Unusable("has no `kid`")
    # Counted before the import, because the library warns of a short key. Each character of base64url has 6 bits.
    if found["kty"] == "RSA" and len(str(found.get("n", ""))) * 6 < _RSA_BITS:
        raise _Unusable(f"is an RSA key of less than {_RSA_BITS} bits")
    key = JWKRegistry.import_key(found)
    if not isinstance(key, RSAKey | ECKey | OKPKey):
        raise TypeError(type(key).__name__)
    return kid, key
