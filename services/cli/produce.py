"""`confide produce`: sends disclosures from a file to Kafka and waits for the acknowledgements."""

import logging
import sys
from collections import deque
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO, Protocol

import typer
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from infra.telemetry import configure, shutdown
from schemas.disclosure import Disclosure, parse_json, too_large
from schemas.errors import Invalid, KafkaUnavailable
from schemas.telemetry import Attribute, Span
from schemas.trace_context import traceparent_of
from schemas.vocabulary import Service
from services.cli.disclosure_lines import NotJsonLines, lines_and_pauses
from services.cli.environment import settings as find_settings
from services.cli.messages import complain
from services.sdk.addressing import topic_of
from services.sdk.producer import Acknowledged, DisclosureProducer
from services.sdk.refused import Refused
from services.settings import SettingsError

#: Exit status if Kafka does not answer, or the file cannot be read.
EXIT_UNAVAILABLE = 2
#: Most disclosures that wait for their acknowledgement at once.
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
    settings = find_settings()
    producer = DisclosureProducer(settings.bootstrap)
    configure("produce")
    # The line that the command prints at the end reports what the client warns of.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as lines:
            acknowledged, refused = send_lines(lines, producer, service)
    except KafkaUnavailable as error:
        complain(f"{error}: what was not acknowledged may be sent again")
        raise typer.Exit(EXIT_UNAVAILABLE) from error
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except NotJsonLines as error:
        raise SettingsError(f"{file} {NotJsonLines.__doc__} Nothing was sent.") from error
    finally:
        producer.close()
        shutdown()
    typer.echo(f"{acknowledged} acknowledged, {refused} rejected")
    if refused:
        raise typer.Exit(1)


class Sent(Protocol):
    """A disclosure that was sent; `is_settled` if its acknowledgement is there or can no longer come."""

    @property
    def is_settled(self) -> bool:
        """Whether `acknowledged` answers at once."""

    def acknowledged(self) -> Acknowledged:
        """Wait for the acknowledgement; raise `KafkaUnavailable` if it does not come."""


class Sender(Protocol):
    """The part of the producer SDK that this verb uses."""

    def send(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Sent:
        """Send the disclosure and return before it is acknowledged."""

    def reject(self, refused: Refused, traceparent: bytes | None = None) -> Acknowledged | None:
        """Write refused bytes where a person or an operator finds them."""


def send_lines(lines: BinaryIO, producer: Sender, service: Service | None) -> tuple[int, int]:
    """Send every line as it comes; return how many were acknowledged, and how many were refused.

    Raises `KafkaUnavailable` soon after a disclosure that was not acknowledged, also while no line comes.
    """
    tracer = trace.get_tracer("confide.produce")
    underway: deque[Sent] = deque()
    acknowledged = refused = 0
    for line in lines_and_pauses(lines):
        # Also in a pause, and without a wait in it: a line that comes meanwhile is sent at once.
        while underway and (len(underway) >= _WINDOW or underway[0].is_settled):
            underway.popleft().acknowledged()
            acknowledged += 1
        if line is None:
            continue
        try:
            if not line.is_whole:
                raise too_large()
            disclosure = parse_json(line.raw)
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
            # `line: ` stands for a field if the line is not JSON; the number of the line is printed.
            problems = "; ".join(str(problem).removeprefix("line: ") for problem in invalid.problems)
            complain(f"line {line.number}: {problems}", named=False)
            producer.reject(
                Refused(line.raw, invalid, "produce", service=service, is_whole=line.is_whole, length=line.length)
            )
    for sent in underway:
        sent.acknowledged()
        acknowledged += 1
    return acknowledged, refused
