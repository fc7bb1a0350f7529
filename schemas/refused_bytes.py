"""What can be read of bytes that are no disclosure: their JSON fields, their id, and whether they may be urgent."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from schemas.concerns import CONCERNS, Concerns
from schemas.disclosure import Disclosure, ReadableDisclosure, is_urgent
from schemas.errors import Invalid
from schemas.fields import DisclosureId
from schemas.json_reader import read_json

_ID: TypeAdapter[str] = TypeAdapter(DisclosureId)
_CONCERNS: TypeAdapter[Concerns] = TypeAdapter(Concerns)
#: The most fields that a concern has.
_MOST_FIELDS = max(len(model.model_fields) for model in CONCERNS)


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


def may_be_urgent(fields: Mapping[str, Any]) -> bool:
    """Return whether a disclosure that cannot be read may be an emergency, by the fields that can be read.

    It is routine only if its concerns can be read and rule out an immediate risk. A name that is no field may be a
    misspelt fact of the risk (`Concerns`, `immediate_danger` beside the concerns), so it counts as possibly urgent.
    """
    if not fields.keys() <= Disclosure.model_fields.keys():
        return True
    given = fields.get("concerns")
    if isinstance(given, list) and any(isinstance(each, dict) and len(each) > _MOST_FIELDS for each in given):
        # One of its names is no field, so it cannot be read. Thousands of errors would delay other requests.
        return True
    try:
        concerns = _CONCERNS.validate_python(given)
    except ValidationError:
        return True
    # Urgency depends on the concerns alone; the rest of the record could not be read.
    return is_urgent(cast("ReadableDisclosure", SimpleNamespace(concerns=concerns)))
