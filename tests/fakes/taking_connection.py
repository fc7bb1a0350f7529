"""A fake of the SDK's connection to Kafka, under the real `DisclosureProducer`: keeps the value of each record."""

from types import SimpleNamespace
from typing import Any

from services.sdk.kafka_connection import KafkaConnection


class TakingConnection(KafkaConnection):
    """A connection whose client takes every record."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1:1", 1.0)
        self._values: list[bytes] = []

    def producer(self) -> Any:
        return SimpleNamespace(partitions_for=lambda _: {0}, send=self._send)

    def _send(self, _: str, *, value: bytes, **__: Any) -> Any:
        self._values.append(value)

    def taken(self) -> list[bytes]:
        """Return the values since the last call."""
        values, self._values = self._values, []
        return values
