"""A process of lanes: one Faust app, one consumer group, until it is told to stop."""

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
from streams.runtime.lane.lane_events import LaneEvent, ignore_event
from streams.runtime.steps import AtStep, ignore_step
from streams.runtime.transport.batch_schema import BatchSchema, urgent_first
from streams.runtime.transport.lane_assignment import Background, NoCommitConsumer, Wiring, transport_of
from streams.runtime.watchdog import STUCK_SECONDS, Watchdog

#: A worker is given up when no heartbeat came for this long (seconds); its lanes go to another or to its successor.
SESSION_SECONDS = 6.0
_HEARTBEAT_SECONDS = 2.0
#: How long an answer of a broker is waited for: as short as Faust allows, which is no less than the session.
_REQUEST_SECONDS = SESSION_SECONDS
#: Records of one fetch, over all partitions.
_FETCH_RECORDS = 5_000
#: Bytes that one fetch may bring of one partition; a larger batch comes by itself (Kafka sends the first one whole).
#: Small, so that what is urgent does not wait behind megabytes of what is not.
_FETCH_BYTES = 512 * 1024

#: How long the lanes' thread may keep the interpreter from the fetching one (seconds): else each step of a fetch waits
#: Python's own 5 ms, and an urgent record takes several steps to arrive.
_SWITCH_SECONDS = 0.0005

#: How old what a member knows of the topics may get (milliseconds; 5 min unless told). A broker that has just come back
#: may name none of them: the group's leader then deals out no partition at all, and mends that only when it asks again.
_METADATA_MS = 3_000

#: How long the turns in flight may take to finish at a stop; then Faust to stop; then what it leaves to end (seconds).
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
    opened: Callable[[], None] | None = None,
    at_step: AtStep = ignore_step,
    accepted: Collection[str] = (),
    stuck_seconds: float = STUCK_SECONDS,
    on_lane: Callable[[LaneEvent], None] = ignore_event,
    clock: Clock | None = None,
) -> int:
    """Work the lanes of `groups` off as consumer group `application` until SIGTERM or SIGINT; return the exit status.

    What stands first in `groups` comes first: put those that are furthest on a record's way there.
    `background` are context managers entered before the first lane opens and left after the last is closed.
    `instance` names this member for good (static membership), so that a quick restart moves no lane. `opened` is called
    once, when the first lanes that this process was given are all open, or refused. `at_step` is called after each step
    of a lane's work. `accepted` names lanes (`group-partition`) that were refused and are to begin where their logs do.
    A call into an agent that lasts longer than `stuck_seconds` is taken for hung (`watchdog`). `on_lane` hears when a
    lane refuses, opens, closes or puts work aside, or the machine's clock was set; it is called in the event loop and
    must return at once. `clock` tells the time of every turn; without it one begins here.
    To be called from the main thread, which alone may handle signals.
    """
    # Until the loop has handlers of its own nothing is in hand.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    wiring = Wiring(
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
    )
    patch_aiokafka_fetcher()
    sys.setswitchinterval(_SWITCH_SECONDS)
    freeze_gc_at_startup()
    # What is left when the lanes are closed and Faust has stopped is cancelled and waited for, for as long as it likes.
    late = threading.Timer(_STOP_SECONDS, _leave, ["tasks"])
    late.daemon = True
    wiring.watchdog.start()
    try:
        # asyncio's own loop, not uvloop: see decision 0018.
        return asyncio.run(_run(wiring, instance, late.start))
    finally:
        wiring.watchdog.stop()
        late.cancel()


async def _run(wiring: Wiring, instance: str | None, stopped: Callable[[], None]) -> int:
    with tempfile.TemporaryDirectory(prefix="confide-") as folder:
        app = _app(wiring, instance, folder)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        beating = asyncio.create_task(wiring.watchdog.beat())
        watching = asyncio.create_task(wiring.clock.watch(wiring.on_lane))
        stopping = asyncio.create_task(stop.wait())
        running = asyncio.create_task(_serve(app))
        await asyncio.wait([stopping, running], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await _stop(app, running)
        beating.cancel()
        watching.cancel()
    if not stop.is_set():
        # Not by returning: Faust's thread lives on, and would keep its lanes for a process that does nothing.
        end_process("Faust", running.exception() or LaneBroken("it stopped by itself"))
    stopped()
    return 0


async def _stop(app: Any, running: asyncio.Task[None]) -> None:
    lanes = cast("NoCommitConsumer", app.consumer).lanes
    if not await is_done(lanes.close(), _CLOSE_SECONDS):
        end_process("closing of the lanes", LaneBroken("it took too long"))
    if not await is_done(_stop_faust(app, running), _STOP_SECONDS):
        # Faust may wait for ever for what it had only begun to start. Nothing is left in its hands.
        _leave("Faust")


def _leave(what: str) -> None:
    _log.warning("did not stop in time and is left behind", what=what)
    exit_without_cleanup()


async def is_done(work: Coroutine[Any, Any, None], seconds: float) -> bool:
    """Return whether it is done within so many seconds; raise what it raises.

    Not by a timeout, which waits until what it cancels has ended: Faust's services go on when they are cancelled.
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
    app.in_worker = True  # as Faust's own command sets it; without it the lanes are never called
    await app.start()
    await app.wait_until_stopped()
    if app.crash_reason is not None:
        raise app.crash_reason


def _app(wiring: Wiring, instance: str | None, folder: str) -> Any:
    topics = tuple(topic for group in wiring.groups for topic in group.sources)
    app = faust.App(
        wiring.application,
        broker=[f"kafka://{server}" for server in wiring.bootstrap.split(",")],
        datadir=folder,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        # Faust's own web server shows tables to everyone, its leader election and reply topics serve nothing here.
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        # read_committed, and the transaction manager (the lanes) is called at each rebalance: see decision 0027.
        processing_guarantee="exactly_once",
        # Above 0, else Faust silently takes a round robin that tears the topics of a lane apart.
        table_standby_replicas=1,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=_METADATA_MS,
        consumer_group_instance_id=instance,
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_max_poll_records=_FETCH_RECORDS,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=_HEARTBEAT_SECONDS,
        broker_request_timeout=_REQUEST_SECONDS,
        # Faust's producer writes nothing here, but it connects at the start: to a broker that hangs, for 20 minutes.
        producer_request_timeout=_REQUEST_SECONDS,
        ConsumerScheduler=urgent_first(tuple(dict.fromkeys(_by_urgency(wiring.groups)))),
    )

    app.transport = transport_of(wiring)(app.conf.broker_consumer, app, loop=asyncio.get_running_loop())
    sources = app.topic(*topics, schema=BatchSchema())

    @app.agent(sources)
    async def hand_on(stream: Any) -> None:
        async for event in stream.events():
            cast("NoCommitConsumer", app.consumer).lanes.enqueue(event.value, event.message.partition)

    return app


def _by_urgency(groups: Sequence[LaneGroup]) -> list[str]:
    """Return all topics, every group's first before every group's second, and so on."""
    depth = max(len(group.sources) for group in groups)
    return [group.sources[i] for i in range(depth) for group in groups if i < len(group.sources)]
