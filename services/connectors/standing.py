"""Where each report stands, as a lane's state keeps it: four small entries while it is pending, one mark afterwards.

report/ID    the report as it came                          until it is settled
request/ID   the request, sealed: every resend is the same  from the first attempt until it is settled
standing/ID  state, attempt, times                          until it is settled
done/ID      how it ended                                   for SETTLED_FOR after it was reported
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


class Standing(BaseModel):
    """A report on its way: how far it is, when it was queued, and when it is tried again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: DeliveryState
    #: The number of the last attempt, 0 before the first.
    attempt: int
    queued_at: AwareDatetime
    traceparent: str | None
    #: When it is tried again, as its timer has it; None while an attempt is under way or before the first.
    retry_at: AwareDatetime | None = None
    #: Why the last attempt failed, a code of ours.
    reason: str | None = None

    @property
    def cause(self) -> Cause:
        """What brought the report here, as far as a trace follows it."""
        return Cause(None if self.traceparent is None else self.traceparent.encode("ascii"))

    @classmethod
    def queued(cls, now: datetime, cause: Cause) -> "Standing":
        """Return the standing of a report that has just come."""
        header = cause.traceparent
        traceparent = None if header is None else header.decode("ascii", "replace")
        return cls(state=DeliveryState.QUEUED, attempt=0, queued_at=now, traceparent=traceparent)


class _Sealed(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    disclosure_id: str
    key_id: str
    nonce: bytes
    ciphertext: bytes


def is_known(turn: Turn, report_id: str) -> bool:
    """Return whether this report was seen before, pending or settled."""
    return turn.get(_standing(report_id)) is not None or turn.get(_done(report_id)) is not None


def begin(turn: Turn, report: Report, standing: Standing) -> None:
    """Keep a report that has just come."""
    turn.put(_report(report.report_id), encode("Report", report.model_dump()))
    keep(turn, report.report_id, standing)


def keep(turn: Turn, report_id: str, standing: Standing) -> None:
    """Keep how far a report is."""
    turn.put(_standing(report_id), standing.model_dump_json().encode())


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


def settle(turn: Turn, report: Report, state: DeliveryState) -> None:
    """Replace all that was kept by the mark of how it ended."""
    report_id = report.report_id
    for key in (_report(report_id), _request(report_id), _standing(report_id)):
        turn.drop(key)
    turn.put(_done(report_id), state.value.encode(), until=report.reported_at + SETTLED_FOR)


def pending(key: bytes, value: bytes) -> tuple[str, Standing]:
    """Return the id of a report that is not settled, and how far it is, from its entry under `PENDING`."""
    return key.removeprefix(PENDING).decode(), Standing.model_validate_json(value)


def standing_of(turn: Turn, report_id: str) -> Standing:
    """Return how far a pending report is; raise `LookupError` for one that is not pending."""
    return Standing.model_validate_json(_kept(turn, _standing(report_id)))


def waiting_of(turn: Turn, report_id: str) -> Standing | None:
    """Return how far a report is that waits for its next attempt, None for any other."""
    value = turn.get(_standing(report_id))
    standing = None if value is None else Standing.model_validate_json(value)
    return standing if standing is not None and standing.retry_at is not None else None


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
    return b"report/" + report_id.encode()


def _request(report_id: str) -> bytes:
    return b"request/" + report_id.encode()


def _standing(report_id: str) -> bytes:
    return PENDING + report_id.encode()


def _done(report_id: str) -> bytes:
    return b"done/" + report_id.encode()
