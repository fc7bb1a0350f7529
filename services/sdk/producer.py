"""The producer of disclosures: idempotent, acknowledged by every in-sync replica, bounded in time.

Built on kafka-python, whose calls block: a process with an event loop calls these in threads. Threads may share one.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from schemas.codec import encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, disclosure_key
from schemas.errors import Invalid, KafkaUnavailable
from schemas.partitioner import partition_for
from schemas.rejection import (
    REJECTED_AT,
    REJECTED_BY,
    REJECTED_ERROR,
    REJECTED_FIELD,
    REJECTED_FROM,
    REJECTED_REASON,
    first_field_of,
    reason_of,
)
from schemas.topics import MAX_BATCH_BYTES, MAX_VALUE_BYTES, TopicName, rejected
from schemas.trace_context import TRACEPARENT
from schemas.vocabulary import Service
from services.sdk.addressing import intended_topic, topic_of

#: How long Kafka has to answer before a call ends as `KafkaUnavailable`, in seconds.
DEFAULT_TIMEOUT = 10.0
#: How long after a connection that failed nobody tries another (seconds): calls that wait in a queue fail soon then,
#: not each after the whole timeout.
_REFUSE_SECONDS = 1.0
_OWN_TOPICS = frozenset(
    {
        TopicName.FORUM_DISCLOSURES,
        TopicName.FORUM_DISCLOSURES_URGENT,
        TopicName.TEXT_LINE_DISCLOSURES,
        TopicName.TEXT_LINE_DISCLOSURES_URGENT,
    }
)


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
    _on_failure: Callable[[], None]

    def acknowledged(self) -> Acknowledged:
        """Return where Kafka has the record; wait for it, or raise `KafkaUnavailable`."""
        try:
            # The client gives up by itself after its delivery timeout; a little longer lets it say why.
            metadata = self._result.get(self._timeout + 1)
        except KafkaError as error:
            self._on_failure()
            raise _unavailable(error) from error
        return Acknowledged(metadata.topic, metadata.partition, metadata.offset)


class DisclosureProducer:
    """Writes disclosures to their service's topics, and what cannot be read to the `.rejected` ones.

    It connects with its first record, so that a process may start before Kafka does, and connects anew after a record
    that was not acknowledged: kafka-python's producer drops its producer id when such a record expires between two
    tries, never asks for another id, and would send nothing for the rest of its life.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bootstrap = bootstrap
        self._timeout = timeout
        self._clock = clock
        #: Held by whoever connects, which may take the whole timeout; `_lock` guards the fields, for moments.
        self._connecting = threading.Lock()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._producer: Any = None
        self._admin: Any = None
        self._failed_at = float("-inf")

    def send(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Underway:
        """Hand the disclosure to Kafka and return before it is acknowledged; what is sent in order stays in order.

        Raises `Invalid` where it is too large for its topic, `KafkaUnavailable` where Kafka does not answer.
        """
        value = encode("Disclosure", disclosure.model_dump())
        if len(value) > MAX_DISCLOSURE_BYTES:
            raise too_large()
        return self._write(topic_of(disclosure), disclosure_key(disclosure.disclosure_id), value, _trace(traceparent))

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        """Return once Kafka has acknowledged the disclosure.

        Raises `Invalid` where it is too large for its topic and `KafkaUnavailable` without an acknowledgement in time.
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
        topic takes. Raises `KafkaUnavailable` where Kafka does not acknowledge in time.
        """
        if len(raw) > MAX_VALUE_BYTES:
            return None
        topic = intended_topic(raw, service)
        why = [
            (REJECTED_REASON, reason_of(invalid).encode()),
            (REJECTED_FIELD, first_field_of(invalid).encode()),
            (REJECTED_ERROR, type(invalid).__name__.encode()),
            (REJECTED_BY, source.encode()),
            (REJECTED_FROM, topic.encode()),
            (REJECTED_AT, self._clock().isoformat().encode()),
        ]
        # They have no id that can be read: by their digest the same bytes always come to the same place.
        key = hashlib.sha256(raw).hexdigest().encode()
        return self._write(rejected(topic), key, raw, why + _trace(traceparent)).acknowledged()

    def ready(self) -> bool:
        """Return whether Kafka answers now and has the services' topics."""
        try:
            self._connected()
            admin = self._admin
            return admin is not None and set(admin.list_topics()) >= _OWN_TOPICS
        except (KafkaError, KafkaUnavailable):
            return False

    def close(self) -> None:
        """Wait a bounded time for what is under way, and leave Kafka; a later `send` raises `KafkaUnavailable`."""
        with self._lock:
            self._closed.set()
            producer, self._producer = self._producer, None
            admin, self._admin = self._admin, None
        if producer is not None:
            _leave(producer, self._timeout)
        if admin is not None:
            admin.close()

    def _write(self, topic: str, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> Underway:
        producer: Any = None
        try:
            producer = self._connected()
            partition = partition_for(key, len(producer.partitions_for(topic)))
            result = producer.send(str(topic), value=value, key=key, headers=headers, partition=partition)
        except KafkaError as error:
            self._retire(producer)
            raise _unavailable(error) from error
        return Underway(result, self._timeout, partial(self._retire, producer))

    def _retire(self, producer: Any) -> None:
        """Have the next record connect anew; what is under way with `producer` keeps its time to be acknowledged."""
        with self._lock:
            if producer is None or self._producer is not producer:
                return
            self._producer = None
        threading.Thread(target=_leave, args=(producer, self._timeout), name="retired-producer", daemon=True).start()

    def _connected(self) -> Any:
        asked = time.monotonic()
        if (known := self._producer) is not None:
            return known
        with self._connecting:
            if (known := self._producer) is not None:
                return known
            if self._closed.is_set():
                raise KafkaUnavailable("the producer is closed")
            if self._failed_at > asked - _REFUSE_SECONDS:
                # Another thread tried in vain a moment ago; each trying in turn would take for ever.
                raise KafkaUnavailable("Kafka does not answer")
            try:
                made = self._connect()
            except KafkaError:
                self._failed_at = time.monotonic()
                raise
            with self._lock:
                if not self._closed.is_set():
                    self._producer = made
                    return made
                admin, self._admin = self._admin, None
        _leave(made, 0.0)
        if admin is not None:
            admin.close()
        raise KafkaUnavailable("the producer is closed")

    def _connect(self) -> Any:
        """Return a new producer; the admin client is made with the first, and then kept."""
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
            if self._admin is None:
                # Only once Kafka answered: one that fails leaves its thread behind.
                self._admin = KafkaAdminClient(**answering, kafka_client=remembered)
        except KafkaError:
            if producer is not None:
                producer.close(timeout=0)
                opened.pop(0)
            # One that could not connect does not give its sockets back.
            for client in opened:
                client.close()
            raise
        return producer


def _leave(producer: Any, seconds: float) -> None:
    """Close a producer after at most that long, twice; what is not acknowledged by then has failed."""
    try:
        producer.close(timeout=seconds)
    except KafkaError:
        # It raises where a record is still under way, and leaves its thread running.
        producer._sender.force_close()  # noqa: SLF001 - kafka-python has no public way to end it
        producer.close(timeout=seconds)


def too_large() -> Invalid:
    """Return the error of a disclosure that is larger than its topic takes."""
    return Invalid.of("disclosure", f"is larger than {MAX_DISCLOSURE_BYTES} bytes")


def _trace(traceparent: bytes | None) -> list[tuple[str, bytes]]:
    return [] if traceparent is None else [(TRACEPARENT, traceparent)]


def _unavailable(error: KafkaError) -> KafkaUnavailable:
    # Only the class: a text of the client may quote what it was given.
    return KafkaUnavailable(f"Kafka does not answer ({type(error).__name__})")
