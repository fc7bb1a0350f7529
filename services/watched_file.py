"""A file that is read again when it changes; what it held last counts while it cannot be used."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

#: Seconds since the last write after which a file counts as complete. A file that is written in place is incomplete
#: for a moment, and two writes within the resolution of the file system's clock look the same.
SETTLES_AFTER = 1.0


class Signature(NamedTuple):
    """What differs between two states of a file; `changed` also tells one whose time of writing was set back."""

    written: int
    changed: int
    size: int
    inode: int


class WatchedFile(Generic[T]):
    """One file, and what it held when it could last be used.

    `refused` is called once for each change of the file that cannot be used. Such a file is read again at each look.
    """

    def __init__(self, path: Path, read: Callable[[Path], T], refused: Callable[[Path, Exception], None]) -> None:
        self._path = path
        self._read = read
        self._refused = refused
        self._taken: Signature | None = None
        # The signature of the file that is refused at the moment, None for a missing one; empty while it is usable.
        self._refusals: set[Signature | None] = set()

    @property
    def is_refused(self) -> bool:
        """Whether what the file holds at the moment cannot be used."""
        return bool(self._refusals)

    def look(self, held: T, now: datetime) -> T:
        """Return what the file holds, `held` where it has not changed or cannot be used."""
        seen = signature(self._path)
        if seen is not None:
            age = now.timestamp() - seen.written / 1e9
            # A time in the future is another machine's clock, and says nothing of whether the file is complete.
            if seen == self._taken or 0 <= age < SETTLES_AFTER:
                return held
        try:
            held = self._read(self._path)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an operator's file, the worker goes on
            if seen not in self._refusals:
                self._refusals = {seen}
                self._refused(self._path, error)
            # A file that comes back as it was is read as well: that ends the refusal.
            self._taken = None
        else:
            self._taken = seen
            self._refusals.clear()
        return held


def signature(path: Path) -> Signature | None:
    """Return the signature of a file or folder, None where there is none that can be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Signature(found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
