"""Workers that are started again whenever they end, and a load that goes on while faults come."""

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tests.counting import Run, Worker
from tests.made_records import Made, words, writing

#: Records a second while a fault is on its way: the load lasts as long as the faults do.
RATE = 6_000
_BURST_SECONDS = 0.25


class Supervisor:
    """Starts a worker again whenever it ends, as every process of the project is supervised.

    `changes` is asked at each start for what this one's plan has of its own.
    """

    def __init__(self, run: Run, workers: int, *, named: bool, changes: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._run = run
        self._named = named
        self._changes = changes
        self.statuses: list[int] = []
        self.workers = [self._start(slot) for slot in range(workers)]
        self._watching = [asyncio.create_task(self._watch(slot)) for slot in range(workers)]

    def _start(self, slot: int) -> Worker:
        instance = f"{self._run.name}-{slot}" if self._named else None
        return self._run.start(instance=instance, **self._changes())

    async def _watch(self, slot: int) -> None:
        while True:
            worker = self.workers[slot]
            while worker.process.poll() is None:  # noqa: ASYNC110 - a process that ends sets no event
                await asyncio.sleep(0.05)
            self.statuses.append(worker.process.returncode)
            self.workers[slot] = self._start(slot)

    async def stop(self) -> None:
        for watch in self._watching:
            watch.cancel()
        for watch in self._watching:
            with suppress(asyncio.CancelledError):
                await watch
        for worker in self.workers:
            worker.send(signal.SIGTERM)
        for worker in self.workers:
            status = await worker.ended(20)
            # One that was started a moment ago does not handle the signal yet.
            assert status in (0, -signal.SIGTERM), f"ended with {status}: {worker.log[-2000:]}"


def load(count: int, start: int = 0) -> list[tuple[bool, Made]]:
    """Return the records to write, a tenth of them urgent, over 3,000 keys."""
    return [(n % 10 == 0, record) for n, record in enumerate(words(count, keys=3_000, start=start))]


async def feed(
    run: Run, records: list[tuple[bool, Made]], rate: int = RATE, enough: asyncio.Event | None = None
) -> list[tuple[bool, Made]]:
    """Write at a steady rate, through one producer: every fault meets turns that are under way.

    Ends early once there is `enough`; returns what was written.
    """
    step = int(rate * _BURST_SECONDS)
    async with writing(run.bootstrap) as write:
        for start in range(0, len(records), step):
            if enough is not None and enough.is_set():
                return records[:start]
            part = records[start : start + step]
            await write(run.urgent, run.partitions, [record for urgent, record in part if urgent])
            await write(run.routine, run.partitions, [record for urgent, record in part if not urgent])
            await asyncio.sleep(_BURST_SECONDS)
    return records
