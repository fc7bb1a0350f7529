"""Follows the duty rota and the keys of staff on disk, so that a change of staff needs no restart of a worker.

| change on disk | effect |
|---|---|
| the rota changes | the staff on it now are asked and may sign |
| `staff/ID.key` appears, changes or goes | ID signs with the new key from then on, or no longer signs |
| `staff/ID.key` becomes a copy of another key | as for a wrong file: whose key it was before keeps it |
| the rota or `staff` is missing, or a file is wrong | the last good content counts; alarm, log, counter; read again |
| the master or token key changes | ignored, logged and counted: sections sealed with the first key would be lost |
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from opentelemetry import metrics

from schemas.errors import Invalid
from schemas.policy import ConfigFileError
from schemas.policy.duty import load_duty
from schemas.reviews import check_staff
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import Role
from services.settings import STAFF_FOLDER, Keys, Settings, SettingsError, WrongKeyFile, read_key
from services.watched_file import WatchedFile
from streams.domain.staff import StaffDirectory

#: Shortest time between two looks at the files, in seconds.
LOOK_EVERY = 1.0
#: How often the alarm is raised again while a file is wrong, in seconds. It ends an hour after the last time.
ALARM_EVERY = 60.0

T = TypeVar("T")

_log = structlog.get_logger("services.staff_files")
_refused = metrics.get_meter("confide.decide").create_counter(Metric.STAFF_FILES_REFUSED, unit="{change}")


class StaffFile(StrEnum):
    """Kinds of followed files, as values of the metric's attribute."""

    ROTA = "rota"
    STAFF_KEY = "staff_key"
    STAFF_FOLDER = "staff_folder"
    FIXED_KEY = "fixed_key"


class FixedKeyChanged(SettingsError):
    """The file of the master or token key holds another key than the one that the process started with."""


class StaffFiles:
    """Returns the current staff directory when it is called; it checks the files at most once a second.

    It starts with `keys.staff`, which the process read at its start. All lanes of a worker share one, in one thread.
    Raises `SettingsError` for a wrong rota at the start; a running process keeps its last good rota.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        trained: Collection[Role],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        alarm: Callable[[StaffFile], None] = lambda _: None,
    ) -> None:
        folder, duty_file = settings.key_folder(), settings.duty_file
        self._directory = StaffDirectory(settings.duty(trained), keys.staff)
        self._monotonic = monotonic
        self._now = now
        self._alarm = alarm
        #: When the alarm for each kind of wrong file was last raised.
        self._alarmed: dict[StaffFile, float] = {}
        self._looked = float("-inf")
        read_rota = partial(load_duty, trained=trained)
        self._rota = None if duty_file is None else _watched(StaffFile.ROTA, duty_file, read_rota)
        self._fixed = [
            (_watched(StaffFile.FIXED_KEY, folder / f"{name}.key", partial(_same, key)), key)
            for name, key in (("master", keys.master), ("token", keys.token))
        ]
        self._fixed_keys = {keys.master: "master.key", keys.token: "token.key"}
        self._folder = folder / STAFF_FOLDER
        self._folder_refused = False
        self._keys: dict[Path, WatchedFile[bytes | None]] = {}
        #: The last good content of each key file. A copy of another key is content too, and counts for nothing.
        self._contents: dict[Path, bytes | None] = {
            self._folder / f"{name}.key": key for name, key in keys.staff.items()
        }
        #: For each file that is a copy, what it is a copy of.
        self._copies: dict[Path, str] = {}

    def __call__(self) -> StaffDirectory:
        """Return the staff on the duty rota and those with a key, at most a second old."""
        at = self._monotonic()
        if at - self._looked >= LOOK_EVERY:
            self._looked = at
            self._look(self._now())
        return self._directory

    def _look(self, now: datetime) -> None:
        known = self._directory
        duty = known.duty if self._rota is None else self._rota.look(known.duty, now)
        keys = self._staff_keys(now)
        for file, key in self._fixed:
            file.look(key, now)
        self._alarm_of_refused()
        if (duty.escalate_every, duty.staff, keys) != (known.duty.escalate_every, known.duty.staff, known.keys):
            self._directory = known.changed(duty, keys, now)
            _log.info("staff changed", on_rota=len(duty.staff), keys=len(keys))

    def _alarm_of_refused(self) -> None:
        """Raise the alarm for each kind of wrong file: its old content still counts, so an emptied key still signs."""
        refused = {
            StaffFile.ROTA: self._rota is not None and self._rota.is_refused,
            StaffFile.STAFF_FOLDER: self._folder_refused,
            StaffFile.STAFF_KEY: bool(self._copies) or any(file.is_refused for file in self._keys.values()),
            StaffFile.FIXED_KEY: any(file.is_refused for file, _ in self._fixed),
        }
        for kind, is_refused in refused.items():
            if not is_refused:
                self._alarmed.pop(kind, None)
            elif self._looked - self._alarmed.get(kind, float("-inf")) >= ALARM_EVERY:
                self._alarmed[kind] = self._looked
                self._alarm(kind)

    def _staff_keys(self, now: datetime) -> Mapping[str, bytes]:
        known = self._directory.keys
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == ".key" and path.is_file())
        except OSError as error:
            # There is no folder before the first key of staff. A folder that disappears may be a missing mount, so no
            # member of staff loses a key because of it.
            if known and not self._folder_refused:
                self._folder_refused = True
                _refuse(StaffFile.STAFF_FOLDER, self._folder, error)
            return known
        self._folder_refused = False
        self._keys = {path: self._keys.get(path) or _watched(StaffFile.STAFF_KEY, path, read_key) for path in paths}
        self._contents = {path: file.look(self._contents.get(path), now) for path, file in self._keys.items()}
        return self._own_keys(known)

    def _own_keys(self, known: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Return the key of each member of staff. With one key for two of them, each could sign as the other.

        A key of two files is that of the one who had it before, and of neither if both are new. The other one keeps
        their key from before, unless another has it now.
        """
        holders: dict[bytes, list[Path]] = {}
        for path, key in self._contents.items():
            if key is not None:
                holders.setdefault(key, []).append(path)
        keys: dict[str, bytes] = {}
        copies: dict[Path, str] = {}
        for key, paths in holders.items():
            owner = None if key in self._fixed_keys else _owner(key, paths, known)
            if owner is not None:
                keys[owner.stem] = key
            for path in paths:
                if path != owner:
                    copies[path] = self._fixed_keys.get(key) or _shown(
                        StaffFile.STAFF_KEY, owner or next(each for each in paths if each != path)
                    )
        taken = {*self._fixed_keys, *keys.values()}
        for path, original in copies.items():
            before = known.get(path.stem)
            if before is not None and before not in taken:
                keys[path.stem] = before
            if self._copies.get(path) != original:
                _refuse(StaffFile.STAFF_KEY, path, WrongKeyFile(path, f"holds the same key as {original}"))
        self._copies = copies
        return keys


def _owner(key: bytes, paths: Sequence[Path], known: Mapping[str, bytes]) -> Path | None:
    """Return the file whose key this is: the only one that holds it, or the one that held it before; None for none."""
    return paths[0] if len(paths) == 1 else next((path for path in paths if known.get(path.stem) == key), None)


def _watched(kind: StaffFile, path: Path, read: Callable[[Path], T]) -> WatchedFile[T]:
    return WatchedFile(path, read, partial(_refuse, kind))


def _same(key: bytes, path: Path) -> bytes:
    """Return the key that the process started with; raise `FixedKeyChanged` if its file holds another."""
    if read_key(path) != key:
        raise FixedKeyChanged("this process keeps the key that it started with: start all processes again together")
    return key


def _refuse(kind: StaffFile, path: Path, error: Exception) -> None:
    """Log and count one refused change, with the name of the file and nothing of its content or folder."""
    _refused.add(1, {Attribute.STAFF_FILE: kind.value})
    _log.error(
        "a changed staff or key file is wrong, the old content is still used",
        kind=kind.value,
        file=_shown(kind, path),
        reason=_reason(error),
    )


def _shown(kind: StaffFile, path: Path) -> str:
    if kind is StaffFile.STAFF_KEY:
        try:
            check_staff(path.stem)
        except Invalid:
            return "staff/(its name is no id of the duty rota)"
        return f"staff/{path.name}"
    return path.name


def _reason(error: Exception) -> str:
    match error:
        case WrongKeyFile():
            return error.reason
        case FixedKeyChanged():
            return str(error)
        case ConfigFileError(__cause__=OSError() as cause):
            return _reason(cause)
        case ConfigFileError():
            # Log line numbers only: a fault may quote its line.
            lines = dict.fromkeys(str(fault.line) for fault in error.faults if fault.line is not None)
            return f"is wrong in line {', '.join(lines)}" if lines else "is incomplete"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
