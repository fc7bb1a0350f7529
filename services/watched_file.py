"""A file that is read again when it changes. While it cannot be used, its last good content counts."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

#: Seconds since the last write after which a file counts as complete. A file that is written in place is incomplete
#: for a moment, and two writes within the resolution of the file system's clock look the same.
QUIET_SECONDS = 1.0


class Signature(NamedTuple):
    """Fields that differ between two states of a file. `changed` differs even if the time of writing was set back."""

    written: int
    changed: int
    size: int
    inode: int


class WatchedFile(Generic[T]):
    """One file, read again when it changes.

    `refused` is called once for each change that cannot be used. Such a file is read again at each look.
    """

    def __init__(self, path: Path, read: Callable[[Path], T], refused: Callable[[Path, Exception], None]) -> None:
        self._path = path
        self._read = read
        self._refused = refused
        self._taken: Signature | None = None
        # Signature of the file while it is refused, None for a missing file; empty while the file is usable.
        self._refusals: set[Signature | None] = set()

    @property
    def is_refused(self) -> bool:
        """Whether the current content of the file cannot be used."""
        return bool(self._refusals)

    def look(self, held: T, now: datetime) -> T:
        """Return the content of the file, or `held` if it has not changed or cannot be used."""
        seen = signature(self._path)
        if seen is not None:
            age = now.timestamp() - seen.written / 1e9
            # A time in the future comes from another machine's clock, and does not show whether the file is complete.
            if seen == self._taken or 0 <= age < QUIET_SECONDS:
                return held
        try:
            held = self._read(self._path)
        except Exception as error:  # noqa: BLE001 - no fault of an operator's file may stop the worker
            if seen not in self._refusals:
                self._refusals = {seen}
                self._refused(self._path, error)
            # Read the file again even if its old state comes back: that ends the refusal.
            self._taken = None
        else:
            self._taken = seen
            self._refusals.clear()
        return held


def signature(path: Path) -> Signature | None:
    """Return the signature of a file or folder, None if there is none or it cannot be accessed."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Signature(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
