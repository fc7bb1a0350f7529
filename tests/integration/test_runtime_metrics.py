"""The metrics of a worker's lanes, as an exporter gets them."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.telemetry import Metric
from streams.runtime.lane.metrics import LaneMetrics
from tests.counting import Run, Worker
from tests.made_records import words

pytestmark = pytest.mark.integration


@pytest.fixture
def run(bootstrap: str, tmp_path: Path) -> Iterator[Run]:
    made = Run(bootstrap, tmp_path, partitions=2)
    yield made
    made.end()


def exported(folder: Path, worker: Worker) -> dict[tuple[str, int | None, str | None], dict[str, Any]]:
    """Return the last data point of each metric, lane and topic."""
    points: dict[tuple[str, int | None, str | None], dict[str, Any]] = {}
    path = folder / f"runtime-worker-{worker.pid}.jsonl"
    for line in path.read_text().splitlines() if path.exists() else ():
        for resource in json.loads(line)["resource_metrics"]:
            for scope in resource["scope_metrics"]:
                for metric in scope["metrics"]:
                    for point in metric["data"]["data_points"]:
                        where = point["attributes"]
                        lane = where.get("confide.lane.partition"), where.get("messaging.destination.name")
                        points[(metric["name"], *lane)] = point
    return points


async def test_a_worker_exports_where_its_lanes_stand(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    monkeypatch.setenv("CONFIDE_METRICS", str(folder))
    bad = (b"key-1", b"bad:one", ())
    made = [*words(500), bad]
    await run.write(run.routine, made)
    worker = run.start(instance="only")
    async with run.reading(run.output) as out:
        await out.at_least(500)
        # The lanes are checked every five seconds as long as they are here.
        await run.until(lambda: (Metric.LAG, 0, run.routine) in exported(folder, worker), "exported")
    worker.send(signal.SIGTERM)
    assert await worker.ended() == 0
    found = exported(folder, worker)
    assert sum(p["value"] for (name, *_), p in found.items() if name == Metric.PROCESSED) == 501
    assert found[Metric.REJECTED, None, run.routine]["value"] == 1
    assert found[Metric.BATCH_SIZE, None, None]["sum"] == 501
    for name in (Metric.TURN_SECONDS, Metric.TRANSACTION_SECONDS):
        assert found[name, None, None]["count"] >= 2
        assert 0 < found[name, None, None]["sum"] < 60
    for partition in (0, 1):
        # No control record follows the last record: the writers of these topics use no transactions.
        assert found[Metric.LAG, partition, run.routine]["value"] == 0
        assert found[Metric.OLDEST_AGE, partition, None]["value"] == 0
        assert found[Metric.WAITING, partition, run.routine]["value"] == 0
        assert found[Metric.OPEN, partition, None]["value"] == 1
        assert found[Metric.REFUSED, partition, None]["value"] == 0
        assert found[Metric.RESTORED, partition, None]["value"] == 0

    again = run.start(instance="only")
    await run.until(lambda: (Metric.RESTORED, 1, None) in exported(folder, again), "exported again")
    again.send(signal.SIGTERM)
    assert await again.ended() == 0
    found = exported(folder, again)
    entries = sum(found[Metric.ENTRIES, partition, None]["value"] for partition in (0, 1))
    assert entries == 50
    restored = [found[Metric.RESTORED, partition, None]["value"] for partition in (0, 1)]
    assert sum(restored) >= 50
    assert [found[Metric.RESTORE_LEFT, partition, None]["value"] for partition in (0, 1)] == [0, 0]
    assert all(found[Metric.RESTORE_RATE, partition, None]["value"] > 0 for partition in (0, 1))


def test_lag_is_what_is_committed_and_not_worked_off_and_age_that_of_the_oldest_here() -> None:
    lane = LaneMetrics("lane", 0, oldest=lambda: 1_000_000, now=lambda: datetime.fromtimestamp(1_003.5, UTC))
    assert lane.lag("t") == 0
    lane.ends["t"] = 40
    assert lane.lag("t") == 40
    lane.next_offsets["t"] = 38
    assert lane.lag("t") == 2
    assert lane.oldest_age() == 3.5
    lane.oldest = lambda: None
    assert lane.oldest_age() == 0
