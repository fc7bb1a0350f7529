"""Channels by which a notice reaches a person: the port, and its adapters for the console and for a file."""

import asyncio
import errno
import hashlib
import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

import structlog

from schemas.vocabulary import ContactChannel
from services.json_lines_file import JsonLinesFile
from services.notifier.notice import Notice

#: Wait before a write that the disk refused is tried again (seconds).
_AGAIN_SECONDS = 5.0

_log = structlog.get_logger("confide.notifier")


@dataclass(frozen=True, slots=True)
class Told:
    """The notice was sent by this channel."""

    channel: ContactChannel


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The notice could not be sent by any channel, with the reason as a code."""

    reason: str


class ChannelPort(Protocol):
    """Sends notices to a person. Sending the same notice twice must be harmless: after a crash it is sent again."""

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Send the notice by the first of its channels that works; it has at least one."""


class ConsoleChannel:
    """Writes notices to the console of the person who runs Confide."""

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
    """Writes notices to a file, one JSON line each. Each is written once, even if it is sent again after a restart.

    Two notices are the same only if their whole lines are equal. A notice with the same id but another agency, channel,
    disclosure or wording was never sent and gets its own line.
    """

    def __init__(self, path: Path) -> None:
        self._file = JsonLinesFile(path)
        # A lock for threads: when a lane closes, its notice may still be written while another lane's follows.
        self._lock = threading.Lock()
        #: Digests of the lines in the file. A damaged line does not show its notice, so that may be written again.
        self._written: set[bytes] = set()
        self._file.read_back(lambda fields: self._written.add(_digest(fields)))

    async def tell(self, notice: Notice) -> Told | Unreachable:
        """Write the notice to disk before this returns; if the disk refuses it, try again until it is written."""
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
        """Close the file."""
        self._file.close()

    def _append_once(self, fields: Mapping[str, Any]) -> None:
        with self._lock:
            if _digest(fields) not in self._written:
                self._file.append(fields)
                self._written.add(_digest(fields))


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
    # Sorted keys: a program of another version may write the fields in another order.
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode("ascii")).digest()
