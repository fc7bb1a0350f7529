"""The codec reads the values that it wrote, and raises `Unreadable` for any other bytes without quoting them."""

import tracemalloc
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from fastavro import parse_schema
from hypothesis import given
from hypothesis import strategies as st

from schemas import avro_registry, codec
from schemas.errors import Invalid, Problem
from schemas.fields import Model
from tests.avro_values import fields_of
from tests.contract.examples import BARE, FULL, MODELS

EXAMPLES = [
    pytest.param(name, example, id=f"{label} {name}")
    for label, examples in (("full", FULL), ("bare", BARE))
    for name, example in examples.items()
]
DISCLOSURE = codec.encode("Disclosure", FULL["Disclosure"].model_dump())
HEADER = DISCLOSURE[:10]
ANY_RECORD = st.one_of(
    [st.tuples(st.just(name), fields_of(source, {})) for name, source in avro_registry.sources().items()]
)


def problem_of(data: bytes, *names: str) -> str:
    with pytest.raises(codec.Unreadable) as caught:
        codec.decode(data, *names)
    (problem,) = caught.value.problems
    assert problem.field == "value"
    return problem.reason


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_a_record_comes_back_as_it_was_written(name: str, example: Model) -> None:
    found, fields = codec.decode(codec.encode(name, example.model_dump()), name)
    assert found == name
    assert MODELS[name].model_validate(fields) == example


@given(ANY_RECORD)
def test_all_that_a_schema_can_hold_comes_back(record: tuple[str, dict[str, Any]]) -> None:
    name, fields = record
    assert codec.decode(codec.encode(name, fields), name) == (name, fields)


def test_of_several_records_expected_it_says_which_one_came() -> None:
    settled = codec.encode("NotificationSettled", FULL["NotificationSettled"].model_dump())
    assert codec.decode(settled, "NotificationDue", "NotificationSettled")[0] == "NotificationSettled"


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    fields = FULL["KeyRecord"].model_dump()
    decision = FULL["Decision"].model_dump()
    moment = datetime(2026, 7, 1, 23, 30, tzinfo=timezone(timedelta(hours=1)))
    read = codec.decode(codec.encode("Decision", {**decision, "decided_at": moment}), "Decision")[1]
    assert read["decided_at"] == moment
    assert read["decided_at"].utcoffset() == timedelta(0)
    assert codec.decode(codec.encode("KeyRecord", fields), "KeyRecord")[1] == fields


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_canonical_is_the_body_alone_whatever_the_order_of_the_fields(name: str, example: Model) -> None:
    fields = example.model_dump()
    turned = dict(reversed(fields.items()))
    assert codec.canonical(name, turned) == codec.canonical(name, fields) == codec.encode(name, fields)[10:]


def test_what_a_caller_gave_is_not_changed() -> None:
    fields = FULL["Admitted"].model_dump()
    codec.encode("Admitted", fields)
    assert fields == FULL["Admitted"].model_dump()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b'{"disclosure_id": "x"}', "is not a single-object encoded record"),
        (b"\xc3", "is not a single-object encoded record"),
        (b"\xc3\x02" + DISCLOSURE[2:], "is not a single-object encoded record"),
        (b"\xc3\x01", "is cut off"),
        (HEADER[:9], "is cut off"),
        (b"\xc3\x01" + bytes(8) + DISCLOSURE[10:], "is of an unknown schema"),
        (HEADER, "is cut off"),
        (DISCLOSURE[:-1], "is cut off"),
        (DISCLOSURE + b"\x00", "has bytes left over"),
        (HEADER + b"\x04ab\x08", "cannot be read"),
        (HEADER + b"\x04\xff\xfe\x00", "cannot be read"),
        (HEADER + b"\x80", "is cut off"),
    ],
    ids=[
        "nothing",
        "JSON",
        "half a marker",
        "another marker",
        "marker alone",
        "half a fingerprint",
        "unknown fingerprint",
        "header alone",
        "last byte gone",
        "a byte too many",
        "no such symbol of an enum, more to come",
        "text that is not UTF-8",
        "ends within a number",
    ],
)
def test_bytes_that_are_no_record(data: bytes, reason: str) -> None:
    if reason == "cannot be read":
        data += bytes(64)
    assert problem_of(data, "Disclosure") == reason


@pytest.mark.parametrize("name", ["Report", "DeliveryChanged", "NotificationDue"])
def test_a_time_that_no_calendar_has(name: str) -> None:
    fields = {"reported_at": 2**62, "changed_at": -(2**62), "due_at": 2**60}
    written = codec.encode(name, {field: fields.get(field, value) for field, value in FULL[name].model_dump().items()})
    assert problem_of(written, name) == "cannot be read"


def test_a_symbol_that_the_present_schema_no_longer_has(monkeypatch: pytest.MonkeyPatch) -> None:
    source = avro_registry.sources()["Edge"]
    source["fields"][1]["type"]["symbols"] = ["link", "gone"]
    header = avro_registry.header_of(source)
    reader = avro_registry.Reader("Edge", parse_schema(source), avro_registry.WRITERS["Edge"].schema)
    monkeypatch.setattr("schemas.codec.READERS", {**avro_registry.READERS, header: reader})
    rest = codec.canonical("Edge", FULL["Edge"].model_dump()).split(b"\x00", 1)[1]
    start = codec.canonical("Edge", FULL["Edge"].model_dump()).removesuffix(rest)
    assert codec.decode(header + start + b"\x00" + rest[1:], "Edge")[1]["state"] == "link"
    assert problem_of(header + start + b"\x02" + rest[1:], "Edge") == "cannot be read"


def test_a_record_of_a_known_schema_in_the_wrong_place() -> None:
    assert problem_of(DISCLOSURE, "Report", "Decision") == "is of a schema not expected here"


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_a_record_cut_off_anywhere(name: str, example: Model) -> None:
    whole = codec.encode(name, example.model_dump())
    for length in range(2, len(whole)):
        assert problem_of(whole[:length], name) in {"is cut off", "cannot be read"}


@given(st.binary(max_size=200))
def test_random_bytes_are_unreadable(data: bytes) -> None:
    with pytest.raises(codec.Unreadable):
        codec.decode(data, *avro_registry.RECORDS)


def read_or_refused(data: bytes) -> tuple[str, dict[str, Any]] | None:
    """Return the decoded value, or None if it was refused with `Unreadable`; any other error fails the test."""
    try:
        return codec.decode(data, *avro_registry.RECORDS)
    except codec.Unreadable:
        return None


@given(st.sampled_from(sorted(avro_registry.READERS)), st.binary(max_size=400))
def test_random_bodies_are_read_whole_or_unreadable(header: bytes, body: bytes) -> None:
    read = read_or_refused(header + body)
    assert read is None or read[1].keys() == MODELS[read[0]].model_fields.keys()


@given(st.data())
def test_a_record_with_bytes_changed_is_read_or_unreadable(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(avro_registry.RECORDS))
    changed = bytearray(codec.encode(name, FULL[name].model_dump()))
    places = st.tuples(st.integers(10, len(changed) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, max_size=5)):
        changed[place] = value
    read = read_or_refused(bytes(changed))
    assert read is None or (read[0], read[1].keys()) == (name, MODELS[name].model_fields.keys())


@pytest.mark.parametrize(
    "body",
    [
        bytes([0xFE, 0xFF, 0xFF, 0xFF, 0x7F]) + b"x" * 300,
        bytes([0xFE, *[0xFF] * 8, 0x01]) + b"x" * 300,
        bytes([0xFF, *[0xFF] * 8, 0x01]) + b"x" * 300,
        b"\xff" * 300,
    ],
    ids=["17 GB", "8 EB", "less than nothing", "a number without an end"],
)
@pytest.mark.parametrize("before", [b"", b"\x02n\x02r\x02p"], ids=["a text", "a list, after three texts"])
def test_a_length_that_claims_more_than_there_is_takes_no_memory(before: bytes, body: bytes) -> None:
    header = avro_registry.WRITERS["NotificationDue"].header
    tracemalloc.start()
    try:
        with pytest.raises(codec.Unreadable):
            codec.decode(header + before + body, "NotificationDue")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


MARKER = "MARKER-07700900999"


@pytest.mark.parametrize(
    "data",
    [
        MARKER.encode(),
        HEADER + b"\x24" + MARKER.encode(),
        HEADER + b"\x24" + MARKER.encode() + b"\x7f" * 30,
        codec.encode("TokenOwner", {"token": MARKER, "person": MARKER}) + b"\x00",
        codec.encode("TokenOwner", {"token": MARKER, "person": MARKER})[:-1],
    ],
    ids=["no record", "cut off", "no such symbol", "left over", "cut off at the end"],
)
def test_what_is_unreadable_is_never_quoted(data: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        codec.decode(data, "Disclosure", "TokenOwner")
    assert MARKER not in str(caught.value)
    assert MARKER not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "change",
    [
        {"caller": MARKER},
        {"outcome": MARKER},
        {"decided_at": MARKER},
        {"clauses": MARKER},
        {"clauses": [{"id": MARKER, "state": "holds", "facts": {"age": 3}}]},
        {"policy_version": None},
        {"notify": {"due": True, "by": [MARKER], "withheld_because": None}},
        {"supersedes": "\ud800" + MARKER},
    ],
    ids=["extra", "symbol", "time", "no list", "map", "missing", "deeper", "surrogate"],
)
def test_fields_that_do_not_fit_are_refused_and_never_quoted(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="the fields do not fit the schema Decision") as caught:
        codec.encode("Decision", {**FULL["Decision"].model_dump(), **change})
    assert MARKER not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_misspelt_fact_of_a_concern_is_refused_and_not_lost() -> None:
    fields = FULL["Disclosure"].model_dump()
    fields["concerns"] = [{"kind": "self_harm", "life_threatning": True}]
    with pytest.raises(ValueError, match="the fields do not fit the schema Disclosure"):
        codec.encode("Disclosure", fields)


def test_an_unknown_kind_of_concern_is_refused() -> None:
    fields = FULL["Disclosure"].model_dump()
    fields["concerns"] = [{"kind": MARKER}]
    with pytest.raises(ValueError, match="the fields do not fit the schema Disclosure") as caught:
        codec.encode("Disclosure", fields)
    assert MARKER not in str(caught.value)


def test_unreadable_is_invalid_and_says_value_and_reason() -> None:
    with pytest.raises(Invalid) as caught:
        codec.decode(b"", "Disclosure")
    assert caught.value.problems == (Problem("value", "is empty"),)
    assert str(caught.value) == "value: is empty"
