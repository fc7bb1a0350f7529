"""Writes a `DeliveryChanged` record for each step of a report, and for work that the connector cannot do."""

import structlog
from opentelemetry import metrics
from pydantic import ValidationError

from schemas import topics
from schemas.codec import decode_own, encode
from schemas.errors import Invalid
from schemas.reports import DeliveryChanged, Report, ReportSection
from schemas.telemetry import Attribute, Metric
from schemas.vocabulary import Agency, DeliveryState
from services.connectors import report_store
from services.connectors.effects import Compose
from services.connectors.report_progress import ReportProgress
from streams.domain.ids import NO_PERSON, person_of_key, rejected_report_id
from streams.runtime import Origin, PutAside, Record, Turn
from streams.runtime.lane.poison_errors import PoisonRecord

#: The reason of an attempt whose outcome is unknown after a crash; also if an answer has no reason.
OUTCOME_UNKNOWN = "outcome_unknown"
#: The reason given for a record that is no report of this agency.
REJECTED = "rejected"
#: The reason given for a record, timer, effect or entry on which the connector raised again when it ran alone.
PUT_ASIDE = "put_aside"

_log = structlog.get_logger("confide.connectors")
_handed_over = metrics.get_meter("confide.connectors").create_counter(Metric.HANDED_OVER, unit="{item}")


def record_step(
    turn: Turn,
    report: Report,
    progress: ReportProgress,
    origin: Origin,
    *,
    reference: str | None = None,
    request: ReportSection | None = None,
) -> None:
    """Write one step of a report."""
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
            exercise=report.exercise,
        ),
        origin,
    )


def hand_over_record(turn: Turn, record: Record, invalid: Invalid, agency: Agency) -> None:
    """Hand over to a human a record of the agency's topic that was rejected, or put aside by the runtime.

    The `DeliveryChanged` names the report in the record if it can be read; otherwise its id follows from the record's
    topic, partition and offset. For a report that the connector knows, nothing is written, because that would
    contradict its own steps. The record goes to the partition of its source, in which DECIDE has the report, even if
    the key cannot be read.
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
        person = person_of_key(record.key)
    failed = _failed(turn, report_id, agency, person, reason, generation=generation)
    _write(turn, _marked(failed, report), Origin.of(record), record.partition)
    _count_and_log(agency, reason, topic=record.topic, partition=record.partition, offset=record.offset)


def hand_over_work(
    turn: Turn, work: PutAside, report_id: str, agency: Agency, origin: Origin, partition: int | None
) -> None:
    """Hand over to a human a report whose timer, effect or entry the runtime put aside, and finish the report.

    If the entries of the report cannot be read, its person is unknown. The
    agency may have the report if an attempt ended without a known outcome, or if that cannot be read. `partition` is
    that of the lane, in which DECIDE has the report, even if its person cannot be read here.
    """
    progress = _readable_progress(turn, report_id)
    stored = work.value or turn.get(report_store.report_key(report_id))
    if progress is None and stored is None and report_store.is_finished(turn, report_id):
        # The report finished while this timer or effect was at work: a human or the agency has it.
        _log.error("work of a finished report was put aside", agency=agency.value, error=work.error)
        return
    report = _readable(work.value) or _readable(turn.get(report_store.report_key(report_id)))
    if report is None and isinstance(work.effect, Compose):
        report = work.effect.report
    if report is None:
        person, generation = NO_PERSON, report_store.next_generation(turn, report_id)
    else:
        person, generation = report.person, report.generation
    attempt = 0 if progress is None else progress.attempt
    generation = generation if progress is None else progress.generation
    failed = _failed(turn, report_id, agency, person, PUT_ASIDE, attempt, generation)
    _write(turn, _marked(failed, report), origin, partition)
    turn.unschedule(report_store.retry_timer(report_id))
    may_have_reached = progress is None or progress.may_have_reached
    report_store.finish_by_id(turn, report_id, DeliveryState.FAILED, generation, may_have_reached=may_have_reached)
    _count_and_log(agency, PUT_ASIDE, report_id=report_id)


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


def _marked(failed: DeliveryChanged, report: Report | None) -> DeliveryChanged:
    """Return a step of a report, marked as an exercise if the report can be read and is one."""
    return failed.model_copy(update={"exercise": report is not None and report.exercise})


def _write(turn: Turn, changed: DeliveryChanged, origin: Origin, partition: int | None = None) -> None:
    value = encode("DeliveryChanged", changed.model_dump())
    turn.send(topics.TopicName.DELIVERIES, changed.person.encode(), value, origin=origin, partition=partition)


def _readable(value: bytes | None) -> Report | None:
    """Return the report in a value, None if it holds no readable report."""
    try:
        return None if value is None else Report.model_validate(decode_own(value, "Report")[1])
    except (Invalid, ValidationError):
        return None


def _readable_progress(turn: Turn, report_id: str) -> ReportProgress | None:
    try:
        return report_store.progress_of(turn, report_id)
    except ValidationError:
        return None


def _count_and_log(agency: Agency, reason: str, **location: str | int) -> None:
    _handed_over.add(1, {Attribute.AGENCY: agency.value, Attribute.ERROR: reason})
    _log.error("handed over to a human", agency=agency.value, reason=reason, **location)
