"""The content of a record: what its fields say, in one form, whatever version of its schema wrote it.

A field that has its default says nothing, and is left out, whether its writer left it out, gave it, or did not know it
yet. So a digest of the content stays the same when a later version of the schema has more optional fields. Kept
digests are compared with new ones for KNOWN_DAYS: if this form changes, every repeat looks like other content.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from schemas.avro_registry import WRITERS

#: Returns the part of a value that is not default.
Part = Callable[[Any], Any]
#: Of each field of a record: its name, its default, and the part of its value; None: the value is one part.
Plan = Sequence[tuple[str, Any, Part | None]]

#: How times are decoded; Python's own form of them is long.
_TIMES: Mapping[str, Part] = {"timestamp-micros": datetime.isoformat, "date": date.isoformat}
#: Equal to no value: the default of a field that has none.
_REQUIRED = object()


def content_form(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    """Return the function that gives the content of the fields of a record, as they are decoded under this schema."""
    plan = _plan(schema)
    # Python's own form is written twice as fast as JSON. Escapes make it the same in every version of Unicode.
    return lambda fields: ascii(_said(plan, fields)).encode()


def _said(plan: Plan, fields: Mapping[str, Any]) -> dict[str, Any]:
    said = {}
    for name, default, part in plan:
        value = fields[name]
        # Most parts of a disclosure are their defaults as a whole, and are passed over in one comparison.
        if value != default:
            said[name] = value if part is None else part(value)
    return said


def _plan(schema: Mapping[str, Any]) -> Plan:
    # By name: the order of fields in a schema is no part of the content.
    fields = sorted(schema["fields"], key=lambda field: field["name"])
    return tuple((field["name"], _default(field), _part(field["type"])) for field in fields)


def _default(field: Mapping[str, Any]) -> Any:
    """Return the default of a field; of a part with fields of its own, with the defaults of those it leaves out."""
    default, kind = field.get("default", _REQUIRED), field["type"]
    if isinstance(default, dict) and isinstance(kind, dict) and kind["type"] == "record":
        return {inner["name"]: default.get(inner["name"], _default(inner)) for inner in kind["fields"]}
    return default


def _part(kind: Any) -> Part | None:
    """Return how values of a type are cut to what they say; None for a type without fields."""
    if isinstance(kind, list):
        return _part_of_union([each for each in kind if each != "null"])
    if not isinstance(kind, dict):
        return None
    if kind["type"] == "record":
        return partial(_said, _plan(kind))
    if kind.get("logicalType") in _TIMES:
        return _TIMES[kind["logicalType"]]
    if kind["type"] == "array" and (part := _part(kind["items"])) is not None:
        return lambda values: [part(value) for value in values]
    return None


def _part_of_union(kinds: Sequence[Any]) -> Part | None:
    if len(kinds) > 1 and all(isinstance(each, dict) and each["type"] == "record" for each in kinds):
        plans = {_kind_of(each): _plan(each) for each in kinds}
        return lambda value: _said(plans[value["kind"]], value)
    part = _part(kinds[0])
    return None if part is None else lambda value: None if value is None else part(value)


def _kind_of(branch: Mapping[str, Any]) -> str:
    symbol: str = branch["fields"][0]["type"]["symbols"][0]
    return symbol


#: The content of a disclosure.
disclosure_content = content_form(WRITERS["Disclosure"].schema)
