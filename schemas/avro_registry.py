"""The Avro schemas of every record, read once at import: the present version and every older version."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from fastavro import parse_schema
from fastavro.schema import fingerprint, to_parsing_canonical_form

#: Avro specification, *Single-object encoding*.
MARKER = b"\xc3\x01"
HEADER_BYTES = 10

#: Names of all records. Each is the value of a topic, of a sealed section or of a lane's entry, and has a model of
#: this name.
RECORDS = (
    "Disclosure",
    "Admitted",
    "KeyRecord",
    "TokenOwner",
    "Edge",
    "Decision",
    "ReviewRequested",
    "ReviewOutcome",
    "ReviewSettled",
    "UrgentRejected",
    "RejectedAccepted",
    "OpenReview",
    "Report",
    "ReportStopped",
    "OpenReport",
    "DeliveryChanged",
    "NotificationDue",
    "NotificationSettled",
    "AlarmChanged",
    "SealedDetails",
    "SealedComment",
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Everything needed to write a record: its parsed schema, its 10-byte header, the paths of its unions of records.

    `branches` maps the `kind` of a union's branch to the full name of its record. `ints` are the paths of its fields of
    32 bits: fastavro would write more.
    """

    name: str
    header: bytes
    schema: Any
    unions: tuple[tuple[str, ...], ...]
    branches: Mapping[str, str]
    ints: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Reader:
    """Everything needed to read a record with one header: the writer's schema, and the present schema if it differs."""

    name: str
    written: Any
    wanted: Any | None


def _folder() -> Traversable:
    return files("schemas") / "avro"


def sources() -> dict[str, dict[str, Any]]:
    """Return the present schema of every record, as parsed JSON of its file."""
    return {name: json.loads((_folder() / f"{name}.avsc").read_text("utf-8")) for name in RECORDS}


def superseded() -> list[tuple[str, dict[str, Any]]]:
    """Return the name and the schema of every version that is no longer written (`old/NAME-N.avsc`)."""
    found = sorted(
        (entry for entry in (_folder() / "old").iterdir() if entry.name.endswith(".avsc")), key=lambda entry: entry.name
    )
    return [(entry.name.rsplit("-", 1)[0], json.loads(entry.read_text("utf-8"))) for entry in found]


def header_of(schema: Mapping[str, Any]) -> bytes:
    """Return the 10 bytes that begin a value of this schema: marker and CRC-64-AVRO fingerprint, little endian."""
    # fastavro returns the fingerprint as the specification prints it: the hexadecimal digits are in wire order already.
    return MARKER + bytes.fromhex(fingerprint(to_parsing_canonical_form(dict(schema)), "CRC-64-AVRO"))


def _unions(schema: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], dict[str, str]]:
    """Return the path of each list of a union of records, with the full name of each branch by its `kind`."""
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for field in schema["fields"]:
        kind = field["type"]
        here = (*path, field["name"])
        if not isinstance(kind, dict):
            continue
        if kind["type"] == "record":
            found |= _unions(kind, here)
        elif kind["type"] == "array" and isinstance(kind["items"], list):
            found[here] = {branch["fields"][0]["type"]["symbols"][0]: branch["name"] for branch in kind["items"]}
    return found


def _ints(schema: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each plain `int`, also in each record of a list. In a union fastavro checks it."""
    for field in schema["fields"]:
        here = (*path, field["name"])
        kind = field["type"]
        if isinstance(kind, dict) and kind["type"] == "array" and isinstance(kind["items"], dict):
            kind = kind["items"]
        if kind == "int":
            yield here
        elif isinstance(kind, dict) and kind["type"] == "record":
            yield from _ints(kind, here)


def _writers(present: Mapping[str, dict[str, Any]]) -> dict[str, Writer]:
    writers = {}
    for name, source in present.items():
        parsed: Any = parse_schema(source)
        unions = _unions(parsed)
        branches = {kind: branch for each in unions.values() for kind, branch in each.items()}
        writers[name] = Writer(name, header_of(source), parsed, tuple(unions), branches, tuple(_ints(parsed)))
    return writers


def _readers(writers: Mapping[str, Writer]) -> dict[bytes, Reader]:
    readers = {
        header_of(source): Reader(name, parse_schema(source), writers[name].schema) for name, source in superseded()
    }
    return readers | {writer.header: Reader(writer.name, writer.schema, None) for writer in writers.values()}


WRITERS: Mapping[str, Writer] = _writers(sources())
READERS: Mapping[bytes, Reader] = _readers(WRITERS)
