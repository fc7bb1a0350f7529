"""The gateway's published JSON Schema: its verdict on a line, and lines that it allows.

`jsonschema` reads the document alone, so its verdict shares no code with the validator's.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from schemas.disclosure import parse_json
from schemas.errors import Invalid
from services.gateway import create_app
from services.gateway.door import OpenDoor

#: What JSON Schema cannot say, by the reason with which the validator refuses what the document allows.
CANNOT_SAY = {
    "is given twice": "JSON Schema sees a value, in which each name is there once",
    "is larger than 262144 bytes": "it counts characters, not the bytes of the record",
    "is not a time in ISO 8601, such as 2026-02-03T21:04:11Z": "a pattern knows neither short months nor leap seconds",
    "is not a date in ISO 8601, such as 2009-02-28": "the same",
}

Strategy = st.SearchStrategy[Any]


class NotOneValue(Exception):
    """The line is not JSON as every reader reads it, so that the document says nothing of it."""


def _matches(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    # ECMA 262, whose syntax JSON Schema has: `$` is the end alone. Python's also matches before a last line break.
    if isinstance(value, str) and re.search(pattern.removesuffix("$") + r"\Z", value) is None:
        yield ValidationError("does not match")


class Published:
    """The published document and what it allows as a disclosure."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = create_app(_Nothing(), OpenDoor()).openapi()
        body = self.document["paths"]["/v1/disclosures"]["post"]["requestBody"]["content"]["application/json"]
        self._schema = {**body["schema"], "components": self.document["components"]}
        Draft202012Validator.check_schema(self._schema)
        self._validator = extend(Draft202012Validator, {"pattern": _matches})(self._schema)

    def allows(self, line: bytes) -> bool:
        """Return whether the document allows the line; raise `NotOneValue` if it says nothing of it."""
        return bool(self._validator.is_valid(_value_of(line)))

    def lines(self) -> Strategy:
        """Return a strategy for lines that the document allows."""
        return self._values(self._schema).map(lambda value: json.dumps(value).encode())

    def named(self, reference: str) -> dict[str, Any]:
        """Return the schema that a `$ref` names."""
        found: dict[str, Any] = self.document["components"]["schemas"][reference.rpartition("/")[2]]
        return found

    def _values(self, schema: dict[str, Any]) -> Strategy:
        if "$ref" in schema:
            return self._values(self.named(schema["$ref"]))
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        if schema.get("type") == "object":
            return self._objects(schema)
        for branches in ("anyOf", "oneOf"):
            if branches in schema:
                return st.one_of([self._values(branch) for branch in schema[branches]])
        if isinstance(schema["type"], list):
            return st.one_of([self._values({**schema, "type": kind}) for kind in schema["type"]])
        return self._of_type(schema)

    def _objects(self, schema: dict[str, Any]) -> Strategy:
        parts = {name: self._values(part) for name, part in schema["properties"].items()}
        required = schema.get("required", ())
        made = st.fixed_dictionaries(
            {name: parts[name] for name in required},
            optional={name: part for name, part in parts.items() if name not in required},
        )
        if "anyOf" not in schema:
            return made
        named = [each["required"] for each in schema["anyOf"]]
        return made.filter(
            lambda value: any(all(isinstance(value.get(name), str) and value[name] for name in each) for each in named)
        )

    def _of_type(self, schema: dict[str, Any]) -> Strategy:
        match schema["type"]:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                whole = st.integers(schema.get("minimum"), schema.get("maximum"))
                return whole | st.integers(-(2**60), 2**60).map(float)
            case "number":
                return st.floats(allow_nan=False, allow_infinity=False) | st.integers()
            case "array":
                most = min(schema["maxItems"], 4)
                return st.lists(self._values(schema["items"]), min_size=schema.get("minItems", 0), max_size=most)
            case _:
                return _texts(schema)


class _Nothing:
    """Takes the place of Kafka at a gateway that is asked for its document alone."""

    publish: Callable[..., Any]
    reject: Callable[..., Any]
    ready: Callable[[], bool]


def _texts(schema: dict[str, Any]) -> Strategy:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
    if "pattern" not in schema or "maxLength" in schema:
        blocked = "\ufffd" if "pattern" in schema else ""
        text = st.characters(exclude_categories=["Cs"], exclude_characters=blocked)
        return st.text(text, min_size=least, max_size=min(most, 40))
    return st.from_regex(schema["pattern"].removeprefix("^").removesuffix("$"), fullmatch=True)


def _value_of(line: bytes) -> Any:
    try:
        return json.loads(line.decode(), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NotOneValue from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise NotOneValue
    return dict(pairs)


def _refuse(_: str) -> None:
    raise NotOneValue


@cache
def published() -> Published:
    """Return the document, read once."""
    return Published()


def problems_of(line: bytes | str) -> tuple[str, ...]:
    """Return the validator's problems with a line, none for one that it accepts."""
    try:
        parse_json(line)
    except Invalid as invalid:
        return tuple(map(str, invalid.problems))
    return ()


def disagreement(line: bytes, problems: tuple[str, ...]) -> str | None:
    """Return how the document and the validator disagree about a line; None if they agree.

    `problems` are the validator's, none for a line that it accepts. The document must refuse nothing that is accepted,
    and allow nothing that is refused for another reason than those of `CANNOT_SAY`.
    """
    try:
        allowed = published().allows(line)
    except NotOneValue:
        return None
    if not problems:
        return None if allowed else "the document refuses what is accepted"
    unsaid = [problem for problem in problems if problem.partition(": ")[2] not in CANNOT_SAY]
    return f"the document allows what is refused: {'; '.join(unsaid)}" if allowed and unsaid else None
