"""Entries and timers of reports in a lane's state: three small entries while a report is pending, one done entry after.

| entry | value | kept |
|---|---|---|
| `report/ID` | the report as it came | until it is finished |
| `request/ID` | the sealed request: every resend is the same | from when it is composed until the report is finished |
| `progress/ID` | `ReportProgress` | until it is finished |
| `done/ID` | how it ended, and whether the agency may have it | for FINISHED_FOR |

| timer | due |
|---|---|
| `ID` | at the next attempt |
| `limit/ID` | at the agency's limit; then, if the report is tried on, at the end of that time |

A report is finished when it is acknowledged, or when it has failed, no attempt is to come and none is under way.
"""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from schemas import topics
from schemas.codec import decode_own, encode
from schemas.reports import Report, ReportSection
from schemas.sealed import SealedSection
from schemas.vocabulary import DeliveryState
from services.connectors.report_progress import ReportProgress
from streams.runtime import Turn

#: How long the done entry of a finished report stays: as long as its record can be read again. It counts from now, not
#: from when the report was made: the clock of its writer may be behind.
FINISHED_FOR = timedelta(days=topics.FINISHED_DAYS)

#: Prefix of the entry that every report has until it is finished.
PENDING = b"progress/"
_REPORT = b"report/"
_LIMIT = b"limit/"
_MAY_HAVE_REACHED = b" may_have_reached"


class _StoredRequest(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    disclosure_id: str
    key_id: str
    nonce: bytes
    ciphertext: bytes


def is_known(turn: Turn, report_id: str, generation: int = 1) -> bool:
    """Return whether this sending of the report, or a later one, was seen, or its agency acknowledged any sending."""
    if (progress := progress_of(turn, report_id)) is not None:
        return progress.generation >= generation
    done = turn.get(_done_key(report_id))
    if done is None:
        return False
    finished, state = done.split(b" ")[:2]
    return int(finished) >= generation or state.decode() == DeliveryState.ACKNOWLEDGED


def may_have_reached(turn: Turn, report_id: str) -> bool:
    """Return whether an earlier sending of the report finished without acknowledgement and the agency may have it."""
    return (turn.get(_done_key(report_id)) or b"").endswith(_MAY_HAVE_REACHED)


def add(turn: Turn, report: Report, progress: ReportProgress) -> None:
    """Store a report that has just arrived, and its progress."""
    turn.put(report_key(report.report_id), encode("Report", report.model_dump()))
    save_progress(turn, report.report_id, progress)


def save_progress(turn: Turn, report_id: str, progress: ReportProgress) -> None:
    """Store the progress of a report."""
    turn.put(_progress_key(report_id), progress.model_dump_json().encode())


def save_request(turn: Turn, report_id: str, request: ReportSection) -> None:
    """Store the sealed request, which every attempt sends unchanged."""
    section = request.section
    stored = _StoredRequest(
        disclosure_id=request.disclosure_id,
        key_id=section.key_id,
        nonce=section.nonce,
        ciphertext=section.ciphertext,
    )
    turn.put(_request_key(report_id), stored.model_dump_json().encode())


def finish(turn: Turn, report: Report, state: DeliveryState, *, may_have_reached: bool | None = None) -> None:
    """Replace the entries of a report by its done entry, and cancel the timer of its limit.

    The caller cancels the timer of the next attempt, because most reports have none. `may_have_reached`: the agency may
    have the report; None takes it from the stored progress.
    """
    if may_have_reached is None:
        progress = progress_of(turn, report.report_id)
        may_have_reached = progress is not None and progress.may_have_reached
    may_have_reached = may_have_reached and state is not DeliveryState.ACKNOWLEDGED
    finish_by_id(turn, report.report_id, state, report.generation, may_have_reached=may_have_reached)


def finish_by_id(turn: Turn, report_id: str, state: DeliveryState, generation: int, *, may_have_reached: bool) -> None:
    """Do the same as `finish` for a report whose entry cannot be read."""
    for key in (report_key(report_id), _request_key(report_id), _progress_key(report_id)):
        turn.drop(key)
    turn.unschedule(limit_timer(report_id))
    done = f"{generation} {state}".encode() + (_MAY_HAVE_REACHED if may_have_reached else b"")
    turn.put(_done_key(report_id), done, until=turn.now + FINISHED_FOR)


def retry_timer(report_id: str) -> bytes:
    """Return the name of the timer of a report's next attempt."""
    return report_id.encode()


def limit_timer(report_id: str) -> bytes:
    """Return the name of the timer of a report's limit."""
    return _LIMIT + report_id.encode()


def is_limit(timer: bytes) -> bool:
    """Return whether a timer is one of a limit; ids of reports are UUIDs and hold no slash."""
    return timer.startswith(_LIMIT)


def id_of(name: bytes) -> str:
    """Return the id of the report to which a timer or an entry of the state belongs."""
    for prefix in (_LIMIT, _REPORT, PENDING):
        name = name.removeprefix(prefix)
    return name.decode("utf-8", "replace")


def report_key(report_id: str) -> bytes:
    """Return the key of the entry that holds the report as it came."""
    return _REPORT + report_id.encode()


def is_finished(turn: Turn, report_id: str) -> bool:
    """Return whether the report has a done entry."""
    return turn.get(_done_key(report_id)) is not None


def next_generation(turn: Turn, report_id: str) -> int:
    """Return the number of the sending after the last finished one, for a report whose entries cannot be read."""
    done = turn.get(_done_key(report_id))
    return 1 if done is None else int(done.split(b" ")[0]) + 1


def read_pending(key: bytes, value: bytes) -> tuple[str, ReportProgress]:
    """Return the id and the progress of a pending report from its entry under `PENDING`."""
    return key.removeprefix(PENDING).decode(), ReportProgress.model_validate_json(value)


def progress_of(turn: Turn, report_id: str) -> ReportProgress | None:
    """Return the progress of a pending report, None if it is not pending."""
    value = turn.get(_progress_key(report_id))
    return None if value is None else ReportProgress.model_validate_json(value)


def report_of(turn: Turn, report_id: str) -> Report:
    """Return a pending report; raise `LookupError` if it is not pending."""
    return Report.model_validate(decode_own(_required(turn, report_key(report_id)), "Report")[1])


def request_of(turn: Turn, report_id: str) -> ReportSection | None:
    """Return the sealed request of a pending report, None before it is composed."""
    value = turn.get(_request_key(report_id))
    if value is None:
        return None
    stored = _StoredRequest.model_validate_json(value)
    section = SealedSection(key_id=stored.key_id, nonce=stored.nonce, ciphertext=stored.ciphertext)
    return ReportSection(disclosure_id=stored.disclosure_id, section=section)


def _required(turn: Turn, key: bytes) -> bytes:
    value = turn.get(key)
    if value is None:
        raise LookupError(f"no entry {key.decode()} in the lane's state")
    return value


def _request_key(report_id: str) -> bytes:
    return b"request/" + report_id.encode()


def _progress_key(report_id: str) -> bytes:
    return PENDING + report_id.encode()


def _done_key(report_id: str) -> bytes:
    return b"done/" + report_id.encode()
