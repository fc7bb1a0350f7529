"""Spans of a turn: one for the batch, linked to its records, and one for each sampled record, in the record's trace."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode

from schemas.telemetry import Attribute
from schemas.telemetry import Span as SpanName
from schemas.trace_context import parse_traceparent, traceparent_of
from streams.runtime.agent import Origin, Record


def context_of(origin: Origin) -> Context | None:
    """Return the parent context for a span that continues the trace of `origin`; None starts a new trace."""
    parent = parse_traceparent(origin.traceparent)
    return None if parent is None else trace.set_span_in_context(trace.NonRecordingSpan(parent))


def origin_of(span: Span, otherwise: Origin) -> Origin:
    """Return `span` as an origin, or `otherwise` if the span is not recorded."""
    header = traceparent_of(span)
    return otherwise if header is None else Origin(header)


class TurnSpans:
    """The spans of one turn of a lane: open while the turn runs, ended when it is committed."""

    def __init__(self, agent: str, group: str, partition: int, origins: Sequence[Origin], topic: str = "") -> None:
        tracer = trace.get_tracer("confide.runtime")
        attributes: dict[str, str | int] = {
            Attribute.LANE_GROUP: group,
            Attribute.PARTITION: partition,
            Attribute.TOPIC: topic,
        }
        # Checks the one bit: other flags may be set too (Trace Context level 2: a random trace id).
        parents = [
            (header, parent)
            for header in dict.fromkeys(origin.traceparent for origin in origins)
            if header is not None and (parent := parse_traceparent(header)) and parent.trace_flags.sampled
        ]
        self.batch = tracer.start_span(
            f"{SpanName.BATCH} {group}",
            context=Context(),  # a new trace: a batch belongs to all of its records alike
            kind=SpanKind.CONSUMER,
            links=[Link(parent) for _, parent in parents],
            attributes={**attributes, Attribute.BATCH_SIZE: len(origins)},
        )
        self._records: list[Span] = []
        #: For each sampled record's header, the header that its outputs carry.
        self.contexts: dict[bytes, bytes] = {}
        for header, parent in parents:
            span = tracer.start_span(
                f"{agent} {SpanName.PROCESS}",
                context=trace.set_span_in_context(trace.NonRecordingSpan(parent)),
                kind=SpanKind.CONSUMER,
                links=[Link(self.batch.get_span_context())],
                attributes=attributes,
            )
            self._records.append(span)
            if (own := traceparent_of(span)) is not None:
                self.contexts[header] = own

    @classmethod
    def of_records(cls, agent: str, group: str, partition: int, records: Sequence[Record]) -> "TurnSpans":
        """Return the spans of a batch of records of one topic."""
        return cls(agent, group, partition, [Origin.of(record) for record in records], records[0].topic)

    def __enter__(self) -> Self:
        """Return the open spans."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        """End the spans. An error is recorded by its class alone, because its message may quote a record."""
        for span in (*self._records, self.batch):
            if kind is not None:
                span.set_status(StatusCode.ERROR, kind.__name__)
            span.end()
