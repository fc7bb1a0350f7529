"""What stands beside a rejected record."""

from datetime import UTC, datetime

import pytest

from schemas.errors import Invalid, Problem, Unreadable
from streams.runtime import Record
from streams.runtime.rejection import rejected

NOW = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def record(*headers: tuple[str, bytes], key: bytes | None = b"k", value: bytes | None = b"\x00\xff") -> Record:
    return Record("disclosures.v1", 3, 41, 0, key, value, headers)


def test_the_record_goes_whole_with_why_whence_and_when() -> None:
    invalid = Unreadable((Problem("value", "is cut off"), Problem("age", "is out of range")))
    output = rejected(record(), invalid, by="admit", now=NOW)
    assert (output.topic, output.partition, output.key, output.value) == (
        "disclosures.v1.rejected",
        3,
        b"k",
        b"\x00\xff",
    )
    assert dict(output.headers) == {
        "rejected-reason": b"value: is cut off; age: is out of range",
        "rejected-field": b"value",
        "rejected-error": b"Unreadable",
        "rejected-by": b"admit",
        "rejected-from": b"disclosures.v1",
        "rejected-partition": b"3",
        "rejected-offset": b"41",
        "rejected-at": b"2026-02-03T21:10:00+00:00",
    }


def test_the_trace_goes_along_and_no_other_header() -> None:
    headers = (("x-phone", b"+447700900123"), ("traceparent", TRACE), ("rejected-by", b"somebody else"))
    output = rejected(record(*headers), Invalid.of("value", "is empty"), by="admit", now=NOW)
    assert [value for name, value in output.headers if name == "traceparent"] == [TRACE]
    assert [value for name, value in output.headers if name == "rejected-by"] == [b"admit"]
    assert not any(b"7700900123" in value for _, value in output.headers)


@pytest.mark.parametrize("header", [b"+447700900123", TRACE + b"1", TRACE.upper(), b"", TRACE[:-1] + b"\n"])
def test_what_is_not_a_trace_context_does_not_go_along_as_one(header: bytes) -> None:
    output = rejected(record(("traceparent", header)), Invalid.of("value", "is empty"), by="admit", now=NOW)
    assert "traceparent" not in dict(output.headers)


@pytest.mark.parametrize(("key", "value"), [(None, b"v"), (b"k", None), (None, None)])
def test_a_record_without_key_or_value_stays_without(key: bytes | None, value: bytes | None) -> None:
    output = rejected(record(key=key, value=value), Invalid.of("value", "is empty"), by="admit", now=NOW)
    assert (output.key, output.value) == (key, value)


def test_a_hundred_faults_do_not_fill_the_headers() -> None:
    invalid = Invalid(Problem(f"concerns[{n}].kind", "is not a known kind") for n in range(100))
    output = rejected(record(), invalid, by="admit", now=NOW)
    assert len(dict(output.headers)["rejected-reason"]) == 1_000
    assert dict(output.headers)["rejected-field"] == b"concerns[0].kind"
