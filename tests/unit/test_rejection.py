"""The headers of a rejected record, and its size."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from schemas.compressed_batches import FIRST_PART_BYTES
from schemas.errors import Invalid, Problem, Unreadable
from schemas.rejection import REFUSED_BY, REFUSED_EXERCISE
from schemas.topics import CATALOGUE, MAX_VALUE_BYTES
from streams.runtime import Record
from streams.runtime.agent import Output
from streams.runtime.lane.rejection import rejected
from streams.runtime.lane.transaction import MAX_REQUEST_BYTES
from streams.runtime.unreadable import offset_after, refuse_unreadable
from tests.fetches import of_aiokafka
from tests.raw_records import stored

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


@pytest.mark.parametrize("is_exercise", [True, False])
def test_the_mark_of_an_exercise_goes_along(*, is_exercise: bool) -> None:
    headers = ((REFUSED_BY, b"gateway"), *(((REFUSED_EXERCISE, b"true"),) if is_exercise else ()))
    output = rejected(record(*headers), Invalid.of("value", "is empty"), by="admit", now=NOW)
    assert (("rejected-exercise", b"true") in output.headers) is is_exercise


@pytest.mark.parametrize(
    ("header", "said"),
    [(b"5000", b"5000"), (b"unknown", b"unknown"), (b"+447700900123", b"unknown"), (b"", b"unknown")],
)
def test_that_a_door_kept_only_a_first_part_goes_along_and_no_text_of_its_header(header: bytes, said: bytes) -> None:
    output = rejected(record(("refused-length", header)), Invalid.of("value", "is no JSON"), by="admit", now=NOW)
    assert cut(output) == {"rejected-length": said, "rejected-kept": b"2"}


def test_a_first_part_that_is_cut_again_has_one_length() -> None:
    value = b"v" * (5 << 20)
    output = rejected(
        record(("refused-length", b"7"), value=value), Invalid.of("value", "is long"), by="admit", now=NOW
    )
    lengths = [text for name, text in output.headers if name in ("rejected-length", "rejected-kept")]
    assert lengths == [b"%d" % len(value), b"%d" % FIRST_PART_BYTES]


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


def cut(output: Output) -> Mapping[str, bytes]:
    names = ("length", "sha256", "kept", "key-length", "key-sha256")
    return {name: held for name, held in output.headers if name.removeprefix("rejected-") in names}


def batch_size(output: Output) -> int:
    """Return the bytes of a batch with this output alone."""
    batch = DefaultRecordBatchBuilder(2, 0, 1, -1, -1, 0, 1)
    assert batch.append(0, 0, output.key, output.value, list(output.headers)) is not None
    return len(batch.build())


@pytest.mark.parametrize("key", [b"k", b"k" * 32 * 1024])
def test_the_largest_value_of_a_topic_is_kept_whole(key: bytes) -> None:
    value = b"v" * MAX_VALUE_BYTES
    output = rejected(record(key=key, value=value), Invalid.of("value", "is too long"), by="admit", now=NOW)
    assert (output.key, output.value, cut(output)) == (key, value, {})


def test_of_a_larger_one_the_first_part_is_kept_with_length_and_digest() -> None:
    value = b"first" + b"v" * (5 << 20)
    output = rejected(record(value=value), Invalid.of("value", "is too long"), by="admit", now=NOW)
    assert (output.key, output.value) == (b"k", value[:FIRST_PART_BYTES])
    assert cut(output) == {
        "rejected-length": b"%d" % len(value),
        "rejected-sha256": hashlib.sha256(value).hexdigest().encode(),
        "rejected-kept": b"65536",
    }
    # Its source is in the headers, as for any other record.
    assert dict(output.headers)["rejected-offset"] == b"41"


@pytest.mark.parametrize("value", [None, b"v", b"v" * MAX_VALUE_BYTES])
def test_a_key_that_is_too_large_is_cut_too(value: bytes | None) -> None:
    key = b"k" * (5 << 20)
    output = rejected(record(key=key, value=value), Invalid.of("value", "is too long"), by="admit", now=NOW)
    assert output.key == key[:FIRST_PART_BYTES]
    assert output.value == (value and value[:FIRST_PART_BYTES])
    assert cut(output)["rejected-key-length"] == b"%d" % len(key)
    assert cut(output)["rejected-key-sha256"] == hashlib.sha256(key).hexdigest().encode()


@pytest.mark.parametrize("over", range(-2_000, 2_001, 97))
def test_what_is_written_always_fits(over: int) -> None:
    invalid = Invalid(Problem(f"concerns[{n}].kind", "is not a known kind") for n in range(100))
    value = b"v" * (MAX_REQUEST_BYTES + over)
    output = rejected(record(("traceparent", TRACE), value=value), invalid, by="admit", now=NOW)
    assert batch_size(output) <= MAX_REQUEST_BYTES


def test_the_limit_is_that_of_every_rejected_topic() -> None:
    limits = {CATALOGUE[name].config["max.message.bytes"] for name in CATALOGUE if name.endswith(".rejected")}
    assert limits == {str(MAX_REQUEST_BYTES)}


def test_a_batch_that_cannot_be_unpacked_is_refused_and_its_first_part_kept() -> None:
    batch = stored([(b"k", bytes(80 << 20), ()), (b"k", None, ())], 41, codec="gzip")
    assert len(batch) > FIRST_PART_BYTES
    (read,), _ = of_aiokafka([batch])
    one = record(key=read.key, value=read.value)
    with pytest.raises(Unreadable, match="batch: cannot be unpacked into 16 MiB and 131,072 records") as refusal:
        refuse_unreadable(one)
    assert offset_after(one) == 43
    output = rejected(one, refusal.value, by="admit", now=NOW)
    assert (output.key, output.value, type(output.value)) == (None, batch[:FIRST_PART_BYTES], bytes)
    assert cut(output) == {
        "rejected-length": b"%d" % len(batch),
        "rejected-sha256": hashlib.sha256(batch).hexdigest().encode(),
        "rejected-kept": b"%d" % FIRST_PART_BYTES,
    }


def test_no_other_record_is_refused() -> None:
    for value in (None, b"", b"value"):
        one = record(value=value)
        refuse_unreadable(one)
        assert offset_after(one) == 42
