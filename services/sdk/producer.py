"""The producer of disclosures: idempotent, acknowledged by every in-sync replica, bounded in time.

Built on kafka-python, whose calls block: a process with an event loop calls these in threads. Threads may share one.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from schemas.codec import encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure
from schemas.errors import Invalid
from schemas.partitioner import partition_for
from schemas.telemetry import TRACEPARENT
from schemas.topics import MAX_BATCH_BYTES, MAX_VALUE_BYTES, TopicName, rejected
from schemas.vocabulary import Service
from services.sdk.addressing import intended_topic, message_key, topic_of
from services.settings import Keys

#: How long Kafka has to answer before a call ends as `Unavailable`, in seconds.
DEFAULT_TIMEOUT = 10.0
_MAX_REASON = 1_000
_OWN_TOPICS = frozenset(
    {
        TopicName.FORUM_DISCLOSURES,
        TopicName.FORUM_DISCLOSURES_URGENT,
        TopicName.TEXT_LINE_DISCLOSURES,
        TopicName.TEXT_LINE_DISCLOSURES_URGENT,
    }
)


class Unavailable(Exception):
    """Kafka did not acknowledge in time: whether it has the record is unknown, and the same may be sent again."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Where Kafka has the record."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Underway:
    """A record that was sent and is not acknowledged yet."""

    _result: Any
    _timeout: float

    def acknowledged(self) -> Acknowledged:
        """Return where Kafka has the record; wait for it, or raise `Unavailable`."""
        try:
            # The client gives up by itself after its delivery timeout; a little longer lets it say why.
            metadata = self._result.get(self._timeout + 1)
        except KafkaError as error:
            raise _unavailable(error) from error
        return Acknowledged(metadata.topic, metadata.partition, metadata.offset)


class DisclosureProducer:
    """Writes disclosures to their service's topics, and what cannot be read to the `.rejected` ones.

    It connects with its first record, so that a process may start before Kafka does.
    """

    def __init__(
        self,
        bootstrap: str,
        keys: Keys,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bootstrap = bootstrap
        self._keys = keys
        self._timeout = timeout
        self._clock = clock
        self._lock = threading.Lock()
        self._producer: Any = None
        self._admin: Any = None
        self._failed_at = float("-inf")

    def send(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Underway:
        """Hand the disclosure to Kafka and return before it is acknowledged; what is sent in order stays in order.

        Raises `Invalid` where it is too large for its topic, `Unavailable` where Kafka does not answer.
        """
        value = encode("Disclosure", disclosure.model_dump())
        if len(value) > MAX_DISCLOSURE_BYTES:
            raise too_large()
        key = message_key(disclosure, self._keys.service(disclosure.service))
        return self._write(topic_of(disclosure), key, value, _trace(traceparent))

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        """Return once Kafka has acknowledged the disclosure.

        Raises `Invalid` where it is too large for its topic, `Unavailable` where Kafka does not acknowledge in time.
        """
        return self.send(disclosure, traceparent).acknowledged()

    def reject(
        self,
        raw: bytes,
        invalid: Invalid,
        service: Service | None,
        source: str,
        traceparent: bytes | None = None,
    ) -> Acknowledged | None:
        """Keep the original bytes on the `.rejected` topic they belong to and return where, once acknowledged.

        `service` is who sent them where that is known, `source` who refused them. None where they are larger than the
        topic takes. Raises `Unavailable` where Kafka does not acknowledge in time.
        """
        if len(raw) > MAX_VALUE_BYTES:
            return None
        topic = intended_topic(raw, service)
        first = invalid.problems[0].field if invalid.problems else ""
        why = [
            ("rejected-reason", str(invalid)[:_MAX_REASON].encode()),
            ("rejected-field", first.encode()),
            ("rejected-error", type(invalid).__name__.encode()),
            ("rejected-by", source.encode()),
            ("rejected-from", topic.encode()),
            ("rejected-at", self._clock().isoformat().encode()),
        ]
        return self._write(rejected(topic), None, raw, why + _trace(traceparent)).acknowledged()

    def ready(self) -> bool:
        """Return whether Kafka answers now and has the services' topics."""
        try:
            self._connected()
            return set(self._admin.list_topics()) >= _OWN_TOPICS
        except (KafkaError, Unavailable):
            return False

    def close(self) -> None:
        """Wait for what is under way, bounded in time, and leave Kafka."""
        with self._lock:
            producer, self._producer = self._producer, None
            admin, self._admin = self._admin, None
        if producer is not None:
            producer.close(timeout=self._timeout)
        if admin is not None:
            admin.close()

    def _write(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Underway:
        try:
            producer = self._connected()
            # A record without a key may lie in any partition: the client chooses.
            partition = None if key is None else partition_for(key, len(producer.partitions_for(topic)))
            result = producer.send(str(topic), value=value, key=key, headers=headers, partition=partition)
        except KafkaError as error:
            raise _unavailable(error) from error
        return Underway(result, self._timeout)

    def _connected(self) -> Any:
        asked = time.monotonic()
        with self._lock:
            if self._producer is None:
                if self._failed_at > asked:
                    # Another thread tried in vain while this one waited; each trying in turn would take for ever.
                    raise Unavailable("Kafka does not answer")
                try:
                    self._producer, self._admin = self._connect()
                except KafkaError:
                    self._failed_at = time.monotonic()
                    raise
            return self._producer

    def _connect(self) -> tuple[Any, Any]:
        limit = int(self._timeout * 1000)
        answering = {
            "bootstrap_servers": self._bootstrap,
            "bootstrap_timeout_ms": limit,
            # Less than the whole, so that a lost answer is asked for again within it.
            "request_timeout_ms": max(limit // 2, 1),
            "reconnect_backoff_max_ms": 1_000,
        }
        opened: list[KafkaNetClient] = []

        def remembered(**settings: Any) -> KafkaNetClient:
            opened.append(KafkaNetClient(**settings))
            return opened[-1]

        producer: Any = None
        try:
            producer = KafkaProducer(
                **answering,
                kafka_client=remembered,
                client_id="confide-disclosures",
                enable_idempotence=True,
                acks="all",
                allow_auto_create_topics=False,
                max_block_ms=limit,
                delivery_timeout_ms=limit,
                max_request_size=MAX_BATCH_BYTES,
            )
            # One for the life of the process, and only once Kafka answered: one that fails leaves its thread behind.
            return producer, KafkaAdminClient(**answering, kafka_client=remembered)
        except KafkaError:
            if producer is not None:
                producer.close(timeout=0)
                opened.pop(0)
            # One that could not connect does not give its sockets back.
            for client in opened:
                client.close()
            raise


def too_large() -> Invalid:
    """Return the error of a disclosure that is larger than its topic takes."""
    return Invalid.of("disclosure", f"is larger than {MAX_DISCLOSURE_BYTES} bytes")


def _trace(traceparent: bytes | None) -> list[tuple[str, bytes]]:
    return [] if traceparent is None else [(TRACEPARENT, traceparent)]


def _unavailable(error: KafkaError) -> Unavailable:
    # Only the class: a text of the client may quote what it was given.
    return Unavailable(f"Kafka does not answer ({type(error).__name__})")
