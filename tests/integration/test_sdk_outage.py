"""The producer SDK when its Kafka stops and starts again."""

import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from infra.broker import LocalBroker
from infra.topics import apply
from services.sdk import DisclosureProducer, KafkaUnavailable
from tests.disclosures import disclosure

pytestmark = pytest.mark.integration


# kafka-python leaves sockets to the garbage collector if it could not connect again.
@pytest.mark.faults
@pytest.mark.filterwarnings(r"ignore:unclosed <socket.socket:ResourceWarning")
def test_a_producer_reports_that_kafka_is_gone_in_time_and_continues_when_it_is_back(
    own_broker: Callable[[], LocalBroker],
) -> None:
    broker = own_broker()
    apply(broker.bootstrap, 1)
    producer = DisclosureProducer(broker.bootstrap, timeout=3.0)
    try:
        first = producer.publish(disclosure("before"))
        assert first.offset == 0
        assert producer.ready()
        broker.kill()
        with pytest.raises(KafkaUnavailable) as caught:
            producer.publish(disclosure("during"))
        assert "does not answer" in str(caught.value)
        assert not producer.ready()
        broker.start()
        offset = _publish_once_back(producer)
        # An unacknowledged record may be there or not, but no record is there twice.
        assert offset in (1, 2)
        assert producer.publish(disclosure("after")).offset == offset + 1
        assert producer.ready()
    finally:
        producer.close()
        del producer
        gc.collect()


@pytest.mark.faults
@pytest.mark.filterwarnings(r"ignore:unclosed <socket.socket:ResourceWarning")
def test_a_producer_whose_records_expired_between_two_tries_sends_again_and_leaves_no_thread(
    own_broker: Callable[[], LocalBroker],
) -> None:
    broker = own_broker()
    apply(broker.bootstrap, 12)
    threads = set(threading.enumerate())
    producer = DisclosureProducer(broker.bootstrap, timeout=2.0)
    took = threading.Semaphore(0)
    stop = threading.Event()

    def publish(producer: DisclosureProducer, name: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(KafkaUnavailable):
                producer.publish(disclosure(f"{name}-{number}"))
                took.release()

    # Many at once, so that some are in flight at the kill: only these are retried and expire.
    with ThreadPoolExecutor(16) as services:
        for name in range(16):
            services.submit(publish, producer, name)
        try:
            for _ in range(3):
                assert all(took.acquire(timeout=30.0) for _ in range(100))
                broker.kill()
                # Longer than the time limit of an acknowledgement.
                stop.wait(3.0)
                while took.acquire(blocking=False):
                    pass
                broker.start()
            assert all(took.acquire(timeout=30.0) for _ in range(100))
        finally:
            stop.set()
    producer.close()
    del producer
    gc.collect()
    for left in set(threading.enumerate()) - threads:
        left.join(timeout=10.0)
        assert not left.is_alive(), left


def _publish_once_back(producer: DisclosureProducer) -> int:
    until, pause = time.monotonic() + 30.0, threading.Event()
    while time.monotonic() < until:
        try:
            return producer.publish(disclosure("back")).offset
        except KafkaUnavailable:
            pause.wait(0.1)  # each attempt waits for up to the producer's own limit, or is refused at once
    raise AssertionError("the producer did not come back")
