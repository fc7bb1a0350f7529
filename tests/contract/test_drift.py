"""The Avro schemas and the pydantic models have the same fields, types and defaults, in every nested record too."""

import re
import types
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import AwareDatetime, BaseModel

from schemas import avro_registry
from schemas.concerns import CONCERN_MODELS
from schemas.vocabulary import ConcernKind
from tests.contract.examples import MODELS

AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PRIMITIVES: dict[Any, Any] = {
    bool: "boolean",
    int: "int",
    float: "double",
    str: "string",
    bytes: "bytes",
    type(None): "null",
    AwareDatetime: {"type": "long", "logicalType": "timestamp-micros"},
    datetime: {"type": "long", "logicalType": "timestamp-micros"},
    date: {"type": "int", "logicalType": "date"},
}


def wire_form_of_model(kind: Any) -> Any:
    """Return the wire form of a field's type, without the order of a union's branches and the names of literals."""
    while get_origin(kind) is Annotated:
        if "long" in get_args(kind):
            return "long"
        kind = get_args(kind)[0]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        branches = [wire_form_of_model(branch) for branch in arguments]
        flat = [inner for branch in branches for inner in (branch["union"] if is_union(branch) else [branch])]
        # int and double in one union become double: degrees may be whole numbers in JSON.
        return union([branch for branch in flat if not (branch == "int" and "double" in flat)])
    if origin is tuple:
        return {"array": wire_form_of_model(arguments[0])}
    if origin is dict:
        return {"map": wire_form_of_model(arguments[1])}
    if origin is Literal:
        return {"symbols": [getattr(value, "value", value) for value in arguments]}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {
            "record": kind.__name__,
            "fields": {
                name: (
                    "long" if "long" in field.metadata else wire_form_of_model(field.annotation),
                    "required" if field.is_required() else ("default", as_json(field.default)),
                )
                for name, field in kind.model_fields.items()
            },
        }
    if isinstance(kind, type) and issubclass(kind, Enum):
        symbols = [member.value for member in kind]
        return {"symbols": symbols} if all(AVRO_NAME.fullmatch(symbol) for symbol in symbols) else "string"
    return PRIMITIVES[kind]


def wire_form_of_schema(kind: Any, named: dict[str, Any]) -> Any:
    if isinstance(kind, list):
        return union([wire_form_of_schema(branch, named) for branch in kind])
    if isinstance(kind, str):
        return named.get(kind, kind)
    match kind["type"]:
        case "array":
            return {"array": wire_form_of_schema(kind["items"], named)}
        case "map":
            return {"map": wire_form_of_schema(kind["values"], named)}
        case "enum":
            form: Any = {"symbols": kind["symbols"]}
        case "record":
            form = {
                "record": kind["name"],
                "fields": {
                    field["name"]: (
                        wire_form_of_schema(field["type"], named),
                        ("default", field["default"]) if "default" in field else "required",
                    )
                    for field in kind["fields"]
                },
            }
        case _:
            return {key: value for key, value in kind.items() if key != "doc"}
    named[kind["name"]] = form
    return form


def union(branches: list[Any]) -> dict[str, Any]:
    return {"union": sorted(branches, key=repr)}


def is_union(form: Any) -> bool:
    return isinstance(form, dict) and "union" in form


def as_json(value: Any) -> Any:
    """Return a default of pydantic as an Avro schema has it."""
    if isinstance(value, BaseModel):
        return {name: as_json(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [as_json(item) for item in value]
    return value


def all_records(kind: Any) -> list[dict[str, Any]]:
    if isinstance(kind, list):
        return [found for branch in kind for found in all_records(branch)]
    if not isinstance(kind, dict):
        return []
    if kind["type"] == "record":
        return [kind, *(found for field in kind["fields"] for found in all_records(field["type"]))]
    return all_records(kind.get("items", kind.get("values")))


def test_every_record_of_the_contract_has_a_model_and_a_schema() -> None:
    assert set(avro_registry.RECORDS) == set(MODELS)


def test_every_kind_of_concern_has_the_model_that_takes_it() -> None:
    taken = {kind: get_args(model.model_fields["kind"].annotation) for kind, model in CONCERN_MODELS.items()}
    assert taken == {kind: (kind,) for kind in ConcernKind}


@pytest.mark.parametrize("name", avro_registry.RECORDS)
def test_a_schema_has_the_wire_form_of_its_model(name: str) -> None:
    source = avro_registry.sources()[name]
    assert wire_form_of_schema(source, {}) == wire_form_of_model(MODELS[name])


@pytest.mark.parametrize("name", avro_registry.RECORDS)
def test_a_default_is_of_the_first_branch_of_its_union(name: str) -> None:
    """Avro reads a default as a value of the union's first branch."""
    for record in all_records(avro_registry.sources()[name]):
        for field in record["fields"]:
            if "default" in field and isinstance(field["type"], list):
                assert (field["default"] is None) == (field["type"][0] == "null"), (record["name"], field["name"])


def test_a_type_of_one_name_is_the_same_in_every_file() -> None:
    seen: dict[str, Any] = {}
    for source in avro_registry.sources().values():
        named: dict[str, Any] = {}
        wire_form_of_schema(source, named)
        for name, form in named.items():
            assert seen.setdefault(name, form) == form, name
    assert {"SealedSection", "Concern", "Suicide", "Role"} & seen.keys() == {"SealedSection", "Suicide", "Role"}


def test_no_record_is_empty_so_that_no_list_can_claim_more_entries_than_it_has_bytes() -> None:
    for source in avro_registry.sources().values():
        assert all(record["fields"] for record in all_records(source))


def test_a_string_in_place_of_an_enum_has_the_reason_in_its_doc() -> None:
    texts = {
        field["name"]: field.get("doc", "")
        for source in avro_registry.sources().values()
        for record in all_records(source)
        for field in record["fields"]
        if field["name"] in {"agency", "age_band"}
    }
    assert texts.keys() == {"agency", "age_band"}
    assert all("no Avro name" in doc for doc in texts.values())
