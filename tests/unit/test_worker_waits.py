"""The waits of a worker while a broker hangs."""

from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from streams.runtime import LaneGroup
from streams.runtime.transport.lane_assignment import WorkerConfig
from streams.runtime.transport.worker import SESSION_SECONDS, _app


async def test_a_process_without_partitions_stays_in_its_group(tmp_path: Path) -> None:
    group = LaneGroup("lane", ("topic",), cast("Any", None), "changelog")
    app = _app(WorkerConfig("application", (group,), "127.0.0.1:9", (), lambda: None), None, str(tmp_path))
    # aiokafka leaves the group after this time without a fetch: 1,000 s by default.
    assert app.conf.broker_max_poll_interval > timedelta(days=365).total_seconds()


async def test_no_client_of_faust_waits_for_longer_than_a_session(tmp_path: Path) -> None:
    group = LaneGroup("lane", ("topic",), cast("Any", None), "changelog")
    app = _app(WorkerConfig("application", (group,), "127.0.0.1:9", (), lambda: None), None, str(tmp_path))
    # A broker that hangs accepts connections: Faust's producer, which connects at the start, would wait 20 minutes.
    assert app.conf.producer_request_timeout <= SESSION_SECONDS
    assert app.conf.broker_request_timeout <= SESSION_SECONDS
