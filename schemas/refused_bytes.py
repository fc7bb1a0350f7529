"""What can be read of bytes that are no disclosure: their JSON fields, and the id that they name."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.errors import Invalid
from schemas.fields import DisclosureId
from schemas.json_reader import read_json

_ID: TypeAdapter[str] = TypeAdapter(DisclosureId)


def json_fields(raw: bytes) -> dict[str, Any]:
    """Return the fields of the JSON object in the bytes; none if they are no object, or name a field twice."""
    try:
        fields = read_json(raw)
    except Invalid:
        return {}
    return fields if isinstance(fields, dict) else {}


def id_in(fields: Mapping[str, Any]) -> str | None:
    """Return the `disclosure_id` in the fields as the models read it; None if it is none."""
    try:
        return _ID.validate_python(fields.get("disclosure_id"))
    except ValidationError:
        return None


def fields_given_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields of a JSON object; raise `ValueError` if a name is given twice (for `json.loads`)."""
    # Of two equal names the first may have been the risk.
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name is given twice")
    return fields
