"""The producer of disclosures: idempotent, acknowledged by every in-sync replica, bounded in time.

Built on kafka-python, whose calls block: a process with an event loop must call it in threads. Threads may share one
producer.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from schemas.codec import encode
from schemas.disclosure import MAX_DISCLOSURE_BYTES, Disclosure, disclosure_key, too_large
from schemas.errors import Invalid, KafkaUnavailable
from schemas.partitioner import partition_for
from schemas.rejection import (
    REFUSED_BY,
    REJECTED_AT,
    REJECTED_BY,
    REJECTED_ERROR,
    REJECTED_FIELD,
    REJECTED_FROM,
    REJECTED_REASON,
    first_field_of,
    reason_of,
)
from schemas.topics import MAX_BATCH_BYTES, MAX_VALUE_BYTES, URGENT, TopicName, rejected
from schemas.trace_context import TRACEPARENT
from schemas.vocabulary import Service
from services.sdk.addressing import intended_topic, topic_of

#: How long a call waits for Kafka before it raises `KafkaUnavailable`, in seconds.
DEFAULT_TIMEOUT = 10.0
#: How long no new connection is tried after one failed (seconds). So queued calls fail soon, and not each after the
#: whole timeout.
_REFUSE_SECONDS = 1.0
#: The most bytes that a service's urgent topic gets of what cannot be read: more than a disclosure may have, so that
#: ADMIT rejects it, and less than the topic takes.
_FIRST_PART_BYTES = MAX_DISCLOSURE_BYTES + 1
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
    """Topic, partition and offset of an acknowledged record."""

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
        """Wait for the acknowledgement and return it; raise `KafkaUnavailable` if it does not come in time."""
        try:
            # The client itself gives up after its delivery timeout. One second more lets it raise the cause.
            metadata = self._result.get(self._timeout + 1)
        except KafkaError as error:
            self._on_failure()
            raise _unavailable(error) from error
        return Acknowledged(metadata.topic, metadata.partition, metadata.offset)


class DisclosureProducer:
    """Writes disclosures to their service's topics, and unreadable bytes to the `.rejected` topics.

    It connects with its first record, so that a process may start before Kafka does. It connects again after a record
    that was not acknowledged: kafka-python's producer drops its producer id when such a record expires between two
    attempts, never requests another id, and would never send again.
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
        #: Held by the thread that connects, perhaps for the whole timeout; `_lock` guards the fields, for moments only.
        self._connecting = threading.Lock()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._producer: Any = None
        self._admin: Any = None
        self._failed_at = float("-inf")

    def send(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Underway:
        """Send the disclosure and return before it is acknowledged; disclosures stay in the order of the calls.

        Raises `Invalid` if it is too large for its topic, and `KafkaUnavailable` if Kafka does not answer.
        """
        value = encode("Disclosure", disclosure.model_dump())
        if len(value) > MAX_DISCLOSURE_BYTES:
            raise too_large()
        return self._write(topic_of(disclosure), disclosure_key(disclosure.disclosure_id), value, _trace(traceparent))

    def publish(self, disclosure: Disclosure, traceparent: bytes | None = None) -> Acknowledged:
        """Send the disclosure and return its acknowledgement.

        Raises `Invalid` if it is too large for its topic, and `KafkaUnavailable` without an acknowledgement in time.
        """
        return self.send(disclosure, traceparent).acknowledged()

    def reject(
        self,
        raw: bytes,
        invalid: Invalid,
        service: Service | None,
        source: str,
        traceparent: bytes | None = None,
        *,
        is_proven: bool = False,
        is_whole: bool = True,
    ) -> Acknowledged | None:
        """Write the original bytes where a person or an operator finds them, and return the acknowledgement.

        Bytes that may be an emergency go to the service's urgent topic as they are, with a header that says so: ADMIT
        rejects them and asks a person. Of bytes that are too large for that topic it gets the first part, and the whole
        is kept on its `.rejected` topic. All others go to the `.rejected` topic of the service's routine topic.

        `service` is the sender if it is known, `is_proven` if a credential proves it; `source` is the component that
        rejected the bytes; `is_whole` is false if `raw` is only their first part. Returns None for bytes that cannot be
        an emergency and are too many to keep. Raises `KafkaUnavailable` if Kafka does not acknowledge in time.
        """
        topic = intended_topic(raw, service, is_proven=is_proven)
        is_kept = is_whole and len(raw) <= MAX_VALUE_BYTES
        # The bytes have no readable id. Keyed by their digest, equal bytes always go to the same partition.
        key = hashlib.sha256(raw).hexdigest().encode()
        if topic in URGENT:
            marked = [(REFUSED_BY, source.encode()), *_trace(traceparent)]
            asked = self._write(topic, key, raw[:_FIRST_PART_BYTES], marked).acknowledged()
            if len(raw) <= _FIRST_PART_BYTES or not is_kept:
                return asked
        elif not is_kept:
            return None
        why = [
            (REJECTED_REASON, reason_of(invalid).encode()),
            (REJECTED_FIELD, first_field_of(invalid).encode()),
            (REJECTED_ERROR, type(invalid).__name__.encode()),
            (REJECTED_BY, source.encode()),
            (REJECTED_FROM, topic.encode()),
            (REJECTED_AT, self._clock().isoformat().encode()),
        ]
        return self._write(rejected(topic), key, raw, why + _trace(traceparent)).acknowledged()

    def resend(
        self, topic: str, partition: int, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> Acknowledged:
        """Write a record again as it came to its topic, and return the acknowledgement.

        Raises `KafkaUnavailable` without an acknowledgement in time.
        """
        return self._write(topic, key, value, list(headers), partition).acknowledged()

    def ready(self) -> bool:
        """Return whether Kafka answers now and has the services' topics."""
        try:
            self._connected()
            admin = self._admin
            return admin is not None and set(admin.list_topics()) >= _OWN_TOPICS
        except (KafkaError, KafkaUnavailable):
            return False

    def close(self) -> None:
        """Wait a bounded time for unacknowledged records and disconnect; a later `send` raises `KafkaUnavailable`."""
        with self._lock:
            self._closed.set()
            producer, self._producer = self._producer, None
            admin, self._admin = self._admin, None
        if producer is not None:
            _leave(producer, self._timeout)
        if admin is not None:
            admin.close()

    def _write(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        partition: int | None = None,
    ) -> Underway:
        """Send a record to `partition`; None: that of its key."""
        producer: Any = None
        try:
            producer = self._connected()
            if partition is None:
                partition = partition_for(key or b"", len(producer.partitions_for(topic)))
            result = producer.send(str(topic), value=value, key=key, headers=headers, partition=partition)
        except KafkaError as error:
            self._retire(producer)
            raise _unavailable(error) from error
        return Underway(result, self._timeout, partial(self._retire, producer))

    def _retire(self, producer: Any) -> None:
        """Let the next record connect again; records already sent with `producer` keep their time limit."""
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
                # Another thread failed to connect a moment ago; if each tried in turn, the last would wait for ever.
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
        """Return a new producer; the admin client is created with the first one and reused."""
        limit = int(self._timeout * 1000)
        answering = {
            "bootstrap_servers": self._bootstrap,
            "bootstrap_timeout_ms": limit,
            # Less than the whole limit, so that a lost answer is requested again within it.
            "request_timeout_ms": max(limit // 2, 1),
            "reconnect_backoff_max_ms": 1_000,
        }
        opened: list[KafkaNetClient] = []

        def recorded(**settings: Any) -> KafkaNetClient:
            opened.append(KafkaNetClient(**settings))
            return opened[-1]

        producer: Any = None
        try:
            producer = KafkaProducer(
                **answering,
                kafka_client=recorded,
                client_id="confide-disclosures",
                enable_idempotence=True,
                acks="all",
                allow_auto_create_topics=False,
                max_block_ms=limit,
                delivery_timeout_ms=limit,
                max_request_size=MAX_BATCH_BYTES,
            )
            if self._admin is None:
                # Only after Kafka answered: an admin client that fails to connect leaves its thread running.
                self._admin = KafkaAdminClient(**answering, kafka_client=recorded)
        except KafkaError:
            if producer is not None:
                producer.close(timeout=0)
                opened.pop(0)
            # A client that could not connect does not close its sockets.
            for client in opened:
                client.close()
            raise
        return producer


def _leave(producer: Any, seconds: float) -> None:
    """Close a producer within twice `seconds`; records that are not acknowledged by then have failed."""
    try:
        producer.close(timeout=seconds)
    except KafkaError:
        # It raises if a record is still unacknowledged, and leaves its thread running.
        producer._sender.force_close()  # noqa: SLF001 - kafka-python has no public method to end it
        producer.close(timeout=seconds)


def _trace(traceparent: bytes | None) -> list[tuple[str, bytes]]:
    return [] if traceparent is None else [(TRACEPARENT, traceparent)]


def _unavailable(error: KafkaError) -> KafkaUnavailable:
    # Name the class only: the client's text may quote the record.
    return KafkaUnavailable(f"Kafka does not answer ({type(error).__name__})")
