"""Trace contexts through a turn: a sampled record has a span, another has none, and a malformed header is dropped."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from schemas.trace_context import format_traceparent, parent_from_request, parse_traceparent, traceparent_of
from streams.runtime import Origin, Record, Turn
from streams.runtime.lane.tracing import TurnSpans, context_of, origin_of

ONE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TWO = b"00-5bf92f3577b34da6a3ce929d0e0e4737-10f067aa0ba902b7-03"
UNSAMPLED = b"00-6bf92f3577b34da6a3ce929d0e0e4738-20f067aa0ba902b7-00"
NOW = datetime(2026, 2, 3, tzinfo=UTC)


@pytest.fixture
def finished(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """The SDK in the place of the process's own provider, which can be set only once."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def record(offset: int, *headers: tuple[str, bytes]) -> Record:
    return Record("disclosures", 2, offset, 0, b"k", b"v", headers)


def test_a_context_comes_back_as_it_was_written() -> None:
    for header in (ONE, TWO, UNSAMPLED):
        context = parse_traceparent(header)
        assert context is not None
        assert context.is_remote
        assert format_traceparent(context) == header


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"+447700900123",
        ONE[:-1],
        ONE + b"0",
        ONE.replace(b"00-", b"01-", 1),
        ONE.replace(b"-", b"_"),
        b"00-" + b"0" * 32 + ONE[35:],
        ONE[:36] + b"0" * 16 + ONE[52:],
        ONE[:-2] + b"zz",
    ],
)
def test_what_is_no_context_is_none(header: bytes | None) -> None:
    assert parse_traceparent(header) is None
    assert context_of(Origin(header)) is None


@pytest.mark.parametrize("header", [ONE, b" " + TWO + b"\t", b"01" + ONE[2:], b"cc" + ONE[2:] + b"-what-comes-later"])
def test_a_caller_of_this_or_a_later_version_is_the_parent(header: bytes) -> None:
    parent = trace.get_current_span(parent_from_request(header.decode()))
    assert parent.get_span_context().is_remote
    own = traceparent_of(parent)
    assert own is not None
    assert own[2:] in header
    assert own[:3] == b"00-"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "+447700900123",
        ONE.decode()[:-1],
        ONE.decode() + "-more",
        "ff" + ONE.decode()[2:],
        ONE.decode().replace("4bf9", "4BF9"),
        "00-" + "0" * 32 + ONE.decode()[35:],
        "cc" + ONE.decode()[2:] + "-" + "x" * 512,
        "٤" + ONE.decode()[1:],
    ],
)
def test_without_a_header_that_can_be_read_a_request_has_no_parent(header: str | None) -> None:
    assert parent_from_request(header) == Context()


@given(st.binary(min_size=55, max_size=55))
def test_any_bytes_of_a_contexts_length_are_read_or_refused(header: bytes) -> None:
    context = parse_traceparent(header)
    assert context is None or context.is_valid


@given(st.binary(max_size=80))
def test_a_cause_carries_a_context_or_nothing(header: bytes) -> None:
    origin = Origin.of(record(0, ("traceparent", header)))
    assert origin.traceparent is None or (origin.traceparent == header and len(header) == 55)


def test_a_cause_is_the_records_first_context() -> None:
    assert Origin.of(record(0, ("other", b"x"), ("traceparent", ONE), ("traceparent", TWO))) == Origin(ONE)
    assert Origin.of(record(0, ("other", ONE))) == Origin()


def test_a_turn_has_one_span_for_the_batch_and_one_for_each_sampled_record(finished: InMemorySpanExporter) -> None:
    headers = (ONE, UNSAMPLED, TWO, ONE)
    records = [record(n, ("traceparent", header)) for n, header in enumerate(headers)] + [record(9)]
    with TurnSpans.of_records("admit", "admit", 2, records) as spans:
        turn = Turn({}, NOW)
        turn.contexts = spans.contexts
        for each in records:
            turn.send("out", None, b"", origin=Origin.of(each))
    found = finished.get_finished_spans()
    (batch,) = (span for span in found if span.name == "batch admit")
    assert {link.context.trace_id for link in batch.links} == {int(ONE[3:35], 16), int(TWO[3:35], 16)}
    assert batch.parent is None
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 5
    one, two = sorted((span for span in found if span.name == "admit process"), key=lambda span: span.context.trace_id)
    for span, header in ((one, ONE), (two, TWO)):
        assert span.parent is not None
        assert (span.context.trace_id, span.parent.span_id) == (int(header[3:35], 16), int(header[36:52], 16))
    assert all(link.context.span_id == batch.context.span_id for span in (one, two) for link in span.links)
    # Outputs of a sampled record are below its span; outputs of another record are below the record itself.
    sent = [dict(output.headers).get("traceparent") for output in turn.outputs]
    assert sent == [
        format_traceparent(one.context),
        UNSAMPLED,
        format_traceparent(two.context),
        format_traceparent(one.context),
        None,
    ]


def test_a_turn_that_fails_names_the_class_of_the_error_alone(finished: InMemorySpanExporter) -> None:
    with pytest.raises(KeyError), TurnSpans.of_records("admit", "admit", 2, [record(0, ("traceparent", ONE))]):
        raise KeyError("+447700900123")
    spans = finished.get_finished_spans()
    assert len(spans) == 2
    assert all(span.status.description == "KeyError" for span in spans)
    assert not any("7700900123" in span.to_json() for span in spans)


def test_without_the_sdk_contexts_pass_through_unchanged() -> None:
    records = [record(0, ("traceparent", ONE))]
    with TurnSpans.of_records("admit", "admit", 2, records) as spans:
        turn = Turn({}, NOW)
        turn.contexts = spans.contexts
        turn.send("out", None, b"", origin=Origin.of(records[0]))
    assert turn.outputs[0].headers == (("traceparent", ONE),)


def test_a_span_is_a_cause_where_it_is_recorded(finished: InMemorySpanExporter) -> None:
    span = trace.get_tracer("test").start_span("agency attempt", context=context_of(Origin(ONE)))
    made = origin_of(span, Origin(TWO))
    span.end()
    assert made.traceparent is not None
    assert made.traceparent[:35] == ONE[:35]
    assert origin_of(trace.INVALID_SPAN, Origin(TWO)) == Origin(TWO)
