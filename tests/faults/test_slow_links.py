"""Slow links between brokers, and between workers and brokers: each record is counted once, urgent ones first."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.broker import LocalCluster, NodeLocation
from infra.broker.probe import free_port
from tests.committed import assert_exactly_once
from tests.counting import Run
from tests.faults.clusters import ending
from tests.faults.supervised import Supervisor
from tests.made_records import words

pytestmark = [pytest.mark.faults, pytest.mark.long]

#: Delay in each direction, as between continents (seconds), and the bandwidth of a phone (bytes per second).
_DELAY = 0.05
_RATE = 512 * 1024
#: Time that a lane needs for a routine record (seconds): the backlog lasts as long as the urgent records take.
_RECORD_SECONDS = 0.0005
_ROUTINE = 6_000
_URGENT = 100
#: Limit for urgent records (seconds). A transaction needs about ten round trips to brokers, of two delays each, and the
#: urgent records of a lane need two or three transactions.
_URGENT_SECONDS = 8.0


@contextmanager
def slow_links(links: Sequence[tuple[int, int]]) -> Iterator[None]:
    """Relay the first port of each pair to the second, with delay and limited bandwidth."""
    command = [sys.executable, "-m", "tests.slow_links", str(_DELAY), str(_RATE), *(f"{a}:{b}" for a, b in links)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as relay:
        try:
            assert relay.stdout is not None
            assert relay.stdout.readline() == b"ready\n"
            yield
        finally:
            relay.kill()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """Three brokers that clients and other brokers reach through slow links only."""
    ports: list[int] = []
    for _ in range(6):
        ports.append(free_port(ports))
    links = list(zip(ports[:3], ports[3:], strict=True))
    locations = [NodeLocation(port=port, advertised=f"127.0.0.1:{slow}") for slow, port in links]
    with slow_links(links), LocalCluster(tmp_path / "cluster", locations) as running:
        yield running


async def test_all_comes_through_slow_links_once_and_urgent_work_before_a_backlog(
    cluster: LocalCluster, tmp_path: Path, chosen: Callable[[object], None]
) -> None:
    with ending(Run(cluster.bootstrap, tmp_path, 4, _RECORD_SECONDS, replication=3)) as run:
        routine, urgent = words(_ROUTINE, keys=3_000), words(_URGENT, start=_ROUTINE, prefix="urgent")
        supervisor = Supervisor(run, 2, named=True)
        async with run.reading(run.output) as out:
            await run.write(run.routine, routine)
            await out.until(lambda found: len(found) > 0, 60)
            awaited = {(value or b"").decode() for _, value, _ in urgent}
            begun = time.monotonic()
            await run.write(run.urgent, urgent)
            await out.until(lambda _: awaited <= {one.word for one in out.counted}, 60)
            took, before = time.monotonic() - begun, len(out.records) - _URGENT
            chosen(f"urgent after {took:.1f} s, behind {before} of {_ROUTINE} routine records")
            assert before < _ROUTINE / 2, "urgent records passed the backlog"
            assert took < _URGENT_SECONDS
            await out.at_least(len(routine) + len(urgent), 120)
            assert_exactly_once(out.counted, [*routine, *urgent])
            # No timeout ended a worker.
            assert supervisor.statuses == []
        await supervisor.stop()
