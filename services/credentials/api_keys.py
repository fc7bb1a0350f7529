"""API keys of the services: each is shown once and stored as a hash, one file a key, so that a file removed revokes it.

A key is `confide_ID_SECRET`: 12 hexadecimal digits that name it, and 32 random bytes in base64url. With 256 random bits
a plain SHA-256 is enough: no guess can be tried often enough, so no slow hash is needed (NIST SP 800-63B, 5.1.1.2 asks
for one because people choose passwords).
"""

import hashlib
import hmac
import os
import re
import secrets
import time
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from schemas.vocabulary import Service
from services.credentials.caller import Caller, CannotCheck, WrongCredential
from services.credentials.outage import Outage
from services.settings import SettingsError

#: Longest time from the removal of a key's file until the key is refused, in seconds.
LOOK_EVERY = 5.0
_SECRET_BYTES = 32
_KEY = re.compile(r"confide_(?P<id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")
_ID = re.compile(r"[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")

_log = structlog.get_logger("confide.credentials")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key: its id, its service, when it was made, the hash of its secret, and whether it is for exercises."""

    id: str
    service: Service
    made_at: datetime
    sha256: str
    exercise: bool = False

    @classmethod
    def create(cls, folder: Path, service: Service, now: datetime, *, exercise: bool = False) -> tuple["ApiKey", str]:
        """Store a new key of a service in the folder; return it with the text of the key, which is not stored."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        key = cls(secrets.token_hex(6), service, now, _hash(secret), exercise)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / f"{key.id}.toml", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                f'service = "{service}"\nmade_at = {now.isoformat()}\nsha256 = "{key.sha256}"\n'
                f"exercise = {str(exercise).lower()}\n"
            )
        return key, f"confide_{key.id}_{secret}"

    @classmethod
    def read(cls, path: Path) -> "ApiKey":
        """Return the key in a file; raise `SettingsError`, which quotes nothing of it, for a malformed one.

        Raises `OSError` if the file cannot be read now.
        """
        try:
            found = tomllib.loads(path.read_text("utf-8"))
            made_at, stored = found["made_at"], found["sha256"]
            service, exercise = Service(found["service"]), found.get("exercise", False)
        except (ValueError, KeyError) as error:
            raise SettingsError(f"credential {path.name}: cannot be read ({type(error).__name__})") from None
        is_written_here = isinstance(made_at, datetime) and isinstance(exercise, bool)
        if not is_written_here or not isinstance(stored, str) or not _HASH.fullmatch(stored):
            raise SettingsError(
                f"credential {path.name}: needs service, made_at and sha256 as `confide keys` writes them"
            )
        return cls(path.stem, service, made_at.astimezone(UTC), stored, exercise)


def revoke(folder: Path, key_id: str) -> None:
    """Remove the key with this id; raise `SettingsError` if there is none."""
    path = folder / f"{key_id}.toml"
    if not _ID.fullmatch(key_id) or not path.is_file():
        raise SettingsError("ID is of no key in the folder: `confide keys services` lists them")
    path.unlink()


def stored(folder: Path) -> list[ApiKey]:
    """Return the keys in a folder, by service and age; one that cannot be read is logged and left out.

    Raises `OSError` if the folder cannot be read.
    """
    found = _look(folder)
    for reason in (*found.unreadable.values(), *found.malformed):
        _log.error("a credential is refused", reason=reason)
    return sorted(found.keys.values(), key=lambda key: (key.service, key.made_at))


class _Found(NamedTuple):
    keys: Mapping[str, ApiKey]
    #: Why a file cannot be read now, by the id of its key.
    unreadable: Mapping[str, str]
    malformed: frozenset[str]


def _look(folder: Path) -> _Found:
    """Return what is in a folder of keys; raise `OSError` if the folder cannot be read."""
    keys, unreadable, malformed = {}, {}, set()
    for path in sorted(path for path in folder.iterdir() if path.suffix == ".toml"):
        try:
            keys[path.stem] = ApiKey.read(path)
        except OSError as error:
            unreadable[path.stem] = type(error).__name__
        except SettingsError as error:
            malformed.add(str(error))
    return _Found(keys, unreadable, frozenset(malformed))


class ApiKeys:
    """The keys in a folder, at most LOOK_EVERY seconds old: one that is made or revoked needs no restart.

    While the folder or the file of a key cannot be read, the last known keys count for a limited time (`outage.py`).
    A malformed file is a key no more: somebody has changed it.
    """

    def __init__(self, folder: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._monotonic = monotonic
        self._keys: Mapping[str, ApiKey] = {}
        self._malformed: frozenset[str] = frozenset()
        self._looked = float("-inf")
        self._folder_outage = Outage("the API keys", monotonic=monotonic)
        #: By the id of a key whose file cannot be read.
        self._outages: Mapping[str, Outage] = {}

    def caller(self, text: str) -> Caller:
        """Return whose key this is; raise `WrongCredential` for text that is no key here.

        Raises `CannotCheck` for a key that cannot be looked up now.
        """
        found = _KEY.fullmatch(text)
        key = None if found is None else self._current().get(found["id"])
        # The comparison takes the same time for an unknown id, so that the time says nothing.
        expected = _hash("") if key is None else key.sha256
        matches = hmac.compare_digest(_hash("" if found is None else found["secret"]), expected)
        if found is not None and key is None and (self._folder_outage.is_on or found["id"] in self._outages):
            raise CannotCheck("the credential cannot be checked now; send the same again")
        if key is None or not matches:
            raise WrongCredential("the credential is not known here")
        return Caller(key.service, key.id, key.exercise)

    def _current(self) -> Mapping[str, ApiKey]:
        """Return the keys that count."""
        now = self._monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._look()
        if self._folder_outage.is_long:
            return {}
        lost = {key_id for key_id, outage in self._outages.items() if outage.is_long}
        return {key_id: key for key_id, key in self._keys.items() if key_id not in lost} if lost else self._keys

    def _look(self) -> None:
        try:
            found = _look(self._folder)
        except OSError as error:
            # A folder that disappears whole may be a missing mount; a revoked key is one file that goes.
            self._folder_outage.failed(type(error).__name__)
            return
        self._folder_outage.ended()
        for reason in found.malformed - self._malformed:
            _log.error("a credential is refused", reason=reason)
        self._malformed = found.malformed
        last_known = {key_id: self._keys[key_id] for key_id in found.unreadable if key_id in self._keys}
        self._keys = {**found.keys, **last_known}
        for key_id in self._outages.keys() & found.keys.keys():
            self._outages[key_id].ended()
        self._outages = {
            key_id: self._outages.get(key_id) or Outage("an API key", monotonic=self._monotonic)
            for key_id in found.unreadable
        }
        for key_id, outage in self._outages.items():
            outage.failed(found.unreadable[key_id])


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
