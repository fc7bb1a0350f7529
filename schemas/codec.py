"""The codec of all topics: Avro's single-object encoding, by fastavro (see decision 0007).

A value is `C3 01`, then the CRC-64-AVRO fingerprint of the writer's schema (8 bytes, little endian), then the body. The
reader finds the writer's schema by the fingerprint. So values of older programs stay readable.
"""

import copy
import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from schemas.avro_registry import HEADER_BYTES, MARKER, READERS, WRITERS, Reader
from schemas.avro_strict import Malformed, check_body
from schemas.errors import Problem, Unreadable

__all__ = ["Unreadable", "canonical", "decode", "decode_own", "encode"]

#: Errors that fastavro may raise at bytes that do not fit the schema. The list is wider than the errors that fuzzing
#: found (`ValueError`, `IndexError`, `OverflowError`): an error that is not caught ends the process that reads the
#: record, and then each of its successors.
_UNFIT = (SchemaResolutionError, ValueError, LookupError, ArithmeticError, TypeError, struct.error)
_INT = range(-(2**31), 2**31)


def encode(name: str, fields: Mapping[str, Any]) -> bytes:
    """Return the fields of the record `name` (for example from `model_dump()`) as a single-object encoded value.

    Raises `ValueError` if the fields do not fit the schema or a field is not in it. The error quotes no value.
    """
    stream = BytesIO()
    stream.write(WRITERS[name].header)
    _write(stream, name, fields)
    return stream.getvalue()


def canonical(name: str, fields: Mapping[str, Any]) -> bytes:
    """Return the body without its header, for signatures. Equal fields give equal bytes under the present schema."""
    stream = BytesIO()
    _write(stream, name, fields)
    return stream.getvalue()


def _write(stream: BytesIO, name: str, fields: Mapping[str, Any]) -> None:
    writer = WRITERS[name]
    try:
        for path in writer.unions:
            fields = _name_branches(fields, path, writer.branches)
        schemaless_writer(stream, writer.schema, fields, strict_allow_default=True)
        if not all(_fits_an_int(fields, path) for path in writer.ints):
            raise ValueError
    except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError):
        # `from None`: fastavro's message quotes the value that it could not write.
        raise ValueError(f"the fields do not fit the schema {name}") from None


def _fits_an_int(fields: Any, path: tuple[str, ...]) -> bool:
    for place, name in enumerate(path):
        if name not in fields:
            # The writer has taken the default of the schema.
            return True
        fields = fields[name]
        if isinstance(fields, list | tuple):
            return all(_fits_an_int(each, path[place + 1 :]) for each in fields)
    return fields in _INT


def _name_branches(fields: Mapping[str, Any], path: tuple[str, ...], branches: Mapping[str, str]) -> dict[str, Any]:
    # With a named branch fastavro writes it directly. Without, it validates each concern against all nine kinds.
    head, *rest = path
    if rest:
        return {**fields, head: _name_branches(fields[head], tuple(rest), branches)}
    return {**fields, head: [(branches[concern["kind"]], concern) for concern in fields[head]]}


def decode(data: bytes, *names: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the fields of a single-object encoded value, in the present version of its schema.

    `names` are the records that the caller expects. Raises `Unreadable` for any other bytes; the error names the fault
    and quotes no byte.
    """
    reader, fields = _read(data, names)
    _refuse_malformed(data, reader, fields)
    return _present(reader, fields)


def decode_own(data: bytes, *names: str) -> tuple[str, dict[str, Any]]:
    """Return the same as `decode`, in half the time, for a value that a lane of ours wrote: in its state, or on a topic
    that only our lanes write.

    Malformed bytes that fastavro reads all the same are not looked for: our codec writes none.
    """
    return _present(*_read(data, names))


def _present(reader: Reader, fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    # Fields that an older writer lacked get the default objects of the schema: copied, so that no caller changes them.
    return reader.name, fields if reader.wanted is None else copy.deepcopy(fields)


def _read(data: bytes, names: tuple[str, ...]) -> tuple[Reader, dict[str, Any]]:
    if not data:
        raise _unreadable("is empty")
    if data[:2] != MARKER:
        raise _unreadable("is not a single-object encoded record")
    if len(data) < HEADER_BYTES:
        raise _unreadable("is cut off")
    reader = READERS.get(data[:HEADER_BYTES])
    if reader is None:
        raise _unreadable("is of an unknown schema")
    if reader.name not in names:
        raise _unreadable("is of a schema not expected here")
    stream = BytesIO(data)
    stream.seek(HEADER_BYTES)
    try:
        fields: Any = schemaless_reader(stream, reader.written, reader.wanted)
    except EOFError:
        raise _unreadable("is cut off") from None
    except IndexError:
        # The bytes end inside a number, or contain an index that the enum or union does not have.
        raise _unreadable("is cut off" if stream.tell() == len(data) else "cannot be read") from None
    except _UNFIT:
        raise _unreadable("cannot be read") from None
    if stream.tell() != len(data):
        raise _unreadable("has bytes left over")
    return reader, fields


def _refuse_malformed(data: bytes, reader: Reader, fields: Any) -> None:
    """Raise `Unreadable` for bytes that fastavro read although they are no value of the schema.

    Bytes that fastavro would write itself are right: that is quickly seen. All others are checked one by one.
    """
    if reader.wanted is None:
        stream = BytesIO()
        try:
            _write(stream, reader.name, fields)
        except ValueError:
            # fastavro read a value that the schema cannot have, for example a number with too many bits.
            raise _unreadable("cannot be read") from None
        if stream.getvalue() == data[HEADER_BYTES:]:
            return
    try:
        check_body(data, HEADER_BYTES, reader.written)
    except Malformed as malformed:
        raise _unreadable(str(malformed)) from None


def _unreadable(reason: str) -> Unreadable:
    return Unreadable((Problem("value", reason),))
