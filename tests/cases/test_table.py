"""The table of the cases fits: every test that it names is there, and every input has its case and its named test."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.cases.table import CASES, INPUTS, Case

ROOT = Path(__file__).parents[2]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = (part for part in ast.walk(tree) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(part.name for part in found)


@every_case
def test_a_case_has_its_tests_and_its_family(case: Case) -> None:
    assert case.tests
    assert case.family
    for node in (*case.tests, *case.family):
        path, _, name = node.partition("::")
        assert name in names_in(path), node


@every_case
def test_a_test_of_a_case_with_an_input_has_its_name(case: Case) -> None:
    if list(INPUTS.glob(f"{case.name}-*")):
        assert case.tests[0].rpartition("::")[2].startswith(f"test_{case.name.lower()}_")


def test_every_input_is_that_of_one_case() -> None:
    names = [path.name.partition("-")[0] for path in INPUTS.iterdir()]
    assert len(set(names)) == len(names)
    assert set(names) <= {case.name for case in CASES}


def test_no_case_is_there_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
