"""`confide --help` lists every verb without importing one, and in the words of the verb's own help."""

import subprocess
import sys

import pytest

from services.cli.verbs import SUMMARIES, load

#: Runs `confide --help` and prints the modules of verbs and the heavy packages that it imported.
PROGRAM = f"""
import sys
from services.cli import main
sys.argv = ["confide", "--help"]
try:
    main()
finally:
    slow = {{f"services.cli.{{name}}" for name in {tuple(SUMMARIES)}}} | {{"faust", "kafka", "aiokafka", "fastapi"}}
    print(sorted(sys.modules.keys() & slow), file=sys.stderr)
"""


@pytest.mark.parametrize("name", SUMMARIES)
def test_the_summary_is_the_first_paragraph_of_the_verbs_own_help(name: str) -> None:
    assert load(name).help.split("\n\n")[0].replace("\n", " ") == SUMMARIES[name]


def test_the_help_imports_no_verb() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert all(name in done.stdout for name in SUMMARIES)
