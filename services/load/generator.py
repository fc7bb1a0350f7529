"""The generator, a process of its own: encodes every record before the first is due, then hands them over on time."""

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

#: Between two hand-overs: at thousands a second a request for each record would take a core, of this and of the broker.
_PAUSE_SECONDS = 0.005
_TELL_SECONDS = 0.25
_BATCH_BYTES = 128 * 1024
#: Records of the backlog that are under way at once.
_UNDERWAY = 20_000


class Sending:
    """Hands records to Kafka and counts what became of them."""

    def __init__(self, producer: Any, plan: Plan) -> None:
        self._producer = producer
        self._plan = plan
        self._start = 0.0
        self.sent = 0
        self.acknowledged = 0
        self.failed: list[str] = []
        #: How long after it was due each record was handed over, and acknowledged by Kafka.
        self.late, self.acknowledged_after = Latencies(), Latencies()

    async def on_time(self, records: list[Encoded], start: float) -> None:
        """Send the open loop; `start` is by the monotonic clock, which all processes of a machine share."""
        self._start = start

        async def send(first: int, end: int) -> None:
            for index in range(first, end):
                self.late.record(time.monotonic() - start - self._plan.due[index])
                result = await self._hand_over(records[index])
                result.add_done_callback(partial(self._settled, index))
                self.sent += 1

        await keep(self._plan.due, send, start=start, clock=time.monotonic, sleep=asyncio.sleep, pause=_PAUSE_SECONDS)
        await self._producer.flush()

    async def as_fast_as_possible(self, records: Iterable[Encoded]) -> int:
        """Send the backlog, all of it acknowledged once this returns; return how much it was."""
        underway: list[asyncio.Future[Any]] = []
        count = 0
        for record in records:
            underway.append(await self._hand_over(record))
            count += 1
            if len(underway) >= _UNDERWAY:
                await asyncio.gather(*underway)
                underway.clear()
                say_filling(count)
        await asyncio.gather(*underway)
        return count

    async def _hand_over(self, record: Encoded) -> "asyncio.Future[Any]":
        result: asyncio.Future[Any] = await self._producer.send(
            record.topic, record.value, key=record.key, partition=record.partition
        )
        return result

    def _settled(self, index: int, done: "asyncio.Future[Any]") -> None:
        if done.cancelled() or done.exception() is not None:
            # Only that it failed: whether Kafka has it after all, the reconciliation finds.
            self.failed.append(self._plan.ids.of(index))
        else:
            self.acknowledged += 1
            self.acknowledged_after.record(time.monotonic() - self._start - self._plan.due[index])


def say_filling(count: int) -> None:
    """Tell how much of the backlog Kafka has."""
    json_lines.send(filling=count)


async def main() -> None:
    """Be told the plan, fill, be told when to start, send, and tell how it went."""
    lines = json_lines.messages()
    task = await json_lines.next_message(lines, "plan")
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
        # All four before the start: the first record of a topic would wait for what is known of it.
        partitions = {
            len(await producer.partitions_for(str(disclosures(*way)))) for way in product(Service, (True, False))
        }
        if len(partitions) != 1:
            raise RuntimeError("the services' topics differ in their partitions")
        encoder = Encoder(plan, partitions.pop())
        records = list(encoder.open_loop())
        sending = Sending(producer, plan)
        json_lines.send(ready="generator")
        await json_lines.next_message(lines, "fill")
        json_lines.send(filled=await sending.as_fast_as_possible(encoder.backlog()))
        start = float(await json_lines.next_message(lines, "start"))
        # Nothing that was encoded becomes garbage before the end, so that no collection has to look at it again.
        gc.collect()
        gc.freeze()
        telling = asyncio.create_task(_tell(sending))
        try:
            await sending.on_time(records, start)
        finally:
            telling.cancel()
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


async def _tell(sending: Sending) -> None:
    while True:
        json_lines.send(sent=sending.sent)
        await asyncio.sleep(_TELL_SECONDS)


if __name__ == "__main__":
    json_lines.run(main())
