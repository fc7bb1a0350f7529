"""`confide rejected list|show|replay`: records that could not be read, where and why; a mended one sent again."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from kafka.errors import KafkaError

from schemas.avro_registry import MARKER, RECORDS
from schemas.codec import decode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, parse_json, too_large, validate
from schemas.errors import Invalid, KafkaUnavailable, Unreadable
from schemas.fields import is_disclosure_id
from schemas.sealed import SealedDetails
from schemas.topics import SERVICE_OF
from services.cli.environment import settings_with_kafka
from services.cli.paragraphs import broken
from services.cli.review_topics import topics_of
from services.outside_text import one_line
from services.rejected_content import as_word, has_sealed_part
from services.rejected_records import SOURCES, Place, RejectedRecord, RejectedRecords, WrongPlace
from services.review.sealed_words import as_it_came, came_fields, sections_of_record
from services.sdk.producer import DisclosureProducer
from services.settings import SettingsError

_Json = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]
_PlaceText = Annotated[str, typer.Argument(metavar="PLACE", help="TOPIC/PARTITION/OFFSET, as the list prints it.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    group = typer.Typer(
        help="What could not be read: where it is, why, and how to send it again.", no_args_is_help=True
    )
    group.command("list")(list_)
    group.command()(show)
    group.command()(replay)
    app.add_typer(group, name="rejected")


def list_(
    topic: Annotated[str | None, typer.Option(metavar="TOPIC", help="Those of this topic alone.")] = None,
    as_json: _Json = False,
) -> None:
    """List the rejected records: the place of each, when and by whom it was rejected, and why."""
    if topic is not None and topic not in SOURCES:
        raise SettingsError(f"--topic takes one of: {', '.join(SOURCES)}")
    found = 0
    with _records() as records:
        for record in records.of(SOURCES if topic is None else (topic,)):
            found += 1
            if as_json:
                typer.echo(json.dumps({"place": str(record.place), **record.why}))
            else:
                why = record.why
                mark = " (exercise)" if record.is_exercise else ""
                said = f"{why.get('at', '')}  {why.get('by', '')}{mark}: {why.get('reason', '')}"
                typer.echo(f"{record.place}  {one_line(said)}")
    if not found and not as_json:
        typer.echo("Nothing was rejected.")


def show(place: _PlaceText, as_json: _Json = False) -> None:
    """Show a rejected record: why, and its content by whichever schema it fits. For staff's eyes alone."""
    record = _at(place)
    sections, problem = _opened(record)
    if as_json:
        shown = {
            "place": str(record.place),
            **record.why,
            **came_fields(record.value, record.cut, sections=sections),
            "sections_missing": problem,
        }
        typer.echo(json.dumps(shown, default=as_word))
        return
    lines = [f"{name}: {text}" for name, text in record.why.items()]
    lines += as_it_came(record.value, record.cut)
    lines += sections_of_record(sections) if problem is None else ["", f"What was sealed cannot be read: {problem}."]
    for line in broken(lines):
        typer.echo(line)


def replay(
    place: _PlaceText,
    mended: Annotated[
        Path | None, typer.Option("--with", metavar="FILE", help="The mended disclosure, as one JSON object.")
    ] = None,
    exercise: Annotated[
        bool,
        typer.Option("--exercise", help="It says that it is an exercise, and is one. Not needed if it came as one."),
    ] = False,
) -> None:
    """Send a rejected record again to the topic that it came from: as it came, or mended, under its own id."""
    record = _at(place)
    disclosure = _mended(record, mended) if mended is not None else _readable_line(record)
    if disclosure is not None:
        disclosure = _as_exercise(disclosure, record, exercise=exercise, is_mended=mended is not None)
    else:
        _refuse_unlike_before(record, exercise=exercise)
    producer = DisclosureProducer(settings_with_kafka().bootstrap)
    try:
        if disclosure is None:
            sent = producer.resend(
                record.place.topic, record.place.partition, record.key, record.value or b"", record.headers
            )
        else:
            sent = producer.publish(disclosure)
    except KafkaUnavailable as error:
        raise SettingsError(f"{error}: it may be sent again") from error
    except Invalid as invalid:
        raise SettingsError(str(invalid)) from invalid
    finally:
        producer.close()
    typer.echo(f"sent again to {sent.topic}, partition {sent.partition}, offset {sent.offset}")


def _readable_line(record: RejectedRecord) -> Disclosure | None:
    """Return the disclosure of a line that a door refused and that can be read now; None for any other record.

    Raises `SettingsError` for a line that still cannot be read.
    """
    value = record.value
    if record.place.topic not in SERVICE_OF or value is None or record.cut is not None or value.startswith(MARKER):
        return None
    try:
        disclosure = parse_json(value)
    except Invalid as invalid:
        raise SettingsError(f"it still cannot be read: {invalid}; allowed: --with FILE") from invalid
    _refuse_other_service(disclosure, record)
    return disclosure


def _refuse_other_service(disclosure: Disclosure, record: RejectedRecord) -> None:
    if disclosure.service is not SERVICE_OF.get(record.place.topic):
        raise SettingsError("it names another service than that of its topic; allowed: --with FILE")


def _as_exercise(disclosure: Disclosure, record: RejectedRecord, *, exercise: bool, is_mended: bool) -> Disclosure:
    """Return the disclosure, as an exercise if the record came as one, or if staff and the disclosure say so.

    Raises `SettingsError` if they contradict each other: a drill that is sent as real reaches 999, and a real
    disclosure that is marked by mistake ends unheard.
    """
    if record.is_exercise:
        if is_mended and not disclosure.exercise and "exercise" in disclosure.model_fields_set:
            raise SettingsError("exercise: is false in FILE, and the record came as an exercise; allowed: true")
    elif disclosure.exercise and not exercise:
        allowed = "--exercise if it is one, else --with FILE"
        raise SettingsError(f"it says that it is an exercise, and did not come as one; allowed: {allowed}")
    elif exercise and not disclosure.exercise:
        allowed = 'without --exercise, or --with FILE that says "exercise": true'
        raise SettingsError(f"--exercise: it did not come as an exercise, nor says that it is one; allowed: {allowed}")
    return disclosure.model_copy(update={"exercise": record.is_exercise or exercise})


def _refuse_unlike_before(record: RejectedRecord, *, exercise: bool) -> None:
    """Raise `SettingsError` for a record that cannot be sent as it came."""
    if record.value is None or record.cut is not None:
        what = "it has no value" if record.cut is None else f"it is {record.cut}"
        raise SettingsError(f"{what}: it cannot be sent again as it came; allowed: --with FILE")
    if record.place.topic not in SOURCES or "changelog" in record.place.topic:
        raise SettingsError("work of a lane cannot be sent again; its review says what to do")
    try:
        name, fields = decode(record.value, *RECORDS)
    except Unreadable as unreadable:
        # Sent again before the upgrade, a record of a newer schema would be rejected again, and ask a person again.
        allowed = "a release that can read it, or --with FILE"
        raise SettingsError(f"it still cannot be read: {unreadable}; allowed: {allowed}") from unreadable
    if record.place.topic in SERVICE_OF:
        _refuse_disclosure(record, record.value, name, fields)
    if exercise:
        raise SettingsError("--exercise changes nothing in a record that is sent again as it came; allowed: without it")


def _refuse_disclosure(record: RejectedRecord, value: bytes, name: str, fields: dict[str, Any]) -> None:
    """Raise `SettingsError` for a record on a service's topic that ADMIT would reject again."""
    try:
        if name != "Disclosure":
            raise Invalid.of("value", "is of a schema not expected here")
        if len(value) > MAX_DISCLOSURE_BYTES:
            raise too_large()
        disclosure = validate(fields)
    except Invalid as invalid:
        raise SettingsError(f"it still cannot be read: {invalid}; allowed: --with FILE") from invalid
    _refuse_other_service(disclosure, record)
    if record.is_exercise and not disclosure.exercise:
        raise SettingsError("it came as an exercise, and does not say that it is one; allowed: --with FILE")


def _mended(record: RejectedRecord, file: Path) -> Disclosure:
    """Return the disclosure in the file; raise `SettingsError` unless it is the rejected one, mended."""
    service = SERVICE_OF.get(record.place.topic)
    if service is None:
        raise SettingsError("--with FILE is for records of the services' topics; this one is sent again as it came")
    try:
        disclosure = parse_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except Invalid as invalid:
        raise SettingsError(f"{file}: {invalid}") from invalid
    if disclosure.service is not service:
        raise SettingsError(f"{file}: service: is not that of the rejected record; allowed: {service}")
    # An id that is no UUID is what has to be mended.
    known = record.disclosure_id()
    if known is not None and is_disclosure_id(known) and known != disclosure.disclosure_id:
        raise SettingsError(f"{file}: disclosure_id: is not that of the rejected record; allowed: its own id")
    return disclosure


def _opened(record: RejectedRecord) -> tuple[list[SealedDetails | None], str | None]:
    """Return the opened sections of a record; or none and why, if the keys are not here."""
    if record.value is None or not has_sealed_part(record.value):
        return [], None
    found = settings_with_kafka()
    try:
        master = found.keys().master
    except SettingsError as error:
        return [], str(error)
    with topics_of(found) as topics:
        return topics.opened_sections(record.value, master), None


def _at(text: str) -> RejectedRecord:
    try:
        place = Place.parse(text)
    except WrongPlace as wrong:
        raise SettingsError(str(wrong)) from wrong
    with _records() as records:
        record = records.at(place)
    if record is None:
        raise SettingsError(f"{place}: nothing is kept there: `confide rejected list` prints the places")
    return record


@contextmanager
def _records() -> Iterator[RejectedRecords]:
    """Yield the reader; raise `SettingsError` if Kafka does not answer."""
    # The line that the command prints at the end reports what the client warns of.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    settings = settings_with_kafka()
    try:
        records = RejectedRecords(settings.bootstrap)
        try:
            yield records
        finally:
            records.close()
        for location in records.hidden:
            typer.echo(f"confide: an open transaction hides what follows {location}: look again later", err=True)
    except KafkaError as error:
        raise SettingsError(f"Kafka at {settings.bootstrap} does not answer ({type(error).__name__})") from error
