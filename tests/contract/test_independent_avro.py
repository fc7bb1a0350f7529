"""Apache's avro-python3 and the codec read each other's values and compute the same fingerprints."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from avro.io import BinaryDecoder, BinaryEncoder, DatumReader, DatumWriter
from avro.schema import parse
from avro.schemanormalization import ToParsingCanonicalForm

from schemas import avro_registry, codec
from schemas.fields import Model
from tests.contract.examples import BARE, FULL, MODELS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXAMPLES = [
    pytest.param(name, example, id=f"{label} {name}")
    for label, examples in (("full", FULL), ("bare", BARE))
    for name, example in examples.items()
]


def crc_64_avro(data: bytes) -> int:
    """Return the fingerprint, computed bit by bit as in the specification, without a table."""
    empty = 0xC15D213AA4D7A795
    state = empty
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (empty if state & 1 else 0)
    return state


def plain(value: Any) -> Any:
    """Return the value in the form of avro-python3, which has no logical types."""
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (value - EPOCH.date()).days
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value


def schema_of(name: str) -> Any:
    return parse(json.dumps(avro_registry.sources()[name]))


def test_crc_64_avro_of_nothing_and_of_the_specifications_example() -> None:
    assert crc_64_avro(b"") == 0xC15D213AA4D7A795
    # Apache Avro, share/test/data/schema-tests.txt, schema 001: the canonical form "null".
    assert crc_64_avro(b'"null"') == 7195948357588979594


@pytest.mark.parametrize("name", avro_registry.RECORDS)
def test_header_is_the_marker_and_the_little_endian_fingerprint(name: str) -> None:
    canonical_form = ToParsingCanonicalForm(schema_of(name)).encode()
    expected = b"\xc3\x01" + crc_64_avro(canonical_form).to_bytes(8, "little")
    assert codec.encode(name, FULL[name].model_dump())[:10] == expected


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_avro_python3_reads_the_codecs_values(name: str, example: Model) -> None:
    written = codec.encode(name, example.model_dump())
    body = BytesIO(written[10:])
    schema = schema_of(name)
    assert DatumReader(schema, schema).read(BinaryDecoder(body)) == plain(example.model_dump())
    assert not body.read()


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_the_codec_reads_the_values_of_avro_python3(name: str, example: Model) -> None:
    schema = schema_of(name)
    header = b"\xc3\x01" + crc_64_avro(ToParsingCanonicalForm(schema).encode()).to_bytes(8, "little")
    stream = BytesIO()
    DatumWriter(schema).write(plain(example.model_dump()), BinaryEncoder(stream))
    found, fields = codec.decode(header + stream.getvalue(), name)
    assert found == name
    assert MODELS[name].model_validate(fields) == example
