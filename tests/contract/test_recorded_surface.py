"""No change reaches the surface unseen: help texts, topics, Avro fingerprints, names of spans, attributes and metrics.

A failure prints each entry that differs. If the change is wanted: `python -m tests.contract.surface` records it.
"""

from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

import pytest

from tests.contract.surface import SURFACE, recorded


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a few lines for each entry that was added, removed or changed."""
    found = [f"removed: {name}" for name in before if name not in now]
    found += [f"added: {name}" for name in now if name not in before]
    for name in before:
        if name in now and before[name] != now[name]:
            lines = unified_diff(_lines(before[name]), _lines(now[name]), "recorded", "now", lineterm="", n=0)
            found += [f"changed: {name}", *(f"    {line}" for line in lines)]
    return found


def _lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines()
    if isinstance(value, Mapping):
        return [line for key, inner in value.items() for line in (f"{key}: {part}" for part in _lines(inner))]
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("name", SURFACE)
def test_the_surface_is_as_recorded(name: str) -> None:
    found = differences(recorded(name), SURFACE[name]())
    assert not found, f"{name} differs from tests/data/recorded/{name}.json:\n" + "\n".join(found)


def test_verbs_and_topics_keep_their_order() -> None:
    for name in ("help", "topics"):
        assert list(SURFACE[name]()) == list(recorded(name)), name


def test_a_difference_is_named() -> None:
    before = {"same": "a", "gone": "b", "text": "one\ntwo", "topic": {"partitions": 1, "config": {"retention.ms": "5"}}}
    now = {"same": "a", "new": "c", "text": "one\nthree", "topic": {"partitions": 1, "config": {"retention.ms": "6"}}}
    assert differences(before, now) == [
        "removed: gone",
        "added: new",
        "changed: text",
        "    --- recorded",
        "    +++ now",
        "    @@ -2 +2 @@",
        "    -two",
        "    +three",
        "changed: topic",
        "    --- recorded",
        "    +++ now",
        "    @@ -2 +2 @@",
        "    -config: retention.ms: 5",
        "    +config: retention.ms: 6",
    ]
