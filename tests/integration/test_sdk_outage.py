"""The producer SDK when its Kafka goes away and comes back."""

import gc
import threading
import time
from collections.abc import Callable

import pytest

from infra.broker import LocalBroker
from infra.topics import apply
from services.sdk import DisclosureProducer, Unavailable
from tests.disclosures import KEYS, disclosure

pytestmark = pytest.mark.integration


# kafka-python leaves sockets to the garbage collector where it could not connect again.
@pytest.mark.faults
@pytest.mark.filterwarnings(r"ignore:unclosed <socket.socket:ResourceWarning")
def test_a_producer_says_that_kafka_is_gone_in_time_and_goes_on_once_it_is_back(
    own_broker: Callable[[], LocalBroker],
) -> None:
    broker = own_broker()
    apply(broker.bootstrap, 1)
    producer = DisclosureProducer(broker.bootstrap, KEYS, timeout=3.0)
    try:
        first = producer.publish(disclosure("before"))
        assert first.offset == 0
        assert producer.ready()
        broker.kill()
        with pytest.raises(Unavailable) as caught:
            producer.publish(disclosure("during"))
        assert "does not answer" in str(caught.value)
        assert not producer.ready()
        broker.start()
        offset = _publish_once_back(producer)
        # What was given up may be there or not, but nothing is there twice.
        assert offset in (1, 2)
        assert producer.publish(disclosure("after")).offset == offset + 1
        # Another connection asks for that, and finds back in its own time.
        assert _is_ready_within(producer, seconds=30)
    finally:
        producer.close()
        del producer
        gc.collect()


def _is_ready_within(producer: DisclosureProducer, seconds: float) -> bool:
    until, pause = time.monotonic() + seconds, threading.Event()
    while not (ready := producer.ready()) and time.monotonic() < until:
        pause.wait(0.1)
    return ready


def _publish_once_back(producer: DisclosureProducer) -> int:
    for _ in range(10):
        try:
            return producer.publish(disclosure("back")).offset
        except Unavailable:
            continue  # each try waits for up to the producer's own time
    raise AssertionError("the producer did not come back")
