"""Writes the alarms of a process to their topic, at least once, without blocking other work.

`put` keeps only the newest change for each cause and source, and a task writes them. So memory is bounded while Kafka
is unavailable, and a cause that is raised and cleared in that time is only written as cleared. The alarms' lane ignores
repeats.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from aiokafka import AIOKafkaProducer

from schemas.alarms import AlarmChanged
from schemas.codec import encode
from schemas.topics import TopicName
from streams.runtime.failure import cancellation_as_error

#: Pause after a write that failed (seconds).
_RETRY_SECONDS = 1.0
#: Time limit for one acknowledgement, for connecting and for disconnecting (seconds).
_ANSWER_SECONDS = 10.0
#: How long a stopping process waits for changes that are not written yet (seconds).
_STOP_SECONDS = 2.0

_log = structlog.get_logger("confide.alarms")


class AlarmWriter:
    """Writes the newest change of each cause. Call `put` only in the event loop in which it is `running`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._id = str(uuid.uuid4())
        #: Changes to write, and when each came (monotonic), by cause and source.
        self._waiting: dict[tuple[str, str], tuple[AlarmChanged, float]] = {}
        self._has_come = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    def put(self, change: AlarmChanged) -> None:
        """Queue a change; it replaces an earlier one of the same cause and source that is not written yet."""
        self._waiting[change.cause, change.source] = change, time.monotonic()
        self._is_idle.clear()
        self._has_come.set()

    def forget(self, cause: str, source: str = "") -> None:
        """Remove the queued change of a cause and source, because another process reports its state now."""
        self._waiting.pop((cause, source), None)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write changes while the context is open; on exit, wait briefly for those that are not written."""
        task = asyncio.create_task(self._run())
        try:
            yield
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._is_idle.wait()
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        while True:
            await self._has_come.wait()
            self._has_come.clear()
            try:
                with cancellation_as_error():
                    if self._waiting:
                        await self._write_all()
                self._is_idle.set()
            except Exception as error:  # noqa: BLE001 - every error is retried until the change is written
                _log.warning("alarm could not be written to its topic and is tried again", error=type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
                self._has_come.set()

    async def _write_all(self) -> None:
        """Write the queued changes over a new connection: changes are rare."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, client_id="confide-alarms", acks="all", request_timeout_ms=5_000
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await producer.start()
            while self._waiting:
                name, waiting = next(iter(self._waiting.items()))
                change, came_at = waiting
                waited = round((time.monotonic() - came_at) * 1_000)
                value = encode("AlarmChanged", {**change.model_dump(), "writer": self._id, "waited_ms": waited})
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await producer.send_and_wait(TopicName.ALARMS, value, key=change.cause.encode())
                if self._waiting.get(name) is waiting:
                    del self._waiting[name]
        finally:
            await asyncio.wait([asyncio.create_task(producer.stop())], timeout=_ANSWER_SECONDS)
