"""A process of lanes: one Faust app in one consumer group, until SIGTERM or SIGINT."""

import asyncio
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, cast

import faust
import structlog

from streams.runtime.clock import Clock
from streams.runtime.failure import LaneBroken, end_process, exit_without_cleanup
from streams.runtime.fetcher_patch import patch_aiokafka_fetcher
from streams.runtime.gc_settings import freeze_gc_at_startup
from streams.runtime.lane.groups import LaneGroup
from streams.runtime.lane.hidden_records import HiddenRecords
from streams.runtime.lane.lane_events import LaneEvent, ignore_event
from streams.runtime.steps import AtStep, ignore_step
from streams.runtime.transport.batch_schema import BatchSchema, urgent_first
from streams.runtime.transport.lane_assignment import Background, NoCommitConsumer, WorkerConfig, transport_of
from streams.runtime.watchdog import STUCK_SECONDS, Watchdog

#: After this long without a heartbeat (seconds) the group gives a worker up. Another member or its successor takes the
#: worker's lanes.
SESSION_SECONDS = 6.0
_HEARTBEAT_SECONDS = 2.0
#: Longest wait for a response of a broker (seconds): as short as Faust allows, which is no less than the session.
_REQUEST_SECONDS = SESSION_SECONDS
#: Records of one fetch, over all partitions.
_FETCH_RECORDS = 5_000
#: Bytes of one partition in one fetch; a larger batch comes alone (Kafka sends the first one whole). Small, so that
#: urgent records do not wait behind megabytes of routine ones.
_FETCH_BYTES = 512 * 1024

#: How long the lanes' thread may keep the interpreter from the fetching thread (seconds). Otherwise each step of a
#: fetch waits Python's own 5 ms, and an urgent record takes several steps to arrive.
_SWITCH_SECONDS = 0.0005

#: Oldest metadata of the topics that a member uses (milliseconds; aiokafka's default is 5 min). A broker that has just
#: come back may name no topic. The group's leader then assigns no partition at all, until it asks again.
_METADATA_MS = 3_000

#: After this long without a fetch aiokafka leaves the group for good (seconds). A process without partitions does not
#: fetch, so it is ten years. The watchdog ends a process that hangs.
_IDLE_SECONDS = 10 * 365 * 86_400.0

#: Longest start of Faust (seconds). A client that starts while its broker goes away may wait for ever.
_START_SECONDS = 120.0
#: Limits of a stop (seconds): for the turns in flight to finish; then for Faust to stop; then for its tasks to end.
_CLOSE_SECONDS = 10.0
_STOP_SECONDS = 5.0

_log = structlog.get_logger("confide.runtime")


def run_worker(  # noqa: PLR0913 - by keyword, and most have a default
    application: str,
    groups: Sequence[LaneGroup],
    *,
    bootstrap: str,
    background: Sequence[Background] = (),
    instance: str | None = None,
    client: str | None = None,
    opened: Callable[[], None] | None = None,
    at_step: AtStep = ignore_step,
    accepted: Collection[str] = (),
    stuck_seconds: float = STUCK_SECONDS,
    on_lane: Callable[[LaneEvent], None] = ignore_event,
    clock: Clock | None = None,
) -> int:
    """Run the lanes of `groups` as consumer group `application` until SIGTERM or SIGINT; return the exit status.

    Call it from the main thread: no other thread may handle signals.

    - `groups`: in order of precedence. Put the group that is furthest down the pipeline first (`lane/urgency.py`).
    - `background`: context managers, entered before the first lane opens and left after the last lane is closed.
    - `instance`: a fixed name of this member (static membership), so that a quick restart moves no lane.
    - `client`: the name of the consumer at the brokers, which every administrator sees; the group's if None.
    - `opened`: called once, when the first lanes that this process was assigned are all open, or have refused.
    - `at_step`: called after each step of a lane's work.
    - `accepted`: lanes (`group-partition`) that refused, and now begin where their logs do: an operator accepted the
      loss.
    - `stuck_seconds`: a call into an agent that lasts longer counts as hung (`watchdog.py`).
    - `on_lane`: called when a lane refuses, opens, closes or puts work aside, and when the machine's clock was set. It
      is called in the event loop and must return at once.
    - `clock`: the clock of every turn; without it, a new one is made here.
    """
    # Until the event loop has signal handlers of its own, the process has no work, and may end at once.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    config = WorkerConfig(
        application,
        tuple(groups),
        bootstrap,
        tuple(background),
        opened or (lambda: None),
        at_step,
        frozenset(accepted),
        Watchdog(stuck_seconds),
        on_lane,
        clock or Clock(),
        client,
        HiddenRecords(outside=[topic for group in groups for topic in group.written_outside]),
    )
    patch_aiokafka_fetcher()
    sys.setswitchinterval(_SWITCH_SECONDS)
    freeze_gc_at_startup()
    # Once the lanes are closed and Faust has stopped, asyncio cancels the remaining tasks and waits for them without a
    # limit. This timer is the limit.
    late = threading.Timer(_STOP_SECONDS, _exit_now, ["tasks"])
    late.daemon = True
    config.watchdog.start()
    try:
        # asyncio's own loop, not uvloop: see decision 0018.
        return asyncio.run(_run(config, instance, late.start))
    finally:
        config.watchdog.stop()
        late.cancel()


async def _run(config: WorkerConfig, instance: str | None, stopped: Callable[[], None]) -> int:
    with tempfile.TemporaryDirectory(prefix="confide-") as folder:
        app = _app(config, instance, folder)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        beating = asyncio.create_task(config.watchdog.beat())
        watching = asyncio.create_task(config.clock.watch(config.on_lane))
        looking = asyncio.create_task(config.hidden.watch(config.on_lane))
        stopping = asyncio.create_task(stop.wait())
        running = asyncio.create_task(_serve(app))
        await asyncio.wait([stopping, running], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await _stop(app, running)
        beating.cancel()
        watching.cancel()
        looking.cancel()
    if not stop.is_set():
        # Do not return: Faust's thread would live on, and keep the lanes assigned to a process that does nothing.
        end_process("Faust", running.exception() or LaneBroken("it stopped by itself"))
    stopped()
    return 0


async def _stop(app: Any, running: asyncio.Task[None]) -> None:
    lanes = cast("NoCommitConsumer", app.consumer).lanes
    if not await is_done(lanes.close(), _CLOSE_SECONDS):
        end_process("closing of the lanes", LaneBroken("it took too long"))
    if not await is_done(_stop_faust(app, running), _STOP_SECONDS):
        # Faust may wait for ever for a service that it had only begun to start. The lanes are closed: nothing is lost.
        _exit_now("Faust")


def _exit_now(what: str) -> None:
    _log.warning("did not stop in time and is left behind", what=what)
    exit_without_cleanup()


async def is_done(work: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Return whether `work` ends within `seconds`; raise its error.

    A timeout of asyncio does not do: it waits until the cancelled task has ended, and Faust's services go on when they
    are cancelled.
    """
    task = asyncio.create_task(work)
    await asyncio.wait([task], timeout=seconds)
    if task.done():
        task.result()
    return task.done()


async def _stop_faust(app: Any, running: asyncio.Task[None]) -> None:
    await app.stop()
    await asyncio.wait([running])


async def _serve(app: Any) -> None:
    # Faust's own command sets this. Without it `exactly_once` (see `_app`) has no effect: no lane is ever called.
    app.in_worker = True
    if not await is_done(app.start(), _START_SECONDS):
        raise LaneBroken("Faust did not start")
    await app.wait_until_stopped()
    if app.crash_reason is not None:
        raise app.crash_reason


def _app(config: WorkerConfig, instance: str | None, folder: str) -> Any:
    topics = tuple(topic for group in config.groups for topic in group.sources)
    app = faust.App(
        config.application,
        broker_client_id=config.client or config.application,
        broker=[f"kafka://{server}" for server in config.bootstrap.split(",")],
        datadir=folder,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        # Faust's web server shows tables without a password. Its leader election and reply topics have no use here.
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        # Makes Faust read with `read_committed`, and call the transaction manager (the lanes) at each rebalance.
        # Without it lanes would handle records of aborted transactions, and no lane would open. See decision 0027.
        processing_guarantee="exactly_once",
        # Must be above 0: else Faust assigns partitions round robin, without a warning, and the topics of one lane go
        # to different workers.
        table_standby_replicas=1,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=_METADATA_MS,
        consumer_group_instance_id=instance,
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_max_poll_records=_FETCH_RECORDS,
        broker_max_poll_interval=_IDLE_SECONDS,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=_HEARTBEAT_SECONDS,
        broker_request_timeout=_REQUEST_SECONDS,
        # Faust's producer writes nothing here, but it connects at the start: 20 min long if the broker hangs.
        producer_request_timeout=_REQUEST_SECONDS,
        ConsumerScheduler=urgent_first(tuple(dict.fromkeys(_by_urgency(config.groups)))),
    )

    app.transport = transport_of(config)(app.conf.broker_consumer, app, loop=asyncio.get_running_loop())
    sources = app.topic(*topics, schema=BatchSchema())

    @app.agent(sources)
    async def hand_on(stream: Any) -> None:
        async for event in stream.events():
            cast("NoCommitConsumer", app.consumer).hand_on(event.value, event.message.partition)

    return app


def _by_urgency(groups: Sequence[LaneGroup]) -> list[str]:
    """Return all topics: the first of every group, then the second of every group, and so on (`lane/urgency.py`)."""
    depth = max(len(group.sources) for group in groups)
    return [group.sources[i] for i in range(depth) for group in groups if i < len(group.sources)]
