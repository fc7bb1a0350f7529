"""Workers that are started again whenever they end, and a load that continues during faults."""

import asyncio
import re
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.counting import Run, Worker
from tests.made_records import Made, words, writing

#: Records per second during a fault: the load lasts as long as the faults.
RATE = 6_000
_BURST_SECONDS = 0.25


class Supervisor:
    """Starts a worker again whenever it ends, as the supervisor of each process of the project does.

    `changes` is called at each start, and returns changes of the plan of that worker.
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

    def cancel(self) -> None:
        """Start no more workers."""
        for watch in self._watching:
            watch.cancel()

    async def stop(self) -> None:
        self.cancel()
        for watch in self._watching:
            with suppress(asyncio.CancelledError):
                await watch
        for worker in self.workers:
            # A worker that was just started first loads its interpreter and imports, and has no handler yet.
            while not _handles_stop(worker):  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.01)
            worker.send(signal.SIGTERM)
        for worker in self.workers:
            status = await worker.ended(20)
            assert status == 0, f"ended with {status}: {worker.log[-2000:]}"


def _handles_stop(worker: Worker) -> bool:
    """Return whether the process has a handler for SIGTERM, or has ended."""
    if worker.process.poll() is not None:
        return True
    (caught,) = re.findall(r"^SigCgt:\s*([0-9a-f]+)$", Path(f"/proc/{worker.pid}/status").read_text(), re.MULTILINE)
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def load(count: int, start: int = 0) -> list[tuple[bool, Made]]:
    """Return the records to write, a tenth of them urgent, over 3,000 keys."""
    return [(n % 10 == 0, record) for n, record in enumerate(words(count, keys=3_000, start=start))]


async def feed(
    run: Run, records: list[tuple[bool, Made]], rate: int = RATE, enough: asyncio.Event | None = None
) -> list[tuple[bool, Made]]:
    """Write records at a steady rate through one producer, so that every fault meets turns in progress.

    Ends early once `enough` is set; returns the records that were written.
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
