"""Settings that a process reads from its environment: the address of Kafka, the folder of its keys, the duty rota.

    Exception
    └── SettingsError         a setting is missing or wrong
        ├── WrongKeyFile      a key file is missing or malformed
        └── FixedKeyChanged   the master or token key on disk is not the one of the start (`staff_files.py`)

The root of a tree ends in `Error`; the name of a leaf says what is wrong. A process ends if it meets one at its start;
a running worker keeps the last good content of the file.
"""

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
#: Folder of the keys with which staff sign the outcomes of reviews, one `ID.key` each.
STAFF_FOLDER = "staff"


class SettingsError(Exception):
    """A setting is missing or wrong; the message names it and says what to do."""


class WrongKeyFile(SettingsError):
    """A key file is missing or malformed; `reason` says how and quotes nothing from the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.reason = reason
        super().__init__(f"key file {path}: {reason}")


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The secret keys of a deployment. They are never printed."""

    master: bytes
    token: bytes
    token_version: str = "1"  # noqa: S105 - a number, no secret
    #: Key by the id of the member of staff.
    staff: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "Keys":
        """Read the key files of `folder`; raise `WrongKeyFile` for one that is missing, malformed or not its own."""
        keys = {name: read_key(folder / f"{name}.key") for name in _FILES}
        staff = {path.stem: read_key(path) for path in sorted((folder / STAFF_FOLDER).glob("*.key"))}
        first: dict[bytes, str] = {}
        for name, key in (*keys.items(), *((f"{STAFF_FOLDER}/{name}", key) for name, key in staff.items())):
            # With one key for two members of staff, each could sign as the other.
            if first.setdefault(key, name) != name:
                raise WrongKeyFile(folder / f"{name}.key", f"holds the same key as {first[key]}.key")
        return cls(master=keys["master"], token=keys["token"], staff=staff)

    @staticmethod
    def create(folder: Path) -> list[Path]:
        """Create the key files that `folder` lacks, readable only by their owner; return the created ones."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths = [folder / f"{name}.key" for name in _FILES]
        return [path for path in paths if _make(path)]

    @staticmethod
    def create_staff(folder: Path, name: str) -> Path | None:
        """Create the key file of a member of staff, readable only by its owner; return None if it exists already."""
        staff_folder = folder / STAFF_FOLDER
        staff_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = staff_folder / f"{name}.key"
        return path if _make(path) else None


@dataclass(frozen=True, slots=True)
class Settings:
    """Address of Kafka, folder of the keys, file of the duty rota and receiver of alarms."""

    bootstrap: str
    keys_folder: Path | None
    #: The duty rota to use instead of the policy's own.
    duty_file: Path | None = None
    #: Receiver of alarms, a URL or a command line; None: alarms go to the log only.
    alarm: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `KAFKA_BOOTSTRAP` and the `CONFIDE_` variables; raise `SettingsError` if Kafka is not named."""
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
        """Return the folder of the key files; raise `SettingsError` if it is not named."""
        if self.keys_folder is None:
            raise SettingsError("CONFIDE_KEYS is not set: name the folder of key files (`confide keys create FOLDER`)")
        return self.keys_folder

    def keys(self) -> Keys:
        """Return the keys of this deployment; raise `SettingsError` if they are missing."""
        return Keys.load(self.key_folder())

    def duty(self, trained: Collection[Role]) -> Duty:
        """Return the duty rota, with `trained` roles only; raise `SettingsError` if its file is wrong."""
        try:
            return load_duty(self.duty_file, trained=trained)
        except ConfigFileError as error:
            raise SettingsError(str(error)) from error


def _make(path: Path) -> bool:
    """Create a key file unless it exists. It appears complete, because running workers read the keys of staff."""
    if path.exists():
        return False  # an existing key is in use: without it, what it sealed or signed would be lost
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
    """Return the key in a file; raise `WrongKeyFile`, which quotes nothing from it."""
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise WrongKeyFile(path, error.strerror or "cannot be read") from error
    except ValueError:
        # Python's error may quote the bytes that it could not decode.
        raise WrongKeyFile(path, "is not hexadecimal") from None
    if len(key) != KEY_BYTES:
        raise WrongKeyFile(path, f"must hold {KEY_BYTES} bytes in hexadecimal")
    return key
