"""The content form of a record: the same bytes for the same facts, under every version of its schema.

A field with its default value is left out, whether its writer left it out, wrote the default, or had an older schema
without the field. So the digest of the content stays the same when a later schema gets more optional fields. ADMIT
compares stored digests with new ones for KNOWN_DAYS: if this form changes, every repeat looks like other content.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import Any

from schemas.avro_registry import WRITERS

#: Returns the part of a value that differs from the default.
Part = Callable[[Any], Any]
#: For each field of a record: its name, its default, and the function for its value; None: the whole value counts.
Plan = Sequence[tuple[str, Any, Part | None]]

#: Times and dates by their logical type, in ISO 8601: their `repr` in Python is longer.
_TIMES: Mapping[str, Part] = {"timestamp-micros": datetime.isoformat, "date": date.isoformat}
#: The default of a field without one: it equals no value.
_REQUIRED = object()


def content_form(schema: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bytes]:
    """Return the function from a record's decoded fields, under this schema, to their content form."""
    plan = _plan(schema)
    # Python's own notation is written twice as fast as JSON. With escapes it is the same in every version of Unicode.
    return lambda fields: ascii(_without_defaults(plan, fields)).encode()


def _without_defaults(plan: Plan, fields: Mapping[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, default, part in plan:
        value = fields[name]
        # Most parts of a disclosure equal their defaults: one comparison leaves out the whole part.
        if value != default:
            kept[name] = value if part is None else part(value)
    return kept


def _plan(schema: Mapping[str, Any]) -> Plan:
    # Sorted by name: the order of fields in a schema does not belong to the content.
    fields = sorted(schema["fields"], key=lambda field: field["name"])
    return tuple((field["name"], _default(field), _part(field["type"])) for field in fields)


def _default(field: Mapping[str, Any]) -> Any:
    """Return the default of a field. The default of a nested record gets the defaults of the fields that it omits."""
    default, kind = field.get("default", _REQUIRED), field["type"]
    if isinstance(default, dict) and isinstance(kind, dict) and kind["type"] == "record":
        return {inner["name"]: default.get(inner["name"], _default(inner)) for inner in kind["fields"]}
    return default


def _part(kind: Any) -> Part | None:
    """Return the function that removes defaults from values of a type; None for a type without fields."""
    if isinstance(kind, list):
        return _part_of_union([each for each in kind if each != "null"])
    if not isinstance(kind, dict):
        return None
    if kind["type"] == "record":
        return partial(_without_defaults, _plan(kind))
    if kind.get("logicalType") in _TIMES:
        return _TIMES[kind["logicalType"]]
    if kind["type"] == "array" and (part := _part(kind["items"])) is not None:
        return lambda values: [part(value) for value in values]
    return None


def _part_of_union(kinds: Sequence[Any]) -> Part | None:
    if len(kinds) > 1 and all(isinstance(each, dict) and each["type"] == "record" for each in kinds):
        plans = {_kind_of(each): _plan(each) for each in kinds}
        return lambda value: _without_defaults(plans[value["kind"]], value)
    part = _part(kinds[0])
    return None if part is None else lambda value: None if value is None else part(value)


def _kind_of(branch: Mapping[str, Any]) -> str:
    symbol: str = branch["fields"][0]["type"]["symbols"][0]
    return symbol


#: The content of a disclosure.
disclosure_content = content_form(WRITERS["Disclosure"].schema)
