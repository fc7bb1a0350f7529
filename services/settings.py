"""What a process reads from its environment: where Kafka is and where its keys lie."""

import os
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from schemas.policy import ConfigFileError
from schemas.policy.duty import Duty, load_duty
from schemas.vocabulary import Role

#: Bytes of every key: AES-256 and HMAC-SHA-256.
KEY_BYTES = 32
_FILES = ("master", "token")
#: Folder of the keys with which members of staff sign what they made of a review, `ID.key` each.
STAFF_FOLDER = "staff"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


class WrongKeyFile(SettingsError):
    """A key file is missing or malformed; `reason` says how, and holds nothing of the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(f"key file {path}: {reason}")


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The secret keys of a deployment; never printed."""

    master: bytes
    token: bytes
    token_version: str = "1"  # noqa: S105 - a number, no secret
    #: By the id of the member of staff.
    staff: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Keys":
        """Read the key files of `folder`; raise `SettingsError` naming the file that is missing or malformed."""
        keys = {name: read_key(folder / f"{name}.key") for name in _FILES}
        staff = {path.stem: read_key(path) for path in sorted((folder / STAFF_FOLDER).glob("*.key"))}
        return cls(master=keys["master"], token=keys["token"], staff=staff)

    @staticmethod
    def create(folder: Path) -> list[Path]:
        """Make the key files that `folder` lacks, readable by their owner alone; return those made."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = [folder / f"{name}.key" for name in _FILES]
        return [path for path in paths if _make(path)]

    @staticmethod
    def create_staff(folder: Path, name: str) -> Path | None:
        """Make the key of a member of staff, readable by its owner alone; None where it is there already."""
        place = folder / STAFF_FOLDER
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

    def key_folder(self) -> Path:
        """Return the folder of the key files; raise `SettingsError` when it is not named."""
        if self.keys_folder is None:
            raise SettingsError("CONFIDE_KEYS is not set: name the folder of key files (`confide keys create FOLDER`)")
        return self.keys_folder

    def keys(self) -> Keys:
        """Return the keys of this deployment; raise `SettingsError` when they are not there."""
        return Keys.load(self.key_folder())

    def duty(self, trained: Collection[Role]) -> Duty:
        """Return the duty rota, of `trained` staff alone; raise `SettingsError` for what is wrong in its file."""
        try:
            return load_duty(self.duty_file, trained=trained)
        except ConfigFileError as error:
            raise SettingsError(str(error)) from error


def _make(path: Path) -> bool:
    """Make a key file unless it is there; it appears whole, since running workers read the keys of staff."""
    if path.exists():
        return False  # a key that exists is in use: what it sealed or signed would be lost with it
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link never replaces a file that another process made meanwhile.
        path.hardlink_to(unfinished)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True


def read_key(path: Path) -> bytes:
    """Return the key of a file; raise `WrongKeyFile`, which holds nothing of it."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise WrongKeyFile(path, error.strerror or "cannot be read") from error
    except ValueError:
        # Python's own error may quote what it could not decode.
        raise WrongKeyFile(path, "is not hexadecimal") from None
    if len(key) != KEY_BYTES:
        raise WrongKeyFile(path, f"must hold {KEY_BYTES} bytes in hexadecimal")
    return key
