"""Where each report stands, as a lane's state keeps it: three small entries while it is pending, one mark afterwards.

| entry | value | kept |
|---|---|---|
| `report/ID` | the report as it came | until it is settled |
| `request/ID` | the request, sealed: every resend is the same | from when it is composed until it is settled |
| `progress/ID` | state, attempt, when the next is due, why the last failed | until it is settled |
| `done/ID` | how it ended, and whether its agency may have it all the same | for SETTLED_FOR after it was reported |

| timer | due |
|---|---|
| `ID` | at the next attempt |
| `limit/ID` | at the agency's limit; then, where the report is tried on, at the end of that |

A report is settled once it is acknowledged, or failed with no attempt to come and none under way. What is under way
follows from `progress/ID`:

| attempt | retry_at | |
|---|---|---|
| 0 | none | before the first attempt: it is composed, or waits for its slot |
| n | set | attempt n failed, or the report was sent again: the next waits for its time, and behind that for its slot |
| n | none | attempt n is under way |
"""

from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from schemas import topics
from schemas.codec import decode, encode
from schemas.records import Report, ReportSection, SealedSection
from schemas.vocabulary import DeliveryState
from streams.runtime import Cause, Turn

#: How long the mark of a settled report stays after it was reported: for as long as anything can bring it again.
SETTLED_FOR = timedelta(days=topics.SETTLED_DAYS)

#: Prefix of the entry that every report has until it is settled.
PENDING = b"standing/"
_REPORT = b"report/"
_LIMIT = b"limit/"
_UNSURE = b" unsure"


class ReportProgress(BaseModel):
    """A report on its way: how far it is, and when it is tried again."""

    # An entry of an earlier version has fields more.
    model_config = ConfigDict(frozen=True, extra="ignore")

    #: Queued, sent, or failed: handed over, and tried on or with an attempt under way.
    state: DeliveryState
    #: The number of the last attempt, 0 before the first.
    attempt: int
    traceparent: str | None
    #: When it is tried again, as its timer has it; None while an attempt is under way or before the first.
    retry_at: AwareDatetime | None = None
    #: Why the last attempt failed, a code of ours.
    reason: str | None = None
    #: Which sending of the report this is.
    generation: int = 1
    #: Staff, or the end of the time for them, ended its attempts; one that was under way may still be answered.
    is_stopped: bool = False
    #: The agency may have the report by an attempt of which the outcome is not known: the next one may be a repeat.
    is_unsure: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether an attempt was begun and its outcome is not known."""
        return self.attempt > 0 and self.retry_at is None

    @property
    def may_have_reached(self) -> bool:
        """Whether the agency may have the report: the outcome of an attempt is not known."""
        return self.is_unsure or self.is_under_way

    @property
    def is_handed_over(self) -> bool:
        """Whether a human has the report already."""
        return self.state is DeliveryState.FAILED

    @property
    def cause(self) -> Cause:
        """What brought the report here, as far as a trace follows it."""
        return Cause(None if self.traceparent is None else self.traceparent.encode("ascii"))

    def following(self, before: "ReportProgress", now: datetime) -> "ReportProgress":
        """Return this progress of a report that is sent again while an earlier sending is pending.

        Attempts are numbered on, and one that is under way is this sending's too. Else the next one is to be made now.
        """
        state = DeliveryState.SENT if before.is_under_way else DeliveryState.QUEUED
        retry_at = now if before.attempt > 0 and not before.is_under_way else None
        return self.model_copy(
            update={
                "attempt": before.attempt,
                "state": state,
                "retry_at": retry_at,
                "is_unsure": before.may_have_reached,
            }
        )

    @classmethod
    def queued(cls, cause: Cause, generation: int = 1) -> "ReportProgress":
        """Return the progress of a report that has just come."""
        header = cause.traceparent
        traceparent = None if header is None else header.decode("ascii", "replace")
        return cls(state=DeliveryState.QUEUED, attempt=0, traceparent=traceparent, generation=generation)


class _Sealed(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    disclosure_id: str
    key_id: str
    nonce: bytes
    ciphertext: bytes


def is_known(turn: Turn, report_id: str, generation: int = 1) -> bool:
    """Return whether this sending of the report, or a later one, was seen before, or its agency acknowledged any."""
    if (progress := progress_of(turn, report_id)) is not None:
        return progress.generation >= generation
    done = turn.get(_done(report_id))
    if done is None:
        return False
    settled, state = done.split(b" ")[:2]
    return int(settled) >= generation or state.decode() == DeliveryState.ACKNOWLEDGED


def was_unsure(turn: Turn, report_id: str) -> bool:
    """Return whether the agency may have a report whose earlier sending was settled without an acknowledgement."""
    return (turn.get(_done(report_id)) or b"").endswith(_UNSURE)


def begin(turn: Turn, report: Report, progress: ReportProgress) -> None:
    """Keep a report that has just come."""
    turn.put(_report(report.report_id), encode("Report", report.model_dump()))
    keep(turn, report.report_id, progress)


def keep(turn: Turn, report_id: str, progress: ReportProgress) -> None:
    """Keep how far a report is."""
    turn.put(_standing(report_id), progress.model_dump_json().encode())


def keep_request(turn: Turn, report_id: str, request: ReportSection) -> None:
    """Keep the sealed request, which every attempt sends as it is."""
    section = request.section
    sealed = _Sealed(
        disclosure_id=request.disclosure_id,
        key_id=section.key_id,
        nonce=section.nonce,
        ciphertext=section.ciphertext,
    )
    turn.put(_request(report_id), sealed.model_dump_json().encode())


def settle(turn: Turn, report: Report, state: DeliveryState, *, is_unsure: bool | None = None) -> None:
    """Replace all that was kept by the mark of how it ended, and take the limit's timer back.

    A timer of the next attempt is the caller's to take back: most reports have none. `is_unsure`: the agency may have
    the report; None: as far as it is kept, and where an attempt is under way.
    """
    if is_unsure is None:
        progress = progress_of(turn, report.report_id)
        is_unsure = progress is not None and progress.may_have_reached
    is_unsure = is_unsure and state is not DeliveryState.ACKNOWLEDGED
    forget(turn, report.report_id, state, report.limit_from, report.generation, is_unsure=is_unsure)


def forget(
    turn: Turn, report_id: str, state: DeliveryState, since: datetime, generation: int, *, is_unsure: bool
) -> None:
    """Do as `settle`, for a report of which no more than this is known."""
    for key in (_report(report_id), _request(report_id), _standing(report_id)):
        turn.drop(key)
    turn.unschedule(limit_timer(report_id))
    mark = f"{generation} {state}".encode() + (_UNSURE if is_unsure else b"")
    turn.put(_done(report_id), mark, until=since + SETTLED_FOR)


def retry_timer(report_id: str) -> bytes:
    """Return the name of the timer of a report's next attempt."""
    return report_id.encode()


def limit_timer(report_id: str) -> bytes:
    """Return the name of the timer of a report's limit."""
    return _LIMIT + report_id.encode()


def is_limit(timer: bytes) -> bool:
    """Return whether a timer is one of a limit; ids of reports are UUIDs and hold no stroke."""
    return timer.startswith(_LIMIT)


def id_of(name: bytes) -> str:
    """Return the id of the report that a timer or an entry of the state belongs to."""
    for prefix in (_LIMIT, _REPORT, PENDING):
        name = name.removeprefix(prefix)
    return name.decode("utf-8", "replace")


def entry_of(report_id: str) -> bytes:
    """Return the key of the entry that holds the report as it came."""
    return _report(report_id)


def is_settled(turn: Turn, report_id: str) -> bool:
    """Return whether how the report ended is known."""
    return turn.get(_done(report_id)) is not None


def next_generation(turn: Turn, report_id: str) -> int:
    """Return the sending of a pending report whose entries cannot be read: the one behind the last that was settled."""
    done = turn.get(_done(report_id))
    return 1 if done is None else int(done.split(b" ")[0]) + 1


def pending(key: bytes, value: bytes) -> tuple[str, ReportProgress]:
    """Return the id of a report that is not settled, and how far it is, from its entry under `PENDING`."""
    return key.removeprefix(PENDING).decode(), ReportProgress.model_validate_json(value)


def progress_of(turn: Turn, report_id: str) -> ReportProgress | None:
    """Return how far a pending report is, None for one that is not pending."""
    value = turn.get(_standing(report_id))
    return None if value is None else ReportProgress.model_validate_json(value)


def report_of(turn: Turn, report_id: str) -> Report:
    """Return a pending report; raise `LookupError` for one that is not pending."""
    return Report.model_validate(decode(_kept(turn, _report(report_id)), "Report")[1])


def request_of(turn: Turn, report_id: str) -> ReportSection | None:
    """Return the sealed request of a pending report, None before its first attempt."""
    value = turn.get(_request(report_id))
    if value is None:
        return None
    sealed = _Sealed.model_validate_json(value)
    section = SealedSection(key_id=sealed.key_id, nonce=sealed.nonce, ciphertext=sealed.ciphertext)
    return ReportSection(disclosure_id=sealed.disclosure_id, section=section)


def _kept(turn: Turn, key: bytes) -> bytes:
    value = turn.get(key)
    if value is None:
        raise LookupError(f"no entry {key.decode()} in the lane's state")
    return value


def _report(report_id: str) -> bytes:
    return _REPORT + report_id.encode()


def _request(report_id: str) -> bytes:
    return b"request/" + report_id.encode()


def _standing(report_id: str) -> bytes:
    return PENDING + report_id.encode()


def _done(report_id: str) -> bytes:
    return b"done/" + report_id.encode()
