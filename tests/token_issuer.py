"""An issuer of access tokens: its keys, its key set as a file or over HTTP, and tokens that it signs."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from joserfc import jwk, jwt

from services.credentials.key_set import KeySet, Signatures, read_key_set

ISSUER, AUDIENCE = "https://issuer.example", "https://confide.example"
CLIENTS = """
[clients.forum-backend]
service = "forum"

[clients.text-line-backend]
service = "text_line"

[clients.forum-training]
service = "forum"
exercise = true
"""
#: By algorithm: the type and size or curve of its key.
KINDS: Mapping[str, tuple[Any, Any]] = {
    "RS256": ("RSA", 2048),
    "PS384": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}


class Issuer:
    """Signs tokens with the keys that it has; each key has the id under which it was made."""

    def __init__(self, now: float | None = None) -> None:
        self._now = now
        self._keys: dict[str, Any] = {}
        self.make_key("first")

    def make_key(self, kid: str, alg: str = "ES256") -> None:
        kind, size = KINDS[alg]
        self._keys[kid] = jwk.generate_key(kind, size, {"kid": kid, "alg": alg, "use": "sig"})

    def remove_key(self, kid: str) -> None:
        del self._keys[kid]

    def public(self, kid: str) -> bytes:
        """Return a public key as PEM, as its owner publishes it."""
        pem: bytes = self._keys[kid].as_pem(private=False)
        return pem

    def key_set(self) -> bytes:
        return json.dumps({"keys": [key.as_dict(private=False) for key in self._keys.values()]}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a right token; None leaves one out."""
        now = time.time() if self._now is None else self._now
        right = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": int(now),
            "exp": int(now) + 300,
            "client_id": "forum-backend",
            "sub": "forum-backend",
        }
        return {name: value for name, value in (right | changes).items() if value is not None}

    def token(self, kid: str = "first", header: Mapping[str, Any] | None = None, **changes: Any) -> str:
        key = self._keys[kid]
        fields = {"alg": key.alg, "kid": kid, "typ": "at+jwt", **(header or {})}
        # The registry of the gateway would refuse to sign what it refuses to read.
        own = Signatures()
        own.check_header = lambda _: None  # type: ignore[method-assign, assignment]
        present = {name: value for name, value in fields.items() if value is not None}
        return jwt.encode(present, self.claims(**changes), key, registry=own, default_type=None)


def unsigned(header: Any, claims: Any, key: bytes | None = None) -> str:
    """Return a token with any header and claims, with no signature or, with a key, that of HMAC-SHA-256."""
    text = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    signature = b"" if key is None else hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{part(signature)}"


def part(raw: bytes) -> str:
    """Return a part of a token: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class KeyServer:
    """Serves an issuer's key set over HTTP; it can be slow, fail, and be counted."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.status = 200
        self.reads = 0
        #: While it is clear, nobody gets an answer.
        self.answers = threading.Event()
        self.answers.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(keys: KeyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.reads += 1
            keys.answers.wait(60)
            body = keys.issuer.key_set()
            self.send_response(keys.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


@contextmanager
def key_server(issuer: Issuer) -> Iterator[KeyServer]:
    """Give a server of the issuer's key set that ends with the context."""
    server = KeyServer(issuer)
    server.start()
    try:
        yield server
    finally:
        server.close()


def client_file(folder: Path, text: str = CLIENTS) -> Path:
    """Write the file of clients, and return it."""
    path = folder / "clients.toml"
    path.write_text(text)
    return path


class KnownKeys:
    """Takes the place of `KeySource`: the keys of an issuer, read when they are asked for again."""

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._known: KeySet = read_key_set(issuer.key_set())
        self.is_failing = False
        self.reads = 0

    def find(self, kid: str) -> tuple[Any, ...]:
        return self._known.keys.get(kid, ())

    async def read_again(self) -> bool:
        self.reads += 1
        if not self.is_failing:
            self._known = read_key_set(self._issuer.key_set())
        return not self.is_failing
