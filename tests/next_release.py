"""The release after this one: the same code with one optional field more in a disclosure.

The field is `tags` of the contract. A disclosure with it may ask a person a question, so it may change a decision.
"""

import json
import shutil
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_writer

from schemas.avro_registry import header_of, sources

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "streams", "services", "infra")
TAGS: Mapping[str, Any] = {"name": "tags", "type": {"type": "array", "items": "string"}, "default": []}
_LAST_FIELD = "    summary: Text | None = None\n"


def newer_schema(field: Mapping[str, Any] = TAGS, place: int | None = None) -> dict[str, Any]:
    """Return the Avro schema of a disclosure with this field more, at a place among the others, by default the last."""
    newer = sources()["Disclosure"]
    newer["fields"].insert(len(newer["fields"]) if place is None else place, dict(field))
    return newer


def written_by(schema: dict[str, Any], fields: Mapping[str, Any]) -> bytes:
    """Return the value that a writer of this schema makes of the fields."""
    stream = BytesIO()
    schemaless_writer(stream, parse_schema(schema), dict(fields))
    return header_of(schema) + stream.getvalue()


def next_release(folder: Path) -> Mapping[str, str]:
    """Make the next release in a folder; return the environment variables with which a process runs it."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    avro = folder / "schemas" / "avro"
    older = len(list((avro / "old").glob("Disclosure-*.avsc")))
    shutil.move(avro / "Disclosure.avsc", avro / "old" / f"Disclosure-{older + 1}.avsc")
    (avro / "Disclosure.avsc").write_text(json.dumps(newer_schema()), encoding="utf-8")
    model = folder / "schemas" / "disclosure.py"
    text = model.read_text(encoding="utf-8")
    assert text.count(_LAST_FIELD) == 1
    model.write_text(text.replace(_LAST_FIELD, f"{_LAST_FIELD}    tags: tuple[str, ...] = ()\n"), encoding="utf-8")
    # The folder in which a process starts must not come before the release.
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
