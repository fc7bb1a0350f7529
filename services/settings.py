"""What a process reads from its environment: where Kafka is and where its keys lie."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

#: Bytes of every key: AES-256 and HMAC-SHA-256.
KEY_BYTES = 32
_FILES = ("master", "token", "service-forum", "service-text_line")


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The secret keys of a deployment; never printed."""

    master: bytes
    token: bytes
    services: dict[str, bytes]
    token_version: str = "1"  # noqa: S105 - a number, no secret

    def service(self, name: str) -> bytes:
        """Return the key under which the service `name` makes its message keys."""
        return self.services[name]

    @classmethod
    def load(cls, folder: Path) -> "Keys":
        """Read the key files of `folder`; raise `SettingsError` naming the file that is missing or malformed."""
        keys = {name: _read(folder / f"{name}.key") for name in _FILES}
        services = {name.removeprefix("service-"): key for name, key in keys.items() if name.startswith("service-")}
        return cls(master=keys["master"], token=keys["token"], services=services)

    @staticmethod
    def create(folder: Path) -> list[Path]:
        """Make the key files that `folder` lacks, readable by their owner alone; return those made."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = []
        for name in _FILES:
            path = folder / f"{name}.key"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue  # a key that exists is in use: what it sealed would be lost with it
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(KEY_BYTES) + "\n")
            made.append(path)
        return made


@dataclass(frozen=True, slots=True)
class Settings:
    """Where Kafka is and where the keys lie."""

    bootstrap: str
    keys_folder: Path | None

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `KAFKA_BOOTSTRAP` and `CONFIDE_KEYS`; raise `SettingsError` when Kafka is not named."""
        bootstrap = os.environ.get("KAFKA_BOOTSTRAP", "")
        if not bootstrap:
            raise SettingsError("KAFKA_BOOTSTRAP is not set: name the Kafka to use, or run `confide broker start`")
        folder = os.environ.get("CONFIDE_KEYS")
        return cls(bootstrap=bootstrap, keys_folder=Path(folder) if folder else None)

    def keys(self) -> Keys:
        """Return the keys of this deployment; raise `SettingsError` when they are not there."""
        if self.keys_folder is None:
            raise SettingsError("CONFIDE_KEYS is not set: name the folder of key files (`confide keys create FOLDER`)")
        return Keys.load(self.keys_folder)


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise SettingsError(f"key file {path.name}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"key file {path.name}: is not hexadecimal") from error
    if len(key) != KEY_BYTES:
        raise SettingsError(f"key file {path.name}: must hold {KEY_BYTES} bytes in hexadecimal")
    return key
