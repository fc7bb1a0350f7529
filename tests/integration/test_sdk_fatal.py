"""A client of the producer SDK that can never send again, on a real broker: it is replaced, and readiness knows it."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from kafka.admin import KafkaAdminClient

from services.gateway import create_app
from services.gateway.door import OpenDoor
from services.http_server import listen, port_of, running
from services.sdk import DisclosureProducer, KafkaUnavailable
from tests.disclosures import disclosure, raw

# One fault is an error that ends a client's thread.
pytestmark = [
    pytest.mark.integration,
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning"),
]
_TIMEOUT = 3.0
#: Within this time a request must be taken again: the pause between two connections, and a connection.
_SOON = 10.0
_AN_HOUR = 3_600_000


@pytest.fixture
def producer(bootstrap: str) -> Iterator[DisclosureProducer]:
    made = DisclosureProducer(bootstrap, timeout=_TIMEOUT)
    made.publish(disclosure("before"))
    yield made
    made.close()


def client_of(producer: DisclosureProducer) -> Any:
    return producer._connection._producer


def _end_its_thread(producer: DisclosureProducer) -> None:
    client = client_of(producer)

    def end() -> None:
        raise SystemExit

    client._sender.run_once = end
    client._sender.wakeup()
    client._sender.join(_SOON)
    assert not client._sender.is_alive()


def _fail_for_good(producer: DisclosureProducer) -> None:
    # kafka-python does so if two answers about the producer id come. It is no `KafkaError`.
    client_of(producer)._transaction_manager.transition_to_fatal_error(RuntimeError("two requests"))


def _lose_its_id(producer: DisclosureProducer) -> None:
    client_of(producer)._transaction_manager.reset_producer_id()


def _end_its_metadata(producer: DisclosureProducer) -> None:
    metadata = client_of(producer)._metadata

    async def end(*_: object) -> None:
        raise RuntimeError("an unexpected answer")

    metadata.refresh_metadata = end
    refreshing = metadata._refresh_loop_future
    metadata.request_update()
    until = time.monotonic() + _SOON
    while not refreshing.is_done and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert refreshing.failed()


def _let_its_clock_run_ahead(producer: DisclosureProducer) -> None:
    client, admin = client_of(producer), KafkaAdminClient(bootstrap_servers=producer._connection._bootstrap)
    topic = f"clock-{uuid4().hex[:8]}"
    admin.create_topics(
        {
            topic: {
                "num_partitions": 1,
                "replication_factor": 1,
                "configs": {"message.timestamp.type": "CreateTime", "message.timestamp.after.max.ms": "60000"},
            }
        }
    )
    admin.close()
    client.send = partial(client.send, timestamp_ms=int(time.time() * 1000) + _AN_HOUR)
    # Nobody asks for the outcome of this one, as in a process that sends ahead.
    sent = producer._write(topic, b"key", b"value", [], 0)
    until = time.monotonic() + _SOON
    while not sent.is_settled and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert "InvalidTimestamp" in type(sent._result.exception).__name__


_FAULTS = pytest.mark.parametrize(
    "fault", [_end_its_thread, _fail_for_good, _lose_its_id, _end_its_metadata, _let_its_clock_run_ahead]
)


def taken_again(producer: DisclosureProducer) -> float:
    """Return after how many seconds a disclosure is taken; each call must end, and by no other error."""
    begun = time.monotonic()
    while time.monotonic() < begun + _SOON:
        try:
            producer.publish(disclosure("after"))
        except KafkaUnavailable:
            threading.Event().wait(0.05)
        else:
            return time.monotonic() - begun
    raise AssertionError("no disclosure was taken again")


@_FAULTS
def test_a_client_that_can_never_send_again_is_replaced(
    producer: DisclosureProducer, fault: Callable[[DisclosureProducer], None]
) -> None:
    broken = client_of(producer)
    fault(producer)
    taken_again(producer)
    if fault is not _end_its_metadata:
        # That one still sends, until a leader moves.
        assert client_of(producer) is not broken


@_FAULTS
def test_readiness_asks_the_client_that_the_next_disclosure_uses(
    producer: DisclosureProducer, fault: Callable[[DisclosureProducer], None]
) -> None:
    assert producer.ready()
    broken = client_of(producer)
    fault(producer)
    until = time.monotonic() + _SOON
    # Readiness alone has it replaced: no disclosure comes to a gateway that is not ready.
    while not producer.ready() and time.monotonic() < until:
        threading.Event().wait(0.05)
    assert client_of(producer) is not broken
    producer.publish(disclosure("after"))


def test_a_topic_that_is_deleted_and_made_again_is_written_again(producer: DisclosureProducer, bootstrap: str) -> None:
    topic = f"again-{uuid4().hex[:8]}"
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        made = {topic: {"num_partitions": 1, "replication_factor": 1}}
        admin.create_topics(made)
        for _ in range(3):
            assert producer.resend(topic, 0, b"key", b"value", []).topic == topic
        admin.delete_topics([topic])
        until = time.monotonic() + _SOON
        while topic in admin.list_topics() and time.monotonic() < until:
            threading.Event().wait(0.05)
        admin.create_topics(made)
    until = time.monotonic() + 2 * _SOON
    while time.monotonic() < until:
        try:
            assert producer.resend(topic, 0, b"key", b"again", []).offset == 0
            break
        except KafkaUnavailable:
            threading.Event().wait(0.1)
    taken_again(producer)


@_FAULTS
async def test_a_gateway_takes_disclosures_again_and_is_ready_only_if_it_does(
    producer: DisclosureProducer, fault: Callable[[DisclosureProducer], None]
) -> None:
    with listen("127.0.0.1", 0) as bound:
        async with (
            running([(create_app(producer, OpenDoor()), bound)]),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port_of(bound)}", trust_env=False, timeout=30) as client,
        ):
            fault(producer)
            statuses, ready = list[int](), 0
            until = time.monotonic() + _SOON
            while not statuses or (statuses[-1] != 202 and time.monotonic() < until):
                ready = (await client.get("/readyz")).status_code
                statuses.append((await client.post("/v1/disclosures", content=raw("after"))).status_code)
                # Ready means that the next one is taken. The answer may be a second old.
                if ready == 200 and len(statuses) > 1:
                    assert statuses[-1] == 202
            assert set(statuses[:-1]) <= {503}
            assert statuses[-1] == 202
            while ready != 200 and time.monotonic() < until:
                await asyncio.sleep(0.1)  # the answer may be a second old
                ready = (await client.get("/readyz")).status_code
            assert ready == 200
