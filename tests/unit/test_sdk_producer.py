"""Connections of the producer SDK, without a broker: one that cannot send is replaced, and none is tried too often."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.producer.transaction_manager import ProducerIdAndEpoch, TransactionManager, TransactionState

from services.sdk import DisclosureProducer, KafkaUnavailable, kafka_connection
from services.sdk.kafka_connection import KafkaConnection, fault_of
from tests.disclosures import disclosure

_SOON = 10.0


class Sender:
    """The thread of a client."""

    def __init__(self) -> None:
        self.lives = True

    def is_alive(self) -> bool:
        return self.lives


class Result:
    """What a client gives for a record: its error."""

    is_done = True

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get(self, _: float) -> Any:
        raise self._error


class Client:
    """A client whose records fail."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = threading.Event()
        self.sent = 0
        self._error = error or KafkaTimeoutError()
        self._sender = Sender()
        self._transaction_manager = TransactionManager(api_version=(4, 0))
        self._transaction_manager.set_producer_id_and_epoch(ProducerIdAndEpoch(7, 0))
        self._transaction_manager._current_state = TransactionState.READY

    def partitions_for(self, _: str) -> set[int]:
        return {0}

    def send(self, *_: Any, **__: Any) -> Result:
        self.sent += 1
        return Result(self._error)

    def close(self, timeout: float) -> None:
        assert timeout >= 0.0
        self.closed.set()


class Connecting(KafkaConnection):
    """A connection that is made when the test lets it, of these clients one after the other."""

    def __init__(self, *made: Client) -> None:
        super().__init__("127.0.0.1:1", 10.0)
        self.made = list(made)
        self.tries = threading.Semaphore(0)
        self.tried = 0
        self.goes_on = threading.Event()

    def _connect(self) -> Any:
        self.tried += 1
        self.tries.release()
        assert self.goes_on.wait(_SOON)
        if not self.made:
            raise KafkaTimeoutError("no broker")
        return self.made.pop(0)


def over(connection: Connecting) -> DisclosureProducer:
    return DisclosureProducer("127.0.0.1:1", connection=connection)


def connected(*made: Client) -> Connecting:
    connection = Connecting(*made)
    connection.goes_on.set()
    return connection


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_connection, "_PAUSE_SECONDS", 0.0)


def test_after_a_failed_connection_no_call_connects_again_at_once() -> None:
    producer = over(connection := connected())
    for number in range(5):
        with pytest.raises(KafkaUnavailable):
            producer.publish(disclosure(f"d-{number}"))
    assert connection.tried == 1
    producer.close()


def test_a_producer_that_is_closed_while_it_connects_leaves_no_connection() -> None:
    made = Client()
    producer = over(connection := Connecting(made))
    with ThreadPoolExecutor(1) as services:
        sent = services.submit(producer.publish, disclosure("d-late"))
        assert connection.tries.acquire(timeout=_SOON)
        producer.close()
        connection.goes_on.set()
        with pytest.raises(KafkaUnavailable, match="closed"):
            sent.result(_SOON)
    assert made.closed.is_set()
    with pytest.raises(KafkaUnavailable, match="closed"):
        producer.publish(disclosure("d-later"))
    assert connection.tried == 1


def _end_thread(client: Client) -> None:
    client._sender.lives = False


def _fail_for_good(client: Client) -> None:
    client._transaction_manager.transition_to_fatal_error(KafkaTimeoutError())


def _lose_id(client: Client) -> None:
    # What it does after a record that expired between two attempts.
    client._transaction_manager.reset_producer_id()


@pytest.mark.parametrize("broken", [_end_thread, _fail_for_good, _lose_id])
@pytest.mark.usefixtures("no_pause")
def test_a_client_that_can_never_send_again_is_replaced_before_the_next_record(
    broken: Callable[[Client], None],
) -> None:
    first, second = Client(), Client()
    connection = connected(first, second)
    assert connection.producer() is first
    assert fault_of(first) is None
    broken(first)
    assert connection.producer() is second
    assert first.closed.wait(_SOON)


@pytest.mark.parametrize("state", [TransactionState.INITIALIZING, TransactionState.BUMPING_PRODUCER_EPOCH])
def test_a_client_that_waits_for_its_id_is_not_replaced(state: TransactionState) -> None:
    client = Client()
    client._transaction_manager.reset_producer_id()
    client._transaction_manager._current_state = state
    assert fault_of(client) is None


def test_a_client_that_fails_at_once_is_not_replaced_many_times_a_second() -> None:
    producer = over(connection := connected(*(Client() for _ in range(5))))
    for number in range(5):
        with pytest.raises(KafkaUnavailable):
            producer.publish(disclosure(f"d-{number}"))
    assert connection.tried == 1


@pytest.mark.parametrize("error", [KafkaTimeoutError(), RuntimeError("Jane Roe"), OSError("07700900123")])
@pytest.mark.usefixtures("no_pause")
def test_whatever_a_record_fails_by_the_caller_is_told_and_the_client_replaced(error: Exception) -> None:
    first, second = Client(error), Client(error)
    producer = over(connected(first, second))
    for client in (first, second):
        with pytest.raises(KafkaUnavailable, match=type(error).__name__) as caught:
            producer.publish(disclosure())
        assert client.sent == 1
        assert "Jane" not in str(caught.value)
        assert "07700" not in str(caught.value)
        assert client.closed.wait(_SOON)
