"""Follows the duty rota and the keys of staff on disk, so that a change of staff needs no restart of a worker.

| change on disk | effect |
|---|---|
| the rota changes | the staff on it now are asked and may sign |
| `staff/ID.key` appears, changes or goes | ID signs with the new key from then on, or no longer signs |
| the rota or `staff` is missing, or a file is wrong | the last good content counts; alarm, log, counter; read again |
| the master or token key changes | ignored, logged and counted: sections sealed with the first key would be lost |
"""

import time
from collections.abc import Callable, Collection, Mapping
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
        self._folder = folder / STAFF_FOLDER
        self._folder_refused = False
        self._keys: dict[Path, WatchedFile[bytes | None]] = {}

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
            StaffFile.STAFF_KEY: any(file.is_refused for file in self._keys.values()),
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
        found = {path.stem: file.look(known.get(path.stem), now) for path, file in self._keys.items()}
        return {name: key for name, key in found.items() if key is not None}


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
