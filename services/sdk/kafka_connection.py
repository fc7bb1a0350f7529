"""One client of Kafka at a time for the producer SDK, replaced once it can never send again.

Written against the source of kafka-python 3.0.12. Each of these leaves its producer unusable for good, and nothing in
kafka-python replaces it:

| what happens | what every later record gets |
|---|---|
| the broker refuses a record for good, for example because a clock ran ahead or a right is missing | the same error |
| an answer about the producer id does not come, or comes twice | the same error, not always a `KafkaError` |
| a record expires between two attempts: the producer id is dropped, and no other is requested | a timeout |
| its thread or its refresh of metadata ends by an unexpected error | a timeout, perhaps only when a leader moves |
| a broker refuses its credential once | a timeout |
"""

import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import structlog
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError
from kafka.net.compat import KafkaNetClient
from kafka.producer.transaction_manager import TransactionState

from schemas.errors import KafkaUnavailable
from schemas.topics import MAX_BATCH_BYTES

#: Shortest time between two connections (seconds). So queued calls fail soon, and not each after the whole timeout; and
#: a client that fails at once is not replaced many times a second.
_PAUSE_SECONDS = 1.0
#: Pause before Kafka is asked for its topics again (seconds).
_AGAIN_SECONDS = 0.05

_log = structlog.get_logger("confide.sdk")


class CannotSend(Exception):
    """The client can never send again."""


class KafkaConnection:
    """Gives the client that the next record uses; threads may share it.

    It connects at the first call, so that a process may start before Kafka does.
    """

    def __init__(self, bootstrap: str, timeout: float) -> None:
        self._bootstrap = bootstrap
        self._timeout = timeout
        #: Held by the thread that connects, perhaps for the whole timeout; `_lock` guards the fields, for moments only.
        self._connecting = threading.Lock()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._producer: Any = None
        #: When the last attempt to connect ended.
        self._connected_at = float("-inf")

    def producer(self) -> Any:
        """Return a client that can send, a new one if needed.

        Raises `KafkaUnavailable` if Kafka does not answer, and for a moment after each connection that did not last.
        """
        asked = time.monotonic()
        if (known := self._usable()) is not None:
            return known
        with self._connecting:
            if (known := self._usable()) is not None:
                return known
            if self._closed.is_set():
                raise KafkaUnavailable("the producer is closed")
            if self._connected_at > asked - _PAUSE_SECONDS:
                # If each waiting thread tried in turn, the last would wait for ever.
                raise KafkaUnavailable("Kafka does not answer")
            try:
                made = self._connect()
            except Exception as error:
                raise unavailable(error) from error
            finally:
                self._connected_at = time.monotonic()
            with self._lock:
                if not self._closed.is_set():
                    self._producer = made
                    return made
        leave(made, 0.0)
        raise KafkaUnavailable("the producer is closed")

    def retire(self, producer: Any, error: Exception) -> None:
        """Have the next call connect again; records already sent with `producer` keep their time limit."""
        with self._lock:
            if producer is None or self._producer is not producer:
                return
            self._producer = None
        # The class alone: the client's text may quote the record.
        _log.warning("the client of Kafka is replaced", error=type(error).__name__)
        threading.Thread(target=leave, args=(producer, self._timeout), name="retired-producer", daemon=True).start()

    def has_topics(self, topics: Collection[str]) -> bool:
        """Return whether the client that the next record uses has the topics now; one that gets no answer is replaced.

        Replaced here too, because no request may come while a gateway counts as not ready.
        """
        try:
            producer = self.producer()
        except KafkaUnavailable:
            return False
        try:
            return _has_topics(producer, frozenset(map(str, topics)), time.monotonic() + self._timeout)
        except Exception as error:  # noqa: BLE001 - whatever it is, a record would fail by it
            self.retire(producer, error)
            return False

    def close(self) -> None:
        """Wait a bounded time for unacknowledged records and disconnect."""
        with self._lock:
            self._closed.set()
            producer, self._producer = self._producer, None
        if producer is not None:
            leave(producer, self._timeout)

    def _usable(self) -> Any:
        known = self._producer
        if known is not None and (fault := fault_of(known)) is not None:
            self.retire(known, fault)
            return None
        return known

    def _connect(self) -> Any:
        limit = int(self._timeout * 1000)
        opened: list[KafkaNetClient] = []

        def recorded(**settings: Any) -> KafkaNetClient:
            opened.append(KafkaNetClient(**settings))
            return opened[-1]

        try:
            return KafkaProducer(
                bootstrap_servers=self._bootstrap,
                bootstrap_timeout_ms=limit,
                # Less than the whole limit, so that a lost answer is requested again within it.
                request_timeout_ms=max(limit // 2, 1),
                reconnect_backoff_max_ms=1_000,
                kafka_client=recorded,
                client_id="confide-disclosures",
                enable_idempotence=True,
                acks="all",
                allow_auto_create_topics=False,
                max_block_ms=limit,
                delivery_timeout_ms=limit,
                max_request_size=MAX_BATCH_BYTES,
            )
        except Exception:
            # A client that could not connect does not close its sockets.
            for client in opened:
                client.close()
            raise


def fault_of(producer: Any) -> Exception | None:
    """Return why a client can never send again; None if it can."""
    manager = producer._transaction_manager  # noqa: SLF001 - kafka-python has no public access to its state
    if not producer._sender.is_alive():  # noqa: SLF001
        return CannotSend("its thread has ended")
    with manager._lock:  # noqa: SLF001
        if manager.has_error():
            fault: Exception = manager.last_error
            return fault
        if manager._current_state is TransactionState.READY and not manager.has_producer_id():  # noqa: SLF001
            return CannotSend("it has lost its producer id")
    return None


def leave(producer: Any, seconds: float) -> None:
    """Close a client within about twice `seconds`, in whatever state it is; unacknowledged records have failed then."""
    sender = producer._sender  # noqa: SLF001 - kafka-python has no public method to end its thread
    try:
        producer.close(timeout=seconds)
    except Exception:  # noqa: BLE001 - it raises if a record is still unacknowledged, and leaves its thread running
        with suppress(Exception):
            sender.force_close()
            producer.close(timeout=seconds)
    if not sender.is_alive():
        # A thread that ended by an unexpected error has not closed its sockets.
        with suppress(Exception):
            sender._client.close()  # noqa: SLF001


def unavailable(error: Exception) -> KafkaUnavailable:
    """Return the error for a caller."""
    # Name the class only: the client's text may quote the record.
    return KafkaUnavailable(f"Kafka does not answer ({type(error).__name__})")


def _set(event: threading.Event, *_: object) -> None:
    event.set()


def _has_topics(producer: Any, topics: frozenset[str], until: float) -> bool:
    """Ask for the topics over the connections of the client itself; raise an error if no answer comes in time."""
    metadata, sender = producer._metadata, producer._sender  # noqa: SLF001 - no public call asks Kafka now
    for topic in topics:
        sender.add_topic(topic)
    answers = 0
    while True:
        are_asked_for = topics <= metadata._topics  # noqa: SLF001
        came = threading.Event()
        answer = metadata.request_update().add_both(_set, came)
        sender.wakeup()
        came.wait(max(0.0, until - time.monotonic()))
        if answer.failed() and not answer.retriable():
            raise answer.exception
        # Without a producer id no record can be sent.
        if answer.succeeded() and are_asked_for and producer._transaction_manager.has_producer_id():  # noqa: SLF001
            if all(metadata.available_partitions_for_topic(topic) for topic in topics):
                return True
            answers += 1
            if answers > 1:
                # The first may have been to a request from before this call.
                return False
        if time.monotonic() >= until:
            raise KafkaTimeoutError("Kafka did not answer in time")
        time.sleep(_AGAIN_SECONDS)
