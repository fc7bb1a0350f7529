"""The peer of `make bench` on plain Faust: the same agents, one event at a time, each output awaited.

It follows Faust's guide: a stream for each topic, a table for the state, and `await topic.send(…)`. It awaits the
acknowledgement of each output before the next event, so that, as far as Faust can ensure it, an event is acknowledged
only after its outputs are delivered.
"""

import asyncio
import tempfile
from typing import Any

import faust

from schemas.topics import TopicName
from streams.runtime import Agent, Record, freeze_gc_at_startup
from tests.bench.hosting import ADMITTED, IDENTITY, SOURCES, Agents, PeerEnvironment, turn_of

PREFIX = "plain."


def app(environment: PeerEnvironment, agents: Agents, folder: str) -> Any:
    """Return the app."""
    partitions = environment.partitions
    made = faust.App(
        "plain-faust",
        broker=f"kafka://{environment.bootstrap}",
        datadir=folder,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_partitions=partitions,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
    )
    outputs: dict[str, Any] = {}

    def topic(name: str) -> Any:
        if name not in outputs:
            outputs[name] = made.topic(PREFIX + name, key_serializer="raw", value_serializer="raw")
        return outputs[name]

    async def work(agent: Agent[Any, Any, Any], stream: Any, state: Any) -> None:
        async for event in stream.events():
            message = event.message
            record = Record(message.topic, message.partition, message.offset, 0, message.key, event.value, ())
            turn = turn_of(agent, [record], state)
            for output in turn.outputs:
                # Two awaits: `send` returns a future, and that returns the acknowledgement of the broker.
                await (await topic(output.topic).send(key=output.key, value=output.value, partition=output.partition))
                if output.topic == TopicName.IDENTITY_LINKS:
                    agents.links.apply(output.key, output.value)
            for key, value in turn.changes.items():
                state[key] = value

    tables = {
        name: made.Table(name, key_type=bytes, value_type=bytes, partitions=count)
        for name, count in (("admitting", partitions), ("identities", 1), ("cases", partitions))
    }

    @made.agent(made.topic(*SOURCES))
    async def admitting(stream: Any) -> None:
        await work(agents.admit, stream, tables["admitting"])

    @made.agent(made.topic(*(PREFIX + name for name in IDENTITY)))
    async def identifying(stream: Any) -> None:
        await work(agents.identity, stream, tables["identities"])

    @made.agent(made.topic(*(PREFIX + name for name in ADMITTED)))
    async def deciding(stream: Any) -> None:
        await work(agents.decide, stream, tables["cases"])

    return made


async def main() -> None:
    """Run until killed."""
    environment = PeerEnvironment.from_environment()
    freeze_gc_at_startup()
    with tempfile.TemporaryDirectory() as folder:
        made = app(environment, Agents.of(environment.keys, environment.partitions), folder)
        made.in_worker = True
        await made.start()
        await made.wait_until_stopped()


if __name__ == "__main__":
    asyncio.run(main())
