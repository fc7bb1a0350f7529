"""What a process reads from its environment: where Kafka is and where its keys lie."""

import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from schemas.policy import WrongPolicy
from schemas.policy.duty import Duty, load_duty
from schemas.vocabulary import Role

#: Bytes of every key: AES-256 and HMAC-SHA-256.
KEY_BYTES = 32
_FILES = ("master", "token", "service-forum", "service-text_line")
#: Where the keys lie with which members of staff sign what they made of a review, `ID.key` each.
_STAFF = "staff"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The secret keys of a deployment; never printed."""

    master: bytes
    token: bytes
    services: dict[str, bytes]
    token_version: str = "1"  # noqa: S105 - a number, no secret
    #: By the id of the member of staff.
    staff: dict[str, bytes] = field(default_factory=dict)

    def service(self, name: str) -> bytes:
        """Return the key under which the service `name` makes its message keys."""
        return self.services[name]

    @classmethod
    def load(cls, folder: Path) -> "Keys":
        """Read the key files of `folder`; raise `SettingsError` naming the file that is missing or malformed."""
        keys = {name: _read(folder / f"{name}.key") for name in _FILES}
        services = {name.removeprefix("service-"): key for name, key in keys.items() if name.startswith("service-")}
        staff = {path.stem: _read(path) for path in sorted((folder / _STAFF).glob("*.key"))}
        return cls(master=keys["master"], token=keys["token"], services=services, staff=staff)

    @staticmethod
    def create(folder: Path) -> list[Path]:
        """Make the key files that `folder` lacks, readable by their owner alone; return those made."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = [folder / f"{name}.key" for name in _FILES]
        return [path for path in paths if _make(path)]

    @staticmethod
    def create_staff(folder: Path, name: str) -> Path | None:
        """Make the key of a member of staff, readable by its owner alone; None where it is there already."""
        place = folder / _STAFF
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = place / f"{name}.key"
        return path if _make(path) else None


@dataclass(frozen=True, slots=True)
class Settings:
    """Where Kafka is, where the keys lie, and who is on duty."""

    bootstrap: str
    keys_folder: Path | None
    #: The duty rota to use instead of the policy's own.
    duty_file: Path | None = None
    #: Who is called with alarms, a URL or a command line; None: the log alone.
    alarm: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `KAFKA_BOOTSTRAP` and the `CONFIDE_` variables; raise `SettingsError` when Kafka is not named."""
        bootstrap = os.environ.get("KAFKA_BOOTSTRAP", "")
        if not bootstrap:
            raise SettingsError("KAFKA_BOOTSTRAP is not set: name the Kafka to use, or run `confide broker start`")
        folder, duty = os.environ.get("CONFIDE_KEYS"), os.environ.get("CONFIDE_DUTY")
        return cls(
            bootstrap=bootstrap,
            keys_folder=Path(folder) if folder else None,
            duty_file=Path(duty) if duty else None,
            alarm=os.environ.get("CONFIDE_ALARM") or None,
        )

    def keys(self) -> Keys:
        """Return the keys of this deployment; raise `SettingsError` when they are not there."""
        if self.keys_folder is None:
            raise SettingsError("CONFIDE_KEYS is not set: name the folder of key files (`confide keys create FOLDER`)")
        return Keys.load(self.keys_folder)

    def duty(self, trained: Collection[Role]) -> Duty:
        """Return the duty rota, of `trained` staff alone; raise `SettingsError` for what is wrong in its file."""
        try:
            return load_duty(self.duty_file, trained=trained)
        except WrongPolicy as error:
            raise SettingsError(str(error)) from error


def _make(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False  # a key that exists is in use: what it sealed or signed would be lost with it
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
    return True


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
