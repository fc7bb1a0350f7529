"""The ways by which a notice reaches a person: a port, and the adapters for the console and for a file."""

import asyncio
import errno
import hashlib
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import structlog

from schemas.vocabulary import ContactChannel
from services.notifier.notice import Notice

#: How soon a disk that took nothing is tried again (seconds).
_AGAIN_SECONDS = 5.0

_log = structlog.get_logger("confide.notifier")


@dataclass(frozen=True, slots=True)
class Told:
    """The person was told by this channel."""

    channel: ContactChannel


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The person could not be told by any channel, with the reason as a code."""

    reason: str


class ChannelPort(Protocol):
    """A way to a person; telling the same notice again must be harmless, as a crash may ask for it."""

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Tell the notice by the first of its channels that works; it has at least one."""


class ConsoleChannel:
    """Writes notices to the console, for whoever runs Confide to see."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Write the notice."""
        by = notice.channels[0]
        for service, disclosure_id in notice.disclosures:
            self._stream.write(
                f"[{service} {disclosure_id} by {by}: {notice.says}, {notice.reference}]\n{notice.text()}\n\n"
            )
        self._stream.flush()
        return Told(by)


class FileChannel:
    """Writes notices to a file, a JSON line each and each once, whatever is told again after a restart.

    A notice is the one that was written only where all of its line is the same: one of the same id to another agency,
    by another channel, of other disclosures or in other words was never sent and gets a line of its own.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        # Of threads: where a lane closes, its notice is still being written, and another lane's may follow.
        self._lock = threading.Lock()
        #: Digests of the lines in the file.
        self._written = self._read_back(path)

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Write the notice, on disk before this returns; where the disk takes nothing, try again until it does."""
        by = notice.channels[0]
        fields = _fields(notice, by)
        while True:
            try:
                await asyncio.to_thread(self._append_once, fields)
            except OSError as error:
                _log.error(
                    "a notice cannot be written, and is tried again", error=errno.errorcode.get(error.errno or 0)
                )
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return Told(by)

    def close(self) -> None:
        """Give the file back."""
        os.close(self._file)

    def _append_once(self, fields: Mapping[str, Any]) -> None:
        with self._lock:
            if _digest(fields) not in self._written:
                self._append(json.dumps(fields).encode("ascii") + b"\n")
                self._written.add(_digest(fields))

    def _append(self, line: bytes) -> None:
        end = os.fstat(self._file).st_size
        rest = line
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            # The next notice would stand behind a part of this line, and neither could be read.
            os.ftruncate(self._file, end)
            raise

    def _read_back(self, path: Path) -> set[bytes]:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)
            _log.warning("cut off a notice that was not written to its end", bytes=len(content) - whole)
        written = set()
        for number, line in enumerate(content[:whole].split(b"\n")[:-1], start=1):
            try:
                written.add(_digest(json.loads(line)))
            except (ValueError, RecursionError) as error:
                # A damaged line proves nothing of its notice, which is written again if it is asked for.
                _log.error("passed over a line that cannot be read", line=number, error=type(error).__name__)
        return written


def _fields(notice: Notice, by: ContactChannel) -> dict[str, Any]:
    return {
        "notification_id": notice.notification_id,
        "disclosures": [
            {"service": service.value, "disclosure_id": disclosure_id} for service, disclosure_id in notice.disclosures
        ],
        "channel": by.value,
        "says": notice.says.value,
        "reference": notice.reference,
        "agency": notice.agency,
        "statement": notice.statement,
        "reasons": [{"clause": reason.clause, "text": reason.text} for reason in notice.reasons],
        "rights": notice.rights,
        "support": notice.support,
    }


def _digest(fields: Any) -> bytes:
    # Of the content: a program of another version may write the fields in another order.
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii")).digest()
