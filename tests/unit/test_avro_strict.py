"""Malformed Avro that fastavro reads leniently is rejected; what other writers may write is not."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro_registry import HEADER_BYTES, RECORDS, WRITERS
from schemas.avro_strict import Malformed, check_body
from schemas.codec import Unreadable, decode, encode
from tests.contract.examples import FULL

_SCHEMA: Any = parse_schema(
    {
        "type": "record",
        "name": "Strict",
        "fields": [
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"]}},
            {"name": "maybe", "type": ["null", "string"]},
            {"name": "sure", "type": "boolean"},
            {"name": "small", "type": "int"},
            {"name": "large", "type": "long"},
            {"name": "degrees", "type": "double"},
            {"name": "many", "type": {"type": "array", "items": "Kind"}},
            {"name": "named", "type": {"type": "map", "values": "bytes"}},
            {"name": "digest", "type": {"type": "fixed", "name": "Digest", "size": 2}},
        ],
    }
)
_VALUE = {
    "kind": "b",
    "maybe": "x",
    "sure": True,
    "small": -3,
    "large": 2**40,
    "degrees": 1.5,
    "many": ["a", "b"],
    "named": {"n": b"v"},
    "digest": b"ab",
}


def zigzag(number: int) -> bytes:
    """Return a number as Avro writes it."""
    rest = (number << 1) ^ (number >> 63)
    written = bytearray()
    while rest & ~0x7F:
        written.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*written, rest])


def parts(**changed: bytes) -> bytes:
    """Return the body of `_VALUE` with the bytes of some fields changed."""
    return b"".join(
        (
            {
                "kind": zigzag(1),
                "maybe": zigzag(1) + zigzag(1) + b"x",
                "sure": b"\1",
                "small": zigzag(-3),
                "large": zigzag(2**40),
                "degrees": b"\0\0\0\0\0\0\xf8\x3f",
                "many": zigzag(2) + zigzag(0) + zigzag(1) + zigzag(0),
                "named": zigzag(1) + zigzag(1) + b"n" + zigzag(1) + b"v" + zigzag(0),
                "digest": b"ab",
            }
            | changed
        ).values()
    )


def test_the_parts_are_what_fastavro_writes() -> None:
    stream = BytesIO()
    schemaless_writer(stream, _SCHEMA, _VALUE)
    assert stream.getvalue() == parts()
    check_body(parts(), 0, _SCHEMA)


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("kind", zigzag(-1)),
        ("kind", zigzag(2)),
        ("maybe", zigzag(-2)),
        ("maybe", zigzag(2)),
        ("maybe", zigzag(1) + zigzag(-1)),
        ("maybe", zigzag(1) + zigzag(1) + b"\xff"),
        ("sure", b"\7"),
        ("small", zigzag(2**31)),
        ("large", b"\xff" * 10 + b"\1"),
        ("large", b"\xff" * 9 + b"\x02"),
        ("large", b"\xff" * 9 + b"\x7f"),
        ("many", zigzag(1) + zigzag(-1) + zigzag(0)),
        ("many", zigzag(-1) + zigzag(9) + zigzag(0) + zigzag(0)),
        ("many", zigzag(1_000_000)),
        ("named", zigzag(1) + zigzag(-1)),
        ("digest", b"a"),
        ("digest", b"abc"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.hex(),
)
def test_what_is_no_value_of_the_schema_is_malformed(field: str, written: bytes) -> None:
    with pytest.raises(Malformed):
        check_body(parts(**{field: written}), 0, _SCHEMA)


@pytest.mark.parametrize(
    "many",
    [
        zigzag(1) + zigzag(0) + zigzag(1) + zigzag(1) + zigzag(0),
        zigzag(-2) + zigzag(2) + zigzag(0) + zigzag(1) + zigzag(0),
    ],
    ids=["two blocks", "a block with its size"],
)
def test_blocks_as_other_writers_have_them_are_right(many: bytes) -> None:
    body = parts(many=many)
    assert schemaless_reader(BytesIO(body), _SCHEMA, None) == _VALUE
    check_body(body, 0, _SCHEMA)


def flips(value: bytes) -> Iterator[bytes]:
    for at in range(HEADER_BYTES, len(value)):
        for bit in range(8):
            yield value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]


@pytest.mark.parametrize("name", RECORDS)
def test_a_flipped_bit_is_rejected_or_read_as_the_bytes_say(name: str) -> None:
    value = encode(name, FULL[name].model_dump())
    for flipped in flips(value):
        try:
            _, fields = decode(flipped, name)
        except Unreadable:
            continue
        check_body(flipped, HEADER_BYTES, WRITERS[name].schema)
        assert decode(encode(name, fields), name) == (name, fields)


@pytest.mark.parametrize("age", [2**31, 2**40, 2**62])
def test_a_number_with_too_many_bits_is_rejected_and_raises_nothing_else(age: int) -> None:
    made = FULL["Disclosure"].model_dump()
    value = encode("Disclosure", made | {"subject": made["subject"] | {"age": 101}})
    # The union's branch, then the number.
    assert value.count(b"\x02" + zigzag(101)) == 1
    with pytest.raises(Unreadable):
        decode(value.replace(b"\x02" + zigzag(101), b"\x02" + zigzag(age)), "Disclosure")


@given(st.binary(max_size=60))
def test_any_bytes_are_malformed_or_a_value(body: bytes) -> None:
    try:
        check_body(body, 0, _SCHEMA)
    except Malformed:
        return
    schemaless_reader(BytesIO(body), _SCHEMA, None)
