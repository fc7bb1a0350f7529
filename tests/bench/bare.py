"""The upper limit of `make bench`: the same agents in a bare loop over aiokafka, without any guarantee.

It reads many records at once, passes the records of each partition to its agent, awaits the acknowledgement of every
batch of outputs, and commits the offsets after that. Its state is a dict that is never restored: there are no
transactions, changelogs, lanes or rejections. The difference to the worker is the price of these.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import ConsumerRecord

from schemas.partitioner import partition_for
from schemas.topics import TopicName
from streams.runtime import Agent, Output, Record, freeze_gc_at_startup
from tests.bench.hosting import ADMITTED, IDENTITY, SOURCES, Agents, PeerEnvironment, turn_of

PREFIX = "bare."
#: Records of one round: so many share the acknowledgements of a round that these cost little.
_ROUND_RECORDS = 2_000
_BATCH_BYTES = 256 * 1024


class Sender:
    """Sends outputs as whole batches and awaits each acknowledgement."""

    def __init__(self, producer: AIOKafkaProducer, prefix: str) -> None:
        self._producer = producer
        self._prefix = prefix
        self._counts: dict[str, int] = {}

    async def send(self, outputs: Iterable[Output]) -> None:
        """Send the outputs; return once the broker has acknowledged all of them."""
        filling: dict[tuple[str, int], BatchBuilder] = {}
        sent = []
        for topic, partition, key, value, headers in outputs:
            count = self._counts.get(topic)
            if count is None:
                count = self._counts[topic] = len(await self._producer.partitions_for(self._prefix + topic))
            if partition is None:
                partition = 0 if key is None else partition_for(key, count)  # noqa: PLW2901 - None: by the key
            to = topic, partition
            batch = filling.get(to)
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                if batch is not None:
                    sent.append(await self._send(batch, to))
                batch = filling[to] = self._producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=list(headers))
        for to, batch in filling.items():
            sent.append(await self._send(batch, to))
        for acknowledgement in sent:
            await acknowledgement

    async def _send(self, batch: BatchBuilder, to: tuple[str, int]) -> Any:
        batch.close()
        return await self._producer.send_batch(batch, self._prefix + to[0], partition=to[1])


class Hosted:
    """The agents with dicts as states, in one process."""

    def __init__(self, agents: Agents) -> None:
        self._links = agents.links
        self._agents: dict[str, Agent[Any, Any, Any]] = {
            **dict.fromkeys(SOURCES, agents.admit),
            **{PREFIX + name: agents.identity for name in IDENTITY},
            **{PREFIX + name: agents.decide for name in ADMITTED},
        }
        self._states: dict[tuple[Agent[Any, Any, Any], int], dict[bytes, bytes]] = defaultdict(dict)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to read."""
        return tuple(self._agents)

    def turn(self, topic: str, partition: int, records: Sequence[Record]) -> list[Output]:
        """Return the outputs for records of one partition, and change the state."""
        agent = self._agents[topic]
        state = self._states[agent, partition]
        turn = turn_of(agent, records, state)
        for key, value in turn.changes.items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        return turn.outputs

    def apply_links(self, outputs: Iterable[Output]) -> None:
        """Apply delivered identity links to the copy that ADMIT reads."""
        for output in outputs:
            if output.topic == TopicName.IDENTITY_LINKS:
                self._links.apply(output.key, output.value)


def _record(read: ConsumerRecord) -> Record:
    return Record(read.topic, read.partition, read.offset, read.timestamp, read.key, read.value, read.headers)


async def main() -> None:
    """Run until killed."""
    environment = PeerEnvironment.from_environment()
    freeze_gc_at_startup()
    hosted = Hosted(Agents.of(environment.keys, environment.partitions))
    consumer = AIOKafkaConsumer(
        *hosted.topics,
        bootstrap_servers=environment.bootstrap,
        group_id="bare",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=environment.bootstrap, acks="all", max_batch_size=_BATCH_BYTES)
    await producer.start()
    await consumer.start()
    sender = Sender(producer, PREFIX)
    while True:
        fetched = await consumer.getmany(timeout_ms=100, max_records=_ROUND_RECORDS)
        if fetched:
            outputs: list[Output] = []
            for source, records in fetched.items():
                outputs += hosted.turn(source.topic, source.partition, [_record(record) for record in records])
            await sender.send(outputs)
            hosted.apply_links(outputs)
            await consumer.commit()


if __name__ == "__main__":
    uvloop.run(main())
