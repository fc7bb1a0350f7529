"""Every clause of the policy has a test that holds it, and that names it."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from schemas.policy import ClauseId

pytestmark = pytest.mark.long

_UNIT = Path(__file__).parent
#: The tests that hold clauses: of rulings, routes, identities, reviews and notices.
_FILES = (
    "test_policy_clauses",
    "test_policy_outcomes",
    "test_policy_records",
    "test_policy_reviews",
    "test_policy_words",
    "test_routing",
)
_AGENTS = ("test_identity_agent", "test_decide_reviews_refused", "test_notices", "test_notice_words")


@cache
def _names() -> tuple[str, ...]:
    """Return the names of these tests, each with the id of its parameters."""
    files = [str(_UNIT / f"{name}.py") for name in (*_FILES, *_AGENTS)]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=_UNIT.parents[1], capture_output=True, text=True, check=True)
    return tuple(line.partition("::")[2] for line in done.stdout.splitlines() if "::" in line)


@pytest.mark.parametrize("clause", ClauseId)
def test_a_test_that_holds_it_names(clause: ClauseId) -> None:
    function = clause.value.lower().replace("-", "_")
    named = re.compile(rf"test_{function}_|[\[-]{clause.value}(?![0-9])")

    assert any(named.search(name) for name in _names())
