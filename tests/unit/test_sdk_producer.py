"""Connections of the producer SDK, without a broker: no call waits for a connection that failed a moment ago."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from services.sdk import DisclosureProducer, KafkaUnavailable
from tests.disclosures import disclosure

_SOON = 10.0


class Connected:
    """A connection that sends nothing."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self, timeout: float) -> None:
        assert timeout >= 0.0
        self.is_closed = True


class Connecting(DisclosureProducer):
    """A producer that connects when the test lets it, and counts its attempts."""

    def __init__(self, made: Connected | None) -> None:
        super().__init__("127.0.0.1:1")
        self.made = made
        self.tries = threading.Semaphore(0)
        self.tried = 0
        self.goes_on = threading.Event()

    def _connect(self) -> Any:
        self.tried += 1
        self.tries.release()
        assert self.goes_on.wait(_SOON)
        if self.made is None:
            raise KafkaTimeoutError("no broker")
        return self.made


def test_after_a_failed_connection_no_call_connects_again_at_once() -> None:
    producer = Connecting(None)
    producer.goes_on.set()
    for number in range(5):
        with pytest.raises(KafkaUnavailable):
            producer.publish(disclosure(f"d-{number}"))
    assert producer.tried == 1
    producer.close()


def test_a_producer_that_is_closed_while_it_connects_leaves_no_connection() -> None:
    producer = Connecting(made := Connected())
    with ThreadPoolExecutor(1) as services:
        sent = services.submit(producer.publish, disclosure("d-late"))
        assert producer.tries.acquire(timeout=_SOON)
        producer.close()
        producer.goes_on.set()
        with pytest.raises(KafkaUnavailable, match="closed"):
            sent.result(_SOON)
    assert made.is_closed
    with pytest.raises(KafkaUnavailable, match="closed"):
        producer.publish(disclosure("d-later"))
    assert producer.tried == 1
