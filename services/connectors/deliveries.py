"""The records of what becomes of reports: one for each step, also for what a connector cannot carry out."""

import re

import structlog
from opentelemetry import metrics
from pydantic import ValidationError

from schemas import topics
from schemas.codec import decode, encode
from schemas.errors import Invalid
from schemas.records import DeliveryChanged, Report, ReportSection
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import Agency, DeliveryState
from services.connectors import report_store
from services.connectors.effects import Compose
from services.connectors.report_progress import ReportProgress
from streams.domain.ids import rejected_report_id
from streams.runtime import Cause, PutAside, Record, Turn
from streams.runtime.lane.poison_errors import PoisonRecord

#: The reason given for a record that is no report of this agency.
REJECTED = "rejected"
#: The reason given for a record, a timer, an effect or an entry on which the connector raised also when it was alone.
PUT_ASIDE = "put_aside"
#: The person of a report that cannot be read.
NO_PERSON = ""

#: Ids of ours are UUIDs. Text of another form in a record that is no report might be anything, a person's name too.
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_log = structlog.get_logger("confide.connectors")
_handed_over = metrics.get_meter("confide.connectors").create_counter(Metric.HANDED_OVER, unit="{item}")


def record_step(
    turn: Turn,
    report: Report,
    progress: ReportProgress,
    cause: Cause,
    *,
    reference: str | None = None,
    request: ReportSection | None = None,
) -> None:
    """Write a step in the life of a report."""
    _write(
        turn,
        DeliveryChanged(
            report_id=report.report_id,
            agency=report.agency,
            person=report.person,
            state=progress.state,
            attempt=progress.attempt,
            changed_at=turn.now,
            reference=reference,
            reason=progress.reason if progress.state in (DeliveryState.SENT, DeliveryState.FAILED) else None,
            request=request,
            generation=report.generation,
        ),
        cause,
    )


def hand_over_record(turn: Turn, record: Record, invalid: Invalid, agency: Agency) -> None:
    """Write that a record of the agency's topic was rejected, or put aside by the runtime, and is a human's now.

    It is about the report that the record holds, as far as that can be read; else its id follows from its place. A
    report that the connector knows already has its own record of how it goes, which this one must not contradict. It
    goes to the partition of its record, where DECIDE keeps the report, also where nobody's key can be read.
    """
    reason = PUT_ASIDE if isinstance(invalid, PoisonRecord) else REJECTED
    report = _readable(record.value)
    generation = 1 if report is None else report.generation
    if report is not None and report_store.is_known(turn, report.report_id, generation):
        return
    if report is not None:
        agency, report_id, person = report.agency, report.report_id, report.person
    else:
        report_id = rejected_report_id(record.topic, record.partition, record.offset)
        person = (record.key or b"").decode("ascii", "replace")
        person = person if _ID.fullmatch(person) else NO_PERSON
    failed = _failed(turn, report_id, agency, person, reason, generation=generation)
    _write(turn, failed, Cause.of(record), record.partition)
    _note(agency, reason, topic=record.topic, partition=record.partition, offset=record.offset)


def hand_over_work(
    turn: Turn, work: PutAside, report_id: str, agency: Agency, cause: Cause, partition: int | None
) -> None:
    """Write that the runtime put aside a timer, an effect or an entry of a report, and settle that report.

    The entries of the report may be what cannot be read: then less is known of it, and its mark is kept for longer.
    The agency may have the report where an attempt ended without a known outcome, or where that cannot be read.
    `partition` is the lane's own, where DECIDE keeps the report, also where its person cannot be read here.
    """
    progress = _standing_of(turn, report_id)
    stored = work.value or turn.get(report_store.report_key(report_id))
    if progress is None and stored is None and report_store.is_finished(turn, report_id):
        # Another timer or effect of it was at work when it was settled: a human has it, or the agency.
        _log.error("work of a settled report was put aside", agency=agency.value, error=work.error)
        return
    report = _readable(work.value) or _readable(turn.get(report_store.report_key(report_id)))
    if report is None and isinstance(work.effect, Compose):
        report = work.effect.report
    if report is None:
        person, since, generation = NO_PERSON, turn.now, report_store.next_generation(turn, report_id)
    else:
        person, since, generation = report.person, report.limit_from, report.generation
    attempt = 0 if progress is None else progress.attempt
    generation = generation if progress is None else progress.generation
    _write(turn, _failed(turn, report_id, agency, person, PUT_ASIDE, attempt, generation), cause, partition)
    turn.unschedule(report_store.retry_timer(report_id))
    is_unsure = progress is None or progress.may_have_reached
    report_store.finish_by_id(turn, report_id, DeliveryState.FAILED, since, generation, is_unsure=is_unsure)
    _note(agency, PUT_ASIDE, report_id=report_id)


def _failed(
    turn: Turn, report_id: str, agency: Agency, person: str, reason: str, attempt: int = 0, generation: int = 1
) -> DeliveryChanged:
    return DeliveryChanged(
        report_id=report_id,
        agency=agency,
        person=person,
        state=DeliveryState.FAILED,
        attempt=attempt,
        changed_at=turn.now,
        reason=reason,
        generation=generation,
    )


def _write(turn: Turn, changed: DeliveryChanged, cause: Cause, partition: int | None = None) -> None:
    value = encode("DeliveryChanged", changed.model_dump())
    turn.send(topics.TopicName.DELIVERIES, changed.person.encode(), value, cause=cause, partition=partition)


def _readable(value: bytes | None) -> Report | None:
    """Return the report that a value holds; None where it holds none, whatever else."""
    try:
        return None if value is None else Report.model_validate(decode(value, "Report")[1])
    except (Invalid, ValidationError):
        return None


def _standing_of(turn: Turn, report_id: str) -> ReportProgress | None:
    try:
        return report_store.progress_of(turn, report_id)
    except ValidationError:
        return None


def _note(agency: Agency, reason: str, **place: str | int) -> None:
    _handed_over.add(1, {Attribute.AGENCY: agency.value, Attribute.ERROR: reason})
    _log.error("handed to a human", agency=agency.value, reason=reason, **place)
