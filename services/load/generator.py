"""The generator process: encodes every record before the first one is due, then sends each on time."""

import asyncio
import gc
import time
from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import disclosures
from schemas.vocabulary import Service
from services.load import json_lines
from services.load.encoding import Encoded, Encoder
from services.load.latency import Latencies
from services.load.plan import Options, Plan
from services.load.schedule import keep
from services.settings import Settings

#: Pause between two sends: with a request for each of thousands of records a second, the generator and the broker would
#: each need a whole core.
_PAUSE_SECONDS = 0.005
#: Interval of the messages about progress.
_REPORT_SECONDS = 0.25
_BATCH_BYTES = 128 * 1024
#: Most records of the backlog in flight at once.
_MOST_IN_FLIGHT = 20_000


class Sending:
    """Sends records to Kafka and counts acknowledgements and failures."""

    def __init__(self, producer: Any, plan: Plan) -> None:
        self._producer = producer
        self._plan = plan
        self._start = 0.0
        self.sent = 0
        self.acknowledged = 0
        self.failed: list[str] = []
        #: Time from when each record was due until it was sent, and until Kafka acknowledged it.
        self.late, self.acknowledged_after = Latencies(), Latencies()

    async def on_time(self, records: list[Encoded], start: float) -> None:
        """Send the open loop from `start`, by the monotonic clock, which all processes of a machine share (seconds)."""
        self._start = start

        async def send(first: int, end: int) -> None:
            for index in range(first, end):
                self.late.record(time.monotonic() - start - self._plan.due[index])
                result = await self._send(records[index])
                result.add_done_callback(partial(self._acknowledged, index))
                self.sent += 1

        await keep(self._plan.due, send, start=start, clock=time.monotonic, sleep=asyncio.sleep, pause=_PAUSE_SECONDS)
        await self._producer.flush()

    async def as_fast_as_possible(self, records: Iterable[Encoded]) -> int:
        """Send the backlog; return the count of its records once Kafka has acknowledged all of them."""
        in_flight: list[asyncio.Future[Any]] = []
        count = 0
        for record in records:
            in_flight.append(await self._send(record))
            count += 1
            if len(in_flight) >= _MOST_IN_FLIGHT:
                await asyncio.gather(*in_flight)
                in_flight.clear()
                report_filling(count)
        await asyncio.gather(*in_flight)
        return count

    async def _send(self, record: Encoded) -> "asyncio.Future[Any]":
        result: asyncio.Future[Any] = await self._producer.send(
            record.topic, record.value, key=record.key, partition=record.partition
        )
        return result

    def _acknowledged(self, index: int, done: "asyncio.Future[Any]") -> None:
        if done.cancelled() or done.exception() is not None:
            # Kafka may hold the record nevertheless; the reconciliation finds out.
            self.failed.append(self._plan.ids.of(index))
        else:
            self.acknowledged += 1
            self.acknowledged_after.record(time.monotonic() - self._start - self._plan.due[index])


def report_filling(count: int) -> None:
    """Report how many records of the backlog Kafka has acknowledged."""
    json_lines.send(filling=count)


async def main() -> None:
    """Receive the plan, send the backlog, receive the start, send the open loop on time, and report the result."""
    received = json_lines.messages()
    task = await json_lines.next_message(received, "plan")
    settings = Settings.from_environment()
    plan = Plan(Options.of(task["options"]), task["run"])
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=_BATCH_BYTES,
    )
    await producer.start()
    try:
        # Fetches the metadata of all four topics before the start; otherwise the first record of a topic waits for it.
        partitions = {
            len(await producer.partitions_for(str(disclosures(service, urgent=urgent))))
            for service, urgent in product(Service, (True, False))
        }
        if len(partitions) != 1:
            raise RuntimeError("the services' topics differ in their partitions")
        encoder = Encoder(plan, partitions.pop())
        records = list(encoder.open_loop())
        sending = Sending(producer, plan)
        json_lines.send(ready="generator")
        await json_lines.next_message(received, "fill")
        json_lines.send(filled=await sending.as_fast_as_possible(encoder.backlog()))
        start = float(await json_lines.next_message(received, "start"))
        # Encoded records stay until the end. Frozen, they cost no time in any later collection.
        gc.collect()
        gc.freeze()
        reporting = asyncio.create_task(_report(sending))
        try:
            await sending.on_time(records, start)
        finally:
            reporting.cancel()
        json_lines.send(
            ended={
                "sent": sending.sent,
                "acknowledged": sending.acknowledged,
                "failed": sending.failed,
                "late": sending.late.fields(),
                "acknowledged_after": sending.acknowledged_after.fields(),
            }
        )
    finally:
        await producer.stop()


async def _report(sending: Sending) -> None:
    while True:
        json_lines.send(sent=sending.sent)
        await asyncio.sleep(_REPORT_SECONDS)


if __name__ == "__main__":
    json_lines.run(main())
