"""The peer of `make bench` on Quix Streams: the same agents in one Application, at least once, state in its own store.

It follows the documentation of Quix: a StreamingDataFrame for each topic, concatenated urgent and routine topics that
share a state, a stateful `apply` that expands to the outputs, and `to_topic`. The state is in its RocksDB store with a
changelog topic. Quix puts the key of the message before every key of the state. Records of ADMIT are keyed by the id of
the disclosure and those of DECIDE by the person, and each agent looks up only that; records of IDENTITY have no key, so
that it has one state.

Quix reads concatenated topics in order of time, all topics of one partition number together, and often waits for a
topic that is behind. The job does not need that, and no public setting turns it off: `--unaligned` does so by an
internal switch of Quix, to show its speed without it.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import reduce
from typing import Any

from quixstreams import Application, State, message_context
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic
from quixstreams.models.serializers import SerializationContext, Serializer

from schemas.topics import TopicName
from streams.runtime import Agent, Output, Record, freeze_gc_at_startup
from tests.bench.hosting import ADMITTED, IDENTITY, SOURCES, Agents, PeerEnvironment, turn_of, written_topics

PREFIX = "quix."

#: Called by Quix with value, key, timestamp, headers and, if it is stateful, the state.
Work = Callable[..., list[Output]]


class OutputValue(Serializer):
    """Serialises an output: its value is already encoded."""

    def __call__(self, value: Output, ctx: SerializationContext) -> bytes:
        """Return the bytes of the output."""
        return value.value or b""


class StoredState:
    """The state of Quix for one key, with the interface that an agent's turn reads."""

    __slots__ = ("_state",)

    def __init__(self, state: State[bytes, bytes]) -> None:
        self._state = state

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`."""
        return self._state.get_bytes(key)


class Topology:
    """The topics, the agents between them, and the application that runs them."""

    def __init__(self, bootstrap: str, agents: Agents, folder: str) -> None:
        self.application = Application(
            broker_address=bootstrap,
            consumer_group="quix",
            auto_offset_reset="earliest",
            state_dir=folder,
            loglevel="WARNING",
            # Checkpoints every 5 s, the default. A record waits up to 20 ms for others, so that a request has many.
            producer_extra_config={"linger.ms": 20},
            # Requests at the start wait behind each empty fetch of their connection: half a second by default.
            consumer_extra_config={"fetch.wait.max.ms": 100},
            # Several times as fast as with the defaults (1 s, 10,000): a read that is not full waits its whole timeout.
            consumer_poll_timeout=0.05,
            max_partition_buffer_size=500,
        )
        self._written = {
            name.removeprefix(PREFIX): self.application.topic(
                name, key_serializer="bytes", value_serializer=OutputValue()
            )
            for name in written_topics(PREFIX)
        }
        for prefix, sources, agent in (
            ("", SOURCES, agents.admit),
            (PREFIX, IDENTITY, agents.identity),
            (PREFIX, ADMITTED, agents.decide),
        ):
            joined = reduce(StreamingDataFrame.concat, [self._read(prefix + name) for name in sources])
            work = _stateful(agent, agents)
            self._deliver(joined.apply(work, stateful=True, expand=True, metadata=True))

    def _read(self, name: str) -> StreamingDataFrame:
        topic = self.application.topic(str(name), key_deserializer="bytes", value_deserializer="bytes")
        return self.application.dataframe(topic)

    def _deliver(self, followed: StreamingDataFrame) -> None:
        followed.to_topic(self._topic_of, key=lambda output: output.key)

    def _topic_of(self, output: Output, *_: Any) -> Topic:
        return self._written[output.topic]


def _record(value: bytes, key: bytes | None, timestamp: int) -> Record:
    context = message_context()
    return Record(context.topic, context.partition, context.offset, timestamp, key, value, ())


def _stateful(agent: Agent[Any, Any, Any], agents: Agents) -> Work:
    def work(value: bytes, key: bytes | None, timestamp: int, _headers: Any, state: Any) -> list[Output]:
        turn = turn_of(agent, [_record(value, key, timestamp)], StoredState(state))
        for name, changed in turn.changes.items():
            if changed is None:
                state.delete(name)
            else:
                state.set_bytes(name, changed)
        for output in turn.outputs:
            if output.topic == TopicName.IDENTITY_LINKS:
                agents.links.apply(output.key, output.value)
        return turn.outputs

    return work


def main() -> None:
    """Run until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--unaligned", action="store_true")
    aligned = not parser.parse_args().unaligned
    environment = PeerEnvironment.from_environment()
    freeze_gc_at_startup()
    with tempfile.TemporaryDirectory() as folder:
        made = Topology(environment.bootstrap, Agents.of(environment.keys, environment.partitions), folder).application
        made._dataframe_registry._requires_time_alignment = aligned
        made.run()


if __name__ == "__main__":
    main()
