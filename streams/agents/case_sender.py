"""The sender of everything that follows from one case."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.codec import encode
from streams.runtime import Origin, Turn


@dataclass(frozen=True, slots=True)
class CaseSender:
    """Sends the records of one case in a turn: all with one key, to one partition, in one trace.

    `partition` None: the partition that the key belongs to.
    """

    turn: Turn
    key: bytes
    origin: Origin
    partition: int | None

    def send(self, topic: str, schema: str, fields: Mapping[str, Any]) -> None:
        """Add a record with these fields, encoded by that schema, to the turn."""
        self.turn.send(topic, self.key, encode(schema, fields), origin=self.origin, partition=self.partition)
