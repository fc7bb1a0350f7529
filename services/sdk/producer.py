"""The producer of disclosures: idempotent, acknowledged by every in-sync replica, bounded in time.

Built on kafka-python, whose calls block: a process with an event loop must call it in threads. Threads may share one
producer.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas.disclosure import Disclosure, disclosure_key, encode_disclosure, validate
from schemas.fields import Model
from schemas.partitioner import partition_for
from schemas.topics import SERVICE_OF
from schemas.trace_context import TRACEPARENT
from services.sdk.addressing import topic_of
from services.sdk.kafka_connection import KafkaConnection, unavailable
from services.sdk.refused import Refused, write_refused

#: How long a call waits for Kafka before it raises `KafkaUnavailable`, in seconds.
DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Topic, partition and offset of an acknowledged record."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Underway:
    """A record that was sent and is not acknowledged yet."""

    _result: Any
    #: When the wait for the acknowledgement ends, by the monotonic clock.
    _until: float
    _on_failure: Callable[[Exception], None]

    @property
    def is_settled(self) -> bool:
        """Whether `acknowledged` returns or raises at once."""
        return bool(self._result.is_done) or time.monotonic() >= self._until

    def acknowledged(self) -> Acknowledged:
        """Wait for the acknowledgement and return it; raise `KafkaUnavailable` if it does not come in time."""
        try:
            metadata = self._result.get(max(0.0, self._until - time.monotonic()))
        except Exception as error:
            # Not all of the client's errors are a `KafkaError`.
            self._on_failure(error)
            raise unavailable(error) from error
        return Acknowledged(metadata.topic, metadata.partition, metadata.offset)


class DisclosureProducer:
    """Writes disclosures to their service's topics, and unreadable bytes to the `.rejected` topics.

    It connects with its first record, so that a process may start before Kafka does. It connects again after a record
    that was not acknowledged, and instead of a client that can never send again (`kafka_connection`).
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        connection: KafkaConnection | None = None,
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._connection = connection or KafkaConnection(bootstrap, timeout)

    def send(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Underway:
        """Send the disclosure and return before it is acknowledged; disclosures stay in the order of the calls.

        Raises `Invalid` if it is not valid or too large for its topic, and `KafkaUnavailable` if Kafka does not answer.
        """
        # `model_copy` and `model_construct` check nothing.
        sent = validate(_fields_of(disclosure))
        return self._write(
            topic_of(sent), disclosure_key(sent.disclosure_id), encode_disclosure(sent), _trace(traceparent)
        )

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        """Send the disclosure and return its acknowledgement.

        Raises `Invalid` if it is not valid or too large for its topic, and `KafkaUnavailable` without an
        acknowledgement in time.
        """
        return self.send(disclosure, traceparent).acknowledged()

    def reject(self, refused: Refused, traceparent: bytes | None = None) -> Acknowledged | None:
        """Write refused bytes where a person or an operator finds them, and return the acknowledgement.

        Returns None for bytes that cannot be an emergency and are too many to keep. Raises `KafkaUnavailable` if Kafka
        does not acknowledge in time.
        """

        def write(topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Acknowledged:
            return self._write(topic, key, value, headers).acknowledged()

        return write_refused(refused, _trace(traceparent), self._clock(), write)

    def resend(
        self, topic: str, partition: int, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes | None]]
    ) -> Acknowledged:
        """Write a record again as it came to its topic, and return the acknowledgement.

        Raises `KafkaUnavailable` without an acknowledgement in time.
        """
        # kafka-python writes no header without a value.
        filled = [(name, text or b"") for name, text in headers]
        return self._write(topic, key, value, filled, partition).acknowledged()

    def ready(self) -> bool:
        """Return whether the client that the next record uses reaches Kafka now, and finds the services' topics."""
        return self._connection.has_topics(SERVICE_OF)

    def close(self) -> None:
        """Wait a bounded time for unacknowledged records and disconnect; a later `send` raises `KafkaUnavailable`."""
        self._connection.close()

    def _write(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        partition: int | None = None,
    ) -> Underway:
        """Send a record to `partition`; None: that of its key."""
        producer = self._connection.producer()

        def on_failure(error: Exception) -> None:
            self._connection.retire(producer, error)

        try:
            if partition is None:
                partition = partition_for(key or b"", len(producer.partitions_for(str(topic))))
            result = producer.send(str(topic), value=value, key=key, headers=headers, partition=partition)
        except Exception as error:
            on_failure(error)
            raise unavailable(error) from error
        # The client itself gives up after its delivery timeout. One second more lets it raise the cause.
        return Underway(result, time.monotonic() + self._timeout + 1, on_failure)


def _fields_of(value: Any) -> Any:
    """Return the fields of a model and of the models in it. pydantic's own dump leaves out a name that is unknown."""
    if isinstance(value, Model):
        return {name: _fields_of(each) for name, each in vars(value).items()}
    return [_fields_of(each) for each in value] if isinstance(value, list | tuple) else value


def _trace(traceparent: bytes | None) -> list[tuple[str, bytes]]:
    return [] if traceparent is None else [(TRACEPARENT, traceparent)]
