"""Damaged records of every schema: read strictly they are an error, or are written again as the bytes that came.

Other writers may have several blocks of a list, and numbers with more bytes than they need: that is allowed.
The reader here is a second formulation of Avro 1.12, *Binary encoding*, and shares nothing with `schemas.avro_strict`.
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from fastavro import schemaless_writer
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.avro_registry import HEADER_BYTES, WRITERS, sources
from schemas.codec import Unreadable, decode, decode_own, encode
from tests.contract.examples import FULL
from tests.unit.test_codec import ANY_RECORD


class NoValue(Exception):
    """The bytes are no value of the schema."""


def as_fastavro_writes(schema: Any, body: bytes) -> bytes:
    """Return the body with each list and map in one block, and no number with bytes that it does not need."""
    stream = BytesIO(body)
    rewritten = b"".join(_parts(schema, stream, {}))
    if stream.read(1):
        raise NoValue
    return rewritten


def _parts(schema: Any, stream: BytesIO, named: dict[str, Any]) -> Iterator[bytes]:
    """Yield the parts of one value, each as it is written alone."""
    if isinstance(schema, list):
        branch = _index(stream, len(schema))
        yield _varint(branch)
        # A branch that is not there may define a type that comes later.
        _define(schema, named)
        yield from _parts(schema[branch], stream, named)
    elif isinstance(schema, str):
        yield from _parts(named[schema], stream, named) if schema in named else [_primitive(schema, stream)]
    else:
        _define(schema, named)
        yield from _of_type(schema, stream, named)


def _of_type(schema: Any, stream: BytesIO, named: dict[str, Any]) -> Iterator[bytes]:
    kind = schema["type"]
    if kind == "record":
        for field in schema["fields"]:
            yield from _parts(field["type"], stream, named)
    elif kind == "enum":
        yield _varint(_index(stream, len(schema["symbols"])))
    elif kind in ("array", "map"):
        entries = list(_entries(schema, stream, named))
        yield (_varint(len(entries)) if entries else b"") + b"".join(entries) + b"\0"
    else:
        yield from _parts(kind, stream, named)


def _entries(schema: Any, stream: BytesIO, named: dict[str, Any]) -> Iterator[bytes]:
    """Yield each entry of a list or map, from all its blocks."""
    while count := _number(stream):
        until = None if count > 0 else _number(stream) + stream.tell()
        for _ in range(abs(count)):
            name = _primitive("string", stream) if schema["type"] == "map" else b""
            yield name + b"".join(_parts(schema.get("items", schema.get("values")), stream, named))
        if until not in (None, stream.tell()):
            raise NoValue


def _index(stream: BytesIO, many: int) -> int:
    index = _number(stream)
    if index not in range(many):
        raise NoValue
    return index


def _define(schema: Any, named: dict[str, Any]) -> None:
    """Remember the named types of a schema, also those of a branch that is not there."""
    if isinstance(schema, list):
        for each in schema:
            _define(each, named)
    elif isinstance(schema, dict):
        if "name" in schema:
            named[schema["name"]] = schema
        for inner in (*(f["type"] for f in schema.get("fields", ())), schema.get("items"), schema.get("values")):
            _define(inner, named)
        if not isinstance(schema["type"], str):
            _define(schema["type"], named)


def _primitive(kind: str, stream: BytesIO) -> bytes:
    if kind == "null":
        return b""
    if kind == "boolean":
        found = _exactly(stream, 1)
        if found[0] > 1:
            raise NoValue
        return found
    if kind in ("int", "long"):
        number, bits = _number(stream), 31 if kind == "int" else 63
        if not -(1 << bits) <= number < 1 << bits:
            raise NoValue
        return _varint(number)
    if kind == "double":
        return struct.pack("<d", *struct.unpack("<d", _exactly(stream, 8)))
    length = _number(stream)
    found = _exactly(stream, length)
    if kind == "string":
        try:
            found.decode("utf-8")
        except UnicodeDecodeError:
            raise NoValue from None
    return _varint(length) + found


def _exactly(stream: BytesIO, many: int) -> bytes:
    found = stream.read(many) if many >= 0 else b""
    if len(found) != many:
        raise NoValue
    return found


def _number(stream: BytesIO) -> int:
    encoded = _exactly(stream, 1)
    while encoded[-1] & 0x80:
        encoded += _exactly(stream, 1)
    rest = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(encoded))
    return rest // 2 if rest % 2 == 0 else -(rest + 1) // 2


def _varint(number: int) -> bytes:
    rest = 2 * number if number >= 0 else -2 * number - 1
    encoded = []
    while rest > 0x7F:
        encoded.append(rest % 0x80 + 0x80)
        rest //= 0x80
    return bytes([*encoded, rest])


@given(ANY_RECORD)
def test_a_record_is_written_as_the_specification_has_it(record: tuple[str, dict[str, Any]]) -> None:
    name, fields = record
    body = encode(name, fields)[HEADER_BYTES:]
    assert as_fastavro_writes(sources()[name], body) == body


@given(ANY_RECORD, st.data())
def test_a_record_with_one_byte_changed_is_an_error_or_is_written_again_as_it_came(
    record: tuple[str, dict[str, Any]], data: st.DataObject
) -> None:
    name, fields = record
    value = encode(name, fields)
    assume(len(value) > HEADER_BYTES)
    at = data.draw(st.integers(HEADER_BYTES, len(value) - 1), label="at")
    # None: the byte is left out.
    new = data.draw(st.none() | st.binary(min_size=1, max_size=2), label="new")
    changed = value[:at] + (new or b"") + value[at + 1 :]
    try:
        _, read = decode(changed, name)
    except Unreadable:
        return
    assume("nan" not in repr(read))
    assert encode(name, read)[HEADER_BYTES:] == as_fastavro_writes(sources()[name], changed[HEADER_BYTES:])


def _plain_ints(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each plain int, also in a list, a map or a branch."""
    if schema == "int":
        yield path
    elif isinstance(schema, dict):
        for field in schema.get("fields", ()):
            yield from _plain_ints(field["type"], (*path, field["name"]))
        for inner in ("items", "values"):
            if inner in schema:
                yield from _plain_ints(schema[inner], (*path, inner))
    elif isinstance(schema, list):
        # A bare int in a union is checked by fastavro.
        for branch in schema:
            if branch != "int":
                yield from _plain_ints(branch, path)


#: What the examples leave out.
_CONFLICT = {
    "disclosure_id": "0b9c2f6e-6a0c-4f0e-9d8e-2b1f6f1f7a10",
    "decision_id": "d",
    "topic": "t",
    "partition": 0,
    "offset": 0,
}
_INTS = [(name, path) for name, source in sources().items() for path in _plain_ints(source)]


@pytest.mark.parametrize(("name", "path"), _INTS, ids=lambda each: each if isinstance(each, str) else ".".join(each))
@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**62])
def test_a_plain_int_has_32_bits_in_what_is_written_and_read(name: str, path: tuple[str, ...], number: int) -> None:
    fields: Any = FULL[name].model_dump()
    holder = fields
    for step in path[:-1]:
        if step == "items":
            holder = holder[0]
            continue
        if isinstance(holder[step], tuple):
            holder[step] = list(holder[step])
        holder[step] = holder[step] or dict(_CONFLICT)
        holder = holder[step]
    assert path[-1] in holder
    holder[path[-1]] = number
    with pytest.raises(ValueError, match="do not fit"):
        encode(name, fields)
    written = BytesIO()
    # As wide as it is written by a writer that checks nothing.
    schemaless_writer(written, _widened(WRITERS[name].schema), fields)
    with pytest.raises(Unreadable):
        decode(WRITERS[name].header + written.getvalue(), name)


def _widened(schema: Any) -> Any:
    """Return the schema with a long for each int: the bytes are the same."""
    if isinstance(schema, dict):
        return {name: "long" if each == "int" and name == "type" else _widened(each) for name, each in schema.items()}
    return [_widened(each) for each in schema] if isinstance(schema, list) else schema


def test_what_a_lane_wrote_is_read_as_any_other_value() -> None:
    for name, record in FULL.items():
        value = encode(name, record.model_dump())
        assert decode_own(value, name) == decode(value, name)


@pytest.mark.parametrize("value", [b"", b"\xc3\x01", b"no record", encode("Report", FULL["Report"].model_dump())[:-1]])
def test_what_no_lane_wrote_is_unreadable_for_both(value: bytes) -> None:
    with pytest.raises(Unreadable) as own:
        decode_own(value, "Report")
    with pytest.raises(Unreadable) as any_other:
        decode(value, "Report")
    assert str(own.value) == str(any_other.value)
