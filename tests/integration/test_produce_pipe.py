"""`confide produce -` from a pipe that stays open: each line is sent as it comes, and an outage is told at once."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.codec import decode
from schemas.topics import SERVICE_OF, URGENT
from tests.disclosures import id_of, raw
from tests.processes import CONFIDE
from tests.tails import Tail

pytestmark = pytest.mark.integration
#: How soon a line must be in Kafka (seconds).
_SOON = 2.0
Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `confide produce -` with a pipe."""
    # A process inherits that Ctrl-C is ignored, as it is for a test run in the background.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    started: list[subprocess.Popen[bytes]] = []

    def at(bootstrap: str) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "KAFKA_BOOTSTRAP": bootstrap}
        piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([*CONFIDE, "produce", "-"], env=environment, **piped))  # type: ignore[call-overload]
        return started[-1]

    yield at
    for each in started:
        each.kill()
        each.communicate()
    signal.signal(signal.SIGINT, handler)


def give(produce: "subprocess.Popen[bytes]", line: bytes) -> float:
    """Write a line to the pipe; return when."""
    assert produce.stdin is not None
    produce.stdin.write(line + b"\n")
    produce.stdin.flush()
    return time.monotonic()


def test_each_line_is_sent_as_it_comes(start: Start, bootstrap: str) -> None:
    with Tail(bootstrap, *SERVICE_OF) as tail:
        produce = start(bootstrap)
        # It starts and connects.
        give(produce, raw("pipe-0"))
        assert len(tail.take(1, seconds=30)) == 1
        for number in range(1, 4):
            begun = give(produce, raw(f"pipe-{number}"))
            (record,) = tail.take(1, seconds=_SOON)
            assert time.monotonic() - begun < _SOON
            assert decode(record.value, "Disclosure")[1]["disclosure_id"] == id_of(f"pipe-{number}")
        assert produce.poll() is None
        out, _ = produce.communicate()
    assert out == b"4 acknowledged, 0 rejected\n"


def test_a_damaged_first_line_is_kept_at_once(start: Start, bootstrap: str) -> None:
    with Tail(bootstrap, *URGENT & SERVICE_OF.keys()) as tail:
        produce = start(bootstrap)
        give(produce, b"a line that is damaged")
        (record,) = tail.take(1, seconds=30)
        assert record.value == b"a line that is damaged"
        give(produce, raw("after-it"))
        assert len(tail.take(1, seconds=_SOON)) == 1
        out, errors = produce.communicate()
    assert out == b"1 acknowledged, 1 rejected\n"
    assert errors == b"line 1: is not JSON\n"


@pytest.mark.faults
def test_an_outage_is_told_although_no_line_comes(start: Start, own_broker: Callable[[], LocalBroker]) -> None:
    broker = own_broker()
    apply(broker.bootstrap, 1)
    produce = start(broker.bootstrap)
    with Tail(broker.bootstrap, *SERVICE_OF) as tail:
        give(produce, raw("before"))
        assert len(tail.take(1, seconds=30)) == 1
    broker.kill()
    give(produce, raw("during"))
    # The pipe stays open. Its writer hears of it by the end of its reader.
    assert produce.wait(timeout=30) == 2
    assert produce.stderr is not None
    assert b"what was not acknowledged may be sent again" in produce.stderr.read().splitlines()[-1]


def test_it_ends_with_ctrl_c(start: Start, bootstrap: str) -> None:
    with Tail(bootstrap, *SERVICE_OF) as tail:
        produce = start(bootstrap)
        give(produce, raw("interrupted"))
        assert len(tail.take(1, seconds=30)) == 1
    produce.send_signal(signal.SIGINT)
    assert produce.wait(timeout=20) != 0
