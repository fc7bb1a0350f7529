"""Every value of a TOML file is found, with its line."""

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas.policy
from schemas.policy.lines import TomlPath, line_at, lines_of

TEXT = """\
# a comment with "quotes" and [brackets]
one = 1 # and = another
"two words" = "a # no comment"
a.b = 'c:\\d'   # literal

many = [ # of a list
  "x", # ] not the end
  ["y", { z = 1, 'w' = [2,
    3] }],
  1979-05-27 07:32:00Z, -1.5e3,
]
long = \"\"\"
[not.a.table]
key = "no key" \\\"\"\" \"\"\"
raw = '''
it's [[nothing]]'''
empty = []
none = {}
[table]
key = true
[ table . "in.ner" ]
key = 1
[[list]]
key = 1
[[list]]
key = 2
[list.deep]
key = 3
[[list.of]]
key = 4
[[list.of]]
key = 5
"""
EXPECTED: dict[TomlPath, int] = {
    ("one",): 2,
    ("two words",): 3,
    ("a",): 4,
    ("a", "b"): 4,
    ("many",): 6,
    ("many", 0): 7,
    ("many", 1): 8,
    ("many", 1, 0): 8,
    ("many", 1, 1): 8,
    ("many", 1, 1, "z"): 8,
    ("many", 1, 1, "w"): 8,
    ("many", 1, 1, "w", 0): 8,
    ("many", 1, 1, "w", 1): 9,
    ("many", 2): 10,
    ("many", 3): 10,
    ("long",): 12,
    ("raw",): 15,
    ("empty",): 17,
    ("none",): 18,
    ("table",): 19,
    ("table", "key"): 20,
    ("table", "in.ner"): 21,
    ("table", "in.ner", "key"): 22,
    ("list",): 23,
    ("list", 0): 23,
    ("list", 0, "key"): 24,
    ("list", 1): 25,
    ("list", 1, "key"): 26,
    ("list", 1, "deep"): 27,
    ("list", 1, "deep", "key"): 28,
    ("list", 1, "of"): 29,
    ("list", 1, "of", 0): 29,
    ("list", 1, "of", 0, "key"): 30,
    ("list", 1, "of", 1): 31,
    ("list", 1, "of", 1, "key"): 32,
}


def test_each_form_of_toml() -> None:
    assert lines_of(TEXT) == EXPECTED


def paths(value: Any, path: TomlPath = ()) -> Iterator[TomlPath]:
    """Yield the path of every value that the standard library read."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from paths(each, (*path, key))


OWN = [path.read_text("utf-8") for path in Path(schemas.policy.__file__).parent.rglob("*.toml")]


@pytest.mark.parametrize("text", [TEXT, *OWN])
def test_nothing_that_is_read_is_without_its_line(text: str) -> None:
    assert set(paths(tomllib.loads(text))) == set(lines_of(text))


KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", '"]"'])
SCALARS = st.one_of(
    st.integers().map(str),
    st.booleans().map(lambda each: str(each).lower()),
    st.text(alphabet="az#[]{},=' \t").map(lambda each: f'"{each}"'),
    st.text(alphabet='az#[]{},=" ').map(lambda each: f"'{each}'"),
    st.text(alphabet="az#[]{},='\n").map(lambda each: f'"""{each}"""'),
    st.dates(min_value=date(1000, 1, 1)).map(date.isoformat),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(lambda each: "[" + ", # ]\n".join(each) + "\n]"),
    max_leaves=6,
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=5, unique_by=lambda each: each[0]))
def test_every_well_formed_text(entries: list[tuple[str, str]]) -> None:
    text = "".join(f"{key} = {value} # end\n" for key, value in entries)
    read = tomllib.loads(text)

    found = lines_of(text)

    assert set(found) == set(paths(read))
    line = 1
    for (_, value), key in zip(entries, read, strict=True):
        assert found[key,] == line
        line += value.count("\n") + 1


def test_a_missing_key_has_the_line_of_its_table() -> None:
    assert line_at(EXPECTED, ("list", 1, "key", "further", 0)) == 26
    assert line_at(EXPECTED, ("list", 1, "missing")) == 25
    assert line_at(EXPECTED, ("missing",)) is None
