"""Log of a simulated agency: a JSON line for each attempt, on disk before the agency answers.

    at, report_id, kind, refers_to, attempt, possible_repeat, accepted, body

Exactly one line of a report has `accepted: true`, even if the process is killed. Accepted reports are read back from
the log at the start. A line that was cut off while it was written is removed, because its sender had no answer.
"""

import hashlib
import json
import threading
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from services.json_lines_file import JsonLinesFile


class Seen(StrEnum):
    """How the agency judged an attempt."""

    ACCEPTED = "accepted"
    #: The same report again.
    REPEAT = "repeat"
    #: Another report under an id that was accepted before.
    CONFLICT = "conflict"
    #: Not accepted: malformed, or refused by a fault.
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request as it was received; `report_id` is None and `attempt` 0 if the request has none."""

    report_id: str | None
    attempt: int
    #: The JSON of the body, or its text if it is not JSON.
    body: Any
    #: The sender marked it as a possible repeat.
    possible_repeat: bool = False


class AgencyLog:
    """Log of one agency in one file; threads may share it."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        #: Digest of each accepted report. A damaged line does not show its report: a resend of that is accepted as new.
        self._accepted: dict[str, str] = {}
        self._file = JsonLinesFile(path)
        self._file.read_back(self._take_accepted)

    def record(self, attempt: Attempt, at: datetime, *, refuse: bool = False) -> Seen:
        """Write the attempt to disk before this returns, and return how it was judged.

        Raises `OSError` if it cannot be written; the log is then unchanged.
        """
        with self._lock:
            seen = self._judge(attempt, refuse)
            self._file.append(_fields(attempt, at, accepted=seen is Seen.ACCEPTED))
            if seen is Seen.ACCEPTED and attempt.report_id is not None:
                self._accepted[attempt.report_id] = _digest(attempt.body)
            return seen

    def reference_of(self, agency: str, report_id: str) -> str:
        """Return the reference that the agency gives for a report."""
        return reference(agency, report_id)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _judge(self, attempt: Attempt, refuse: bool) -> Seen:
        if refuse or attempt.report_id is None:
            return Seen.REFUSED
        before = self._accepted.get(attempt.report_id)
        if before is None:
            return Seen.ACCEPTED
        return Seen.REPEAT if before == _digest(attempt.body) else Seen.CONFLICT

    def _take_accepted(self, entry: Any) -> None:
        if entry["accepted"]:
            self._accepted[entry["report_id"]] = _digest(entry["body"])


def reference(agency: str, report_id: str) -> str:
    """Return the agency's reference of a report, always the same for the same report."""
    return f"{agency}-{hashlib.sha256(report_id.encode()).hexdigest()[:12].upper()}"


def _fields(attempt: Attempt, at: datetime, *, accepted: bool) -> dict[str, Any]:
    body = attempt.body if isinstance(attempt.body, dict) else {}
    return {
        "at": at.isoformat(),
        "report_id": attempt.report_id,
        "kind": body.get("kind"),
        "refers_to": body.get("refers_to"),
        "attempt": attempt.attempt,
        "possible_repeat": attempt.possible_repeat,
        "accepted": accepted,
        "body": attempt.body,
    }


def _digest(body: Any) -> str:
    # Sorted keys: a sender may write the same JSON in another order.
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode("ascii")).hexdigest()
