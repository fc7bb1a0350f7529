"""SIGTERM ends every long-running verb with status 0, however early in its start it comes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

#: Runs the command line, and has the process send itself SIGTERM when an audit event first happens: what it has got to
#: by then is the same on every machine.
_PROGRAM = """
import os, signal, sys

event, about, *sys.argv = sys.argv[1:]

def hook(happened, arguments):
    global event
    if happened == event and (not about or arguments[0] == about):
        event = None
        os.write(2, b"signalled\\n")
        os.kill(os.getpid(), signal.SIGTERM)

sys.addaudithook(hook)
from services.cli import main
main()
"""

#: In the order of a start: before heavy imports, between imports, at the first connection to Kafka, and when the event
#: loop runs and has no handlers yet.
WORKER = [
    ("import", "services.cli.verbs"),
    ("import", "typer"),
    ("import", "services.settings"),
    ("import", "opentelemetry.sdk.trace"),
    ("import", "faust"),
    ("import", "streams.runtime.lane.lane"),
    ("socket.connect", ""),
    ("tempfile.mkdtemp", ""),
]
LANES = WORKER[-3:]
HTTP = [("import", "typer"), ("import", "uvicorn"), ("socket.bind", "")]


def cases(verb: tuple[str, ...], points: list[tuple[str, str]]) -> list[object]:
    return [pytest.param(verb, *point, id=f"{verb[0]} {point[1] or point[0]}") for point in points]


@pytest.mark.parametrize(
    ("verb", "event", "about"),
    [
        *cases(("worker",), WORKER),
        *cases(("connector", "999", "--agency-url", "http://127.0.0.1:1"), LANES),
        *cases(("notifier",), LANES),
        *cases(("gateway", "--open", "--port", "0"), HTTP),
        *cases(("agencies", "--folder", "agencies"), HTTP),
    ],
)
def test_a_stop_in_the_first_second_ends_with_status_0(
    environment: dict[str, str], tmp_path: Path, verb: tuple[str, ...], event: str, about: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, event, about, "confide", *verb],
        env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"signalled" in ended.stderr
    assert ended.returncode == 0, ended.stderr
    # It was not open yet: that it says so first would be another stop.
    assert ended.stdout == b""
