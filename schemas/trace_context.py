"""W3C Trace Context (https://www.w3.org/TR/trace-context/): the one reader and writer of `traceparent` headers."""

import re

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, TraceFlags

#: Name of the one header that every record carries, and every request to an agency.
TRACEPARENT = "traceparent"

#: Version 00. A value of another form may be anything, a person's phone number too.
_VERSION_00 = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
#: A later version begins with the same fields and may have more; `ff` is forbidden.
_LATER_VERSION = re.compile(rb"(?!00|ff)[0-9a-f]{2}(-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2})(?:-.*)?")
#: Characters of a header of a later version; a longer one is ignored.
_MAX_LENGTH = 512


def is_traceparent(header: bytes) -> bool:
    """Return whether a header's value has the form of version 00. Only such a value is copied to outputs."""
    return _VERSION_00.fullmatch(header) is not None


def parse_traceparent(header: bytes | None) -> SpanContext | None:
    """Return the context of a `traceparent` of version 00; None if there is no header or it is malformed."""
    found = None if header is None else _VERSION_00.fullmatch(header)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


def format_traceparent(context: SpanContext) -> bytes:
    """Return a context as the value of a `traceparent` header of version 00."""
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)


def parent_from_request(header: str | None) -> Context:
    """Return the parent of a span, from the `traceparent` header of an HTTP request.

    A later version is read by the fields of version 00, as the standard asks. Without a header, or with a malformed
    one, the context is empty: the span starts a trace of its own.
    """
    value = b"" if header is None or len(header) > _MAX_LENGTH else header.strip(" \t").encode("ascii", "replace")
    if later := _LATER_VERSION.fullmatch(value):
        value = b"00" + later[1]
    parent = parse_traceparent(value)
    return Context() if parent is None else trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def traceparent_of(span: Span) -> bytes | None:
    """Return the `traceparent` of a span; None if the span is not recorded and has no parent."""
    context = span.get_span_context()
    return format_traceparent(context) if context.is_valid else None
