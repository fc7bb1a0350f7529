"""Ids of parametrised tests that a person can read, for values that pytest would name by their position alone."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any


def readable_id(value: Any) -> str | None:
    """Return an id for one value, such as `age=15` for a mapping; None for a value whose own name is readable."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "unknown"
        case str():
            return str(value)
        case bytes():
            return f"{len(value)} bytes"
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return str(value)
        case Mapping():
            return ",".join(_fact(name, each) for name, each in value.items()) or "nothing"
        case list() | tuple() | set() | frozenset():
            return "+".join(readable_id(each) or str(each) for each in value) or "nothing"
        case _:
            return None


def _fact(name: str, value: Any) -> str:
    words = readable_id(value) or str(value)
    return f"{name}({words})" if isinstance(value, Mapping) else f"{name}={words}"
