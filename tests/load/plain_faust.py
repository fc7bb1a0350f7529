"""The peer of `make bench`: the same agents on plain Faust, one event at a time, each output awaited.

Built as Faust's own guide does it: a stream for each topic, a table for the state, `await topic.send(…)` and the
acknowledgement awaited before the next event, so that, as far as Faust can, nothing is acknowledged before what follows
from it is delivered. Topics have a prefix of their own but for the services'.
"""

import asyncio
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faust

from schemas.policy import load_policy
from schemas.topics import TopicName
from services.settings import Keys
from streams.agents.admit import Admit
from streams.agents.decide import Decide
from streams.agents.identity import Identity
from streams.app import IdentityLinks
from streams.runtime import Agent, Record, Turn

PREFIX = "plain."
#: The environment variable that gives the partitions of the topics.
PARTITIONS_VARIABLE = "PLAIN_PARTITIONS"
SOURCES = (
    TopicName.FORUM_DISCLOSURES_URGENT,
    TopicName.TEXT_LINE_DISCLOSURES_URGENT,
    TopicName.FORUM_DISCLOSURES,
    TopicName.TEXT_LINE_DISCLOSURES,
)
IDENTITY = (TopicName.IDENTITY_URGENT, TopicName.IDENTITY)
ADMITTED = (TopicName.ADMITTED_URGENT, TopicName.ADMITTED)


def app(bootstrap: str, keys: Keys, partitions: int, folder: str) -> Any:
    """Return the app."""
    made = faust.App(
        "plain-faust",
        broker=f"kafka://{bootstrap}",
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
    links = IdentityLinks()
    outputs: dict[str, Any] = {}

    def topic(name: str) -> Any:
        if name not in outputs:
            outputs[name] = made.topic(PREFIX + name, key_serializer="raw", value_serializer="raw")
        return outputs[name]

    async def work(agent: Agent[Any, Any, Any], stream: Any, state: Any) -> None:
        async for event in stream.events():
            message = event.message
            record = Record(message.topic, message.partition, message.offset, 0, message.key, event.value, ())
            turn = Turn(state, datetime.now(UTC))
            agent.handle([(record, agent.decode(record))], turn)
            for output in turn.outputs:
                # Twice: sending gives a future, and the future the broker's acknowledgement.
                await (await topic(output.topic).send(key=output.key, value=output.value, partition=output.partition))
                if output.topic == TopicName.IDENTITY_LINKS:
                    links.apply(output.key, output.value)
            for key, value in turn.changes.items():
                state[key] = value

    admit = Admit(master_key=keys.master, token_key=keys.token, token_version=keys.token_version, owner=links.owner)
    decide = Decide(load_policy())
    tables = {
        name: made.Table(name, key_type=bytes, value_type=bytes, partitions=count)
        for name, count in (("admitting", partitions), ("identities", 1), ("cases", partitions))
    }

    @made.agent(made.topic(*SOURCES))
    async def admitting(stream: Any) -> None:
        await work(admit, stream, tables["admitting"])

    @made.agent(made.topic(*(PREFIX + name for name in IDENTITY)))
    async def identifying(stream: Any) -> None:
        await work(Identity(), stream, tables["identities"])

    @made.agent(made.topic(*(PREFIX + name for name in ADMITTED)))
    async def deciding(stream: Any) -> None:
        await work(decide, stream, tables["cases"])

    return made


async def main() -> None:
    """Run until killed."""
    with tempfile.TemporaryDirectory() as folder:
        made = app(
            os.environ["KAFKA_BOOTSTRAP"],
            Keys.load(Path(os.environ["CONFIDE_KEYS"])),
            int(os.environ[PARTITIONS_VARIABLE]),
            folder,
        )
        made.in_worker = True
        await made.start()
        await made.wait_until_stopped()


if __name__ == "__main__":
    asyncio.run(main())
