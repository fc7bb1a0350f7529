"""`confide produce`: disclosures from a file to Kafka, awaited."""

import logging
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from schemas.vocabulary import Service

if TYPE_CHECKING:
    from services.sdk.producer import DisclosureProducer, Underway

#: Exit status where Kafka does not answer or the file cannot be read.
EXIT_UNAVAILABLE = 2
#: Disclosures that are under way to Kafka at once.
_WINDOW = 500


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(produce)


def produce(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Disclosures as JSON lines; - for standard input.")],
    service: Annotated[
        Service | None, typer.Option(help="Who sent them, for lines that cannot be read and do not say.")
    ] = None,
) -> None:
    """Send disclosures to Kafka; a bad line is an error of its own, is kept as rejected, and gives exit status 1."""
    from infra.telemetry import configure, shutdown
    from schemas.errors import KafkaUnavailable
    from services.cli.environment import settings as find_settings
    from services.sdk.producer import DisclosureProducer
    from services.settings import SettingsError

    settings = find_settings()
    producer = DisclosureProducer(settings.bootstrap)
    configure("produce")
    # What the client warns of, the one line at the end says.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as lines:
            acknowledged, refused = _play(lines, producer, service)
    except KafkaUnavailable as error:
        typer.echo(f"confide: {error}: what was not acknowledged may be sent again", err=True)
        raise typer.Exit(EXIT_UNAVAILABLE) from error
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    finally:
        producer.close()
        shutdown()
    typer.echo(f"{acknowledged} acknowledged, {refused} rejected")
    if refused:
        raise typer.Exit(1)


def _play(lines: BinaryIO, producer: "DisclosureProducer", service: Service | None) -> tuple[int, int]:
    """Send every line and return how many were acknowledged and how many refused."""
    from opentelemetry import trace
    from opentelemetry.trace import SpanKind

    from schemas.disclosure import parse_json
    from schemas.errors import Invalid
    from schemas.telemetry import Attribute, Span
    from schemas.trace_context import traceparent_of
    from services.sdk.addressing import topic_of
    from services.sdk.producer import too_large

    tracer = trace.get_tracer("confide.produce")
    underway: deque[Underway] = deque()
    acknowledged = refused = 0
    for number, line, whole in _lines(lines):
        try:
            if not whole:
                raise too_large()
            disclosure = parse_json(line)
            with tracer.start_as_current_span(
                Span.PUBLISH,
                kind=SpanKind.PRODUCER,
                attributes={Attribute.TOPIC: str(topic_of(disclosure))},
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                underway.append(producer.send(disclosure, traceparent_of(span)))
        except Invalid as invalid:
            refused += 1
            # A line that is no JSON at all has no field to name.
            problems = "; ".join(str(problem).removeprefix("line: ") for problem in invalid.problems)
            typer.echo(f"line {number}: {problems}", err=True)
            if whole:
                producer.reject(line, invalid, service, "produce")
        if len(underway) >= _WINDOW:
            underway.popleft().acknowledged()
            acknowledged += 1
    for sent in underway:
        sent.acknowledged()
        acknowledged += 1
    return acknowledged, refused


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Yield each line that is not blank with its number, and whether it is whole: no more is read than can be kept."""
    from schemas.topics import MAX_VALUE_BYTES

    number = 0
    while line := stream.readline(MAX_VALUE_BYTES + 2):
        number += 1
        whole = line.endswith(b"\n") or len(line) <= MAX_VALUE_BYTES
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(MAX_VALUE_BYTES)):
            pass
        if line.strip():
            yield number, line.rstrip(b"\r\n"), whole
