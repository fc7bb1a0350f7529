"""Modules and tests that a page names are there, and the theory page has every rule of the runtime."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.mutation.table import ROWS

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "streams" / "runtime"
THEORY = RUNTIME / "THEORY.md"
PAGES = (THEORY, ROOT / ".github" / "CONTRIBUTING.md", *sorted((ROOT / "infra" / "decisions").glob("*.md")))
#: A path, or below `tests` the name of a file alone, as the decision records have it.
FILE = re.compile(r"`([\w./-]+\.(?:py|toml|md|avsc|jsonl|sha256|yml))`")
NODE = re.compile(r"`((?:[\w/]+/)?test_\w+\.py)::(test_\w+)")
#: One row of a table of rules: rule, why, module, tests.
RULE = re.compile(r"^\| .+ \| .+ \| `([\w/]+\.py)` \| (`tests/.+`) \|$", re.MULTILINE)
#: Places in steps for contributors that a new file is put in.
NEW = re.compile(r"NNNN|NAME")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@cache
def files_of(name: str) -> tuple[Path, ...]:
    """Return the files that a page may mean: from the root, the runtime or the records, or a test by its name."""
    found = [place / name for place in (ROOT, RUNTIME, ROOT / "infra" / "decisions")]
    if "/" not in name and name.startswith("test_"):
        found += (ROOT / "tests").rglob(name)
    return tuple(path for path in found if path.is_file())


@cache
def names_of_tests(path: Path) -> frozenset[str]:
    """Return the names of a file's tests."""
    parts = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(part.name for part in parts if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))


def rules() -> list[tuple[str, frozenset[str]]]:
    """Return the module and the tests of each rule of the theory page, tests as node ids without parameters."""
    text = THEORY.read_text(encoding="utf-8")
    return [
        (f"streams/runtime/{module}", frozenset(f"{path}::{name}" for path, name in NODE.findall(tests)))
        for module, tests in RULE.findall(text)
    ]


def without_parameters(tests: tuple[str, ...]) -> set[str]:
    return {node.partition("[")[0] for node in tests}


@every_page
def test_each_file_that_is_named_is_there(page: Path) -> None:
    named = {name for name in FILE.findall(page.read_text(encoding="utf-8")) if not NEW.search(name)}
    assert [name for name in sorted(named) if not files_of(name)] == []


@every_page
def test_each_test_that_is_named_is_there(page: Path) -> None:
    missing = [
        f"{name}::{test}"
        for name, test in NODE.findall(page.read_text(encoding="utf-8"))
        if not any(test in names_of_tests(path) for path in files_of(name))
    ]
    assert missing == []


def test_every_rule_of_the_runtime_is_on_the_theory_page_with_its_module() -> None:
    listed = rules()
    assert len(listed) > 100
    missing = [
        f"{row.rule} ({row.file})"
        for row in ROWS
        if row.file.startswith("streams/runtime/")
        and not any(row.file == module and tests & without_parameters(tuple(row.tests)) for module, tests in listed)
    ]
    assert missing == []
