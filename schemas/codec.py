"""The one codec of all topics: fastavro (see decision 0007), single-object encoding of the Avro specification.

A value is `C3 01`, the CRC-64-AVRO fingerprint of its writer's schema in 8 bytes, little endian, and the body. The
fingerprint finds the schema the bytes were written with, so what older programs wrote stays readable.
"""

import copy
import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from schemas.avro_registry import HEADER_BYTES, MARKER, READERS, WRITERS
from schemas.errors import Problem, Unreadable

__all__ = ["Unreadable", "canonical", "decode", "encode"]

#: What a reader can meet in bytes that its schema does not fit; wider than what fuzzing fastavro found (`ValueError`,
#: `IndexError`, `OverflowError`), because anything that is let out ends the process that reads, and its successor.
_UNFIT = (SchemaResolutionError, ValueError, LookupError, ArithmeticError, TypeError, struct.error)


def encode(name: str, fields: Mapping[str, Any]) -> bytes:
    """Return the record `name` (a `model_dump()` or the like) as a single-object encoded value.

    Raises `ValueError` if the fields do not fit the schema or one of them is not in it; nothing of them is quoted.
    """
    stream = BytesIO()
    stream.write(WRITERS[name].header)
    _write(stream, name, fields)
    return stream.getvalue()


def canonical(name: str, fields: Mapping[str, Any]) -> bytes:
    """Return the body alone, the same for the same fields under the present schema: what is signed."""
    stream = BytesIO()
    _write(stream, name, fields)
    return stream.getvalue()


def _write(stream: BytesIO, name: str, fields: Mapping[str, Any]) -> None:
    writer = WRITERS[name]
    try:
        for path in writer.unions:
            fields = _name_branches(fields, path, writer.branches)
        schemaless_writer(stream, writer.schema, fields, strict_allow_default=True)
    except (ValueError, LookupError, ArithmeticError, TypeError, AttributeError):
        # `from None`: fastavro's message quotes the value it could not write.
        raise ValueError(f"the fields do not fit the schema {name}") from None


def _name_branches(fields: Mapping[str, Any], path: tuple[str, ...], branches: Mapping[str, str]) -> dict[str, Any]:
    # fastavro would validate each concern against the records of all nine kinds; a named branch is taken at once.
    head, *rest = path
    if rest:
        return {**fields, head: _name_branches(fields[head], tuple(rest), branches)}
    return {**fields, head: [(branches[concern["kind"]], concern) for concern in fields[head]]}


def decode(data: bytes, *names: str) -> tuple[str, dict[str, Any]]:
    """Return the name and fields of a single-object encoded value, in the present version of its schema.

    `names` are the records expected; `Unreadable` names what is wrong with anything else, and quotes nothing of it.
    """
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
        # Either an index that its enum or union does not have, or an end in the middle of a number.
        raise _unreadable("is cut off" if stream.tell() == len(data) else "cannot be read") from None
    except _UNFIT:
        raise _unreadable("cannot be read") from None
    if stream.tell() != len(data):
        raise _unreadable("has bytes left over")
    # What an older writer lacked comes from the schema itself, which nobody may change.
    return reader.name, fields if reader.wanted is None else copy.deepcopy(fields)


def _unreadable(reason: str) -> Unreadable:
    return Unreadable((Problem("value", reason),))
