"""What the peers of `make bench` share: the agents, the topics, and the turn in which an agent runs.

All peers read the services' topics; each writes to topics with its own prefix. The disclosures of the benchmark are
valid, so that a peer which rejects one has an error and ends.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.policy import load_policies
from schemas.topics import CATALOGUE, Topic, TopicName, rejected
from services.settings import Keys
from streams.agents.admit import Admit
from streams.agents.decide import Decide
from streams.agents.identity import Identity
from streams.app import IdentityLinks
from streams.runtime import Agent, Record, Turn

SOURCES = (
    TopicName.FORUM_DISCLOSURES_URGENT,
    TopicName.TEXT_LINE_DISCLOSURES_URGENT,
    TopicName.FORUM_DISCLOSURES,
    TopicName.TEXT_LINE_DISCLOSURES,
)
IDENTITY = (TopicName.IDENTITY_URGENT, TopicName.IDENTITY)
ADMITTED = (TopicName.ADMITTED_URGENT, TopicName.ADMITTED)
#: The environment variable with the partitions of the topics.
PARTITIONS_VARIABLE = "BENCH_PARTITIONS"


@dataclass(frozen=True, slots=True)
class PeerEnvironment:
    """The environment of a peer's process."""

    bootstrap: str
    keys: Keys
    partitions: int

    @classmethod
    def from_environment(cls) -> "PeerEnvironment":
        """Read `KAFKA_BOOTSTRAP`, `CONFIDE_KEYS` and the count of partitions."""
        return cls(
            os.environ["KAFKA_BOOTSTRAP"],
            Keys.load(Path(os.environ["CONFIDE_KEYS"])),
            int(os.environ[PARTITIONS_VARIABLE]),
        )


@dataclass(frozen=True, slots=True)
class Agents:
    """The agents of one peer, and the copy of token → person that ADMIT reads and the peer updates."""

    links: IdentityLinks
    admit: Admit
    identity: Identity
    decide: Decide

    @classmethod
    def of(cls, keys: Keys, partitions: int, links: IdentityLinks | None = None) -> "Agents":
        """Return agents for topics with `partitions` partitions, with that copy or a new one."""
        links = IdentityLinks() if links is None else links
        admit = Admit(
            master_key=keys.master,
            token_key=keys.token,
            token_version=keys.token_version,
            owner=links.owner,
            partitions=partitions,
        )
        return cls(links, admit, Identity(), Decide(load_policies()))


def turn_of(agent: Agent[Any, Any, Any], records: Sequence[Record], state: Any) -> Turn:
    """Return the turn of an agent over the records; `state` needs only `get(key)`."""
    turn = Turn(state, datetime.now(UTC))
    agent.handle([(record, agent.decode(record)) for record in records], turn)
    if turn.rejects:
        raise ValueError(f"{len(turn.rejects)} valid disclosures were rejected")
    return turn


def written_topics(prefix: str) -> dict[str, Topic]:
    """Return the topics that the peer with that prefix writes, declared like those of the worker in the catalogue."""
    wanted = {str(name): CATALOGUE[name] for name in TopicName if name.startswith("safeguarding.")}
    return {
        prefix + name: Topic(prefix + name, topic.partitions, topic.config)
        for name, topic in wanted.items()
        if not name.endswith(rejected(""))
    }
