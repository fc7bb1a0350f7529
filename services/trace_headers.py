"""Reads and writes `traceparent` headers (W3C Trace Context) with OpenTelemetry's propagator."""

from opentelemetry.context import Context
from opentelemetry.trace import Span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schemas.telemetry import TRACEPARENT

_PROPAGATOR = TraceContextTextMapPropagator()


def context_from(traceparent: str | bytes | None) -> Context:
    """Return the context of a `traceparent` header, an empty one if the header is missing or malformed."""
    if traceparent is None:
        return Context()
    text = traceparent.decode("ascii", "replace") if isinstance(traceparent, bytes) else traceparent
    return _PROPAGATOR.extract({TRACEPARENT: text}, context=Context())


def traceparent_of(span: Span, otherwise: bytes | None = None) -> bytes | None:
    """Return `span` as a `traceparent` header value, or `otherwise` if the span is not recorded."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, context=set_span_in_context(span, Context()))
    value = carrier.get(TRACEPARENT)
    return otherwise if value is None else value.encode("ascii")
