"""The mutation table fits the code: every edit has its one place, and every test it names is there."""

import ast
from collections import Counter

import pytest

from tests.mutation.row import ROOT, Row, edited
from tests.mutation.table import ROWS

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)


@every_row
def test_each_edit_has_its_one_place_and_leaves_python(row: Row) -> None:
    text = edited(row)
    assert text != (ROOT / row.file).read_text(encoding="utf-8")
    compile(text, row.file, "exec")


@every_row
def test_each_test_that_is_named_is_there(row: Row) -> None:
    assert row.tests
    for node in row.tests:
        path, _, name = node.partition("::")
        names = {
            part.name
            for part in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
            if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name.partition("[")[0] in names, node


def test_no_rule_is_named_twice() -> None:
    assert [rule for rule, many in Counter(row.rule for row in ROWS).items() if many > 1] == []
