"""A file of JSON lines that a crash or a full disk leaves whole, for notices and for the simulated agencies."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

#: Errors of a line that is no JSON, or not the JSON that the reader expects.
_UNREADABLE = (ValueError, LookupError, TypeError, RecursionError)

_log = structlog.get_logger("confide.files")


class JsonLinesFile:
    """Appends JSON lines, readable only by the owner. One call at a time: callers in threads hold a lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)

    def read_back(self, take: Callable[[Any], None]) -> None:
        """Call `take` with each line of the file, after the last line was removed if it was cut off.

        A line that is damaged, or that `take` cannot use, is logged by its number and passed over.
        """
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)
            os.fsync(self._file)
            _log.warning(
                "cut off a line that was not written to its end", file=self._path.name, bytes=len(content) - whole
            )
        for number, line in enumerate(content[:whole].split(b"\n")[:-1], start=1):
            try:
                take(json.loads(line))
            except _UNREADABLE as error:
                _log.error(
                    "passed over a line that cannot be read",
                    file=self._path.name,
                    line=number,
                    error=type(error).__name__,
                )

    def append(self, fields: Mapping[str, Any]) -> None:
        """Write a line to disk before this returns; raise `OSError` if that fails, with the file unchanged."""
        end = os.fstat(self._file).st_size
        rest = json.dumps(fields).encode("ascii") + b"\n"
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            # Without this the next line would follow a part of this one, and neither could be read.
            os.ftruncate(self._file, end)
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
