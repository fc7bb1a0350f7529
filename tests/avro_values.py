"""Strategies for all values of an Avro schema."""

from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "string": TEXT,
    "bytes": st.binary(max_size=12),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "double": st.floats(allow_nan=False),
}
LOGICAL: dict[str, st.SearchStrategy[Any]] = {
    "timestamp-micros": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    "date": st.dates(date(1900, 1, 1), date(2200, 1, 1)),
}


def fields_of(kind: Any, named: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Return a strategy for all values of an Avro schema."""
    if isinstance(kind, list):
        return st.one_of([fields_of(branch, named) for branch in kind])
    if isinstance(kind, str):
        return named[kind] if kind in named else SCALARS[kind]
    if "logicalType" in kind:
        return LOGICAL[kind["logicalType"]]
    match kind["type"]:
        case "array":
            return st.lists(fields_of(kind["items"], named), max_size=3)
        case "map":
            return st.dictionaries(TEXT, fields_of(kind["values"], named), max_size=3)
        case "enum":
            made: st.SearchStrategy[Any] = st.sampled_from(kind["symbols"])
        case _:
            made = st.fixed_dictionaries({field["name"]: fields_of(field["type"], named) for field in kind["fields"]})
    named[kind["name"]] = made
    return made
