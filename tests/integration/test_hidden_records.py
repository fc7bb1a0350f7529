"""An emergency behind the open transaction of a stranger: alarmed within seconds, decided once the broker aborts it."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer

from infra.broker import LocalBroker, configuration
from infra.topics import apply
from schemas.codec import decode
from schemas.topics import TopicName
from services.settings import Keys
from streams.app import APPLICATION
from tests.alarm_receiver import Receiver, receiving
from tests.disclosures import fields, id_of
from tests.kafka_fixture import PARTITIONS
from tests.open_transactions import open_transaction
from tests.processes import Processes, processes

pytestmark = [pytest.mark.integration, pytest.mark.faults]

#: Longer than any of our own (milliseconds): a broker that is not ours allows it.
OPEN_MS = 30_000
#: How long the alarm and the decision may take (seconds): the time until it is noticed, and that of a busy machine.
ALARM_SECONDS, DECISION_SECONDS = 15.0, 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def bootstrap(own_broker: Callable[[], LocalBroker], monkeypatch: pytest.MonkeyPatch) -> str:
    lenient = {**configuration.SINGLE_NODE, configuration.MAX_TRANSACTION: str(OPEN_MS)}
    monkeypatch.setattr(configuration, "SINGLE_NODE", lenient)
    broker = own_broker()
    apply(broker.bootstrap, PARTITIONS)
    return broker.bootstrap


@pytest.fixture
def house(bootstrap: str, receiver: Receiver, tmp_path: Path) -> Iterator[Processes]:
    Keys.create(tmp_path / "keys")
    environment = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "CONFIDE_ALARM": receiver.url,
    }
    with processes(environment, tmp_path) as confide:
        yield confide


def decided(bootstrap: str, disclosure_id: str, seconds: float) -> bool:
    """Return whether a decision of the disclosure comes within that time."""
    consumer = KafkaConsumer(
        TopicName.DECISIONS,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        consumer_timeout_ms=int(seconds * 1_000),
    )
    try:
        return any(decode(record.value, "Decision")[1]["disclosure_id"] == disclosure_id for record in consumer)
    finally:
        consumer.close()


async def test_an_emergency_behind_an_open_transaction_is_alarmed_and_decided_once_it_is_aborted(
    house: Processes, receiver: Receiver, bootstrap: str
) -> None:
    house.start("worker").announced()
    topic = TopicName.FORUM_DISCLOSURES_URGENT
    strangers = [(partition, b"stranger", b"junk") for partition in range(PARTITIONS)]
    async with open_transaction(bootstrap, topic, strangers, OPEN_MS):
        began = time.monotonic()
        line = json.dumps(fields("d-1")) + "\n"
        assert house.run("produce", "-", given=line.encode()).returncode == 0
        causes = {f"hidden/{APPLICATION}/{topic}-{partition}" for partition in range(PARTITIONS)}
        receiver.until(lambda seen: causes <= {cause for _, cause, _ in seen.of("hidden")}, ALARM_SECONDS)
        assert time.monotonic() - began < OPEN_MS / 1_000, "the alarm comes while the emergency is hidden"
        facts = receiver.facts("hidden")
        assert facts["topic"] == topic
        assert facts["seconds"] >= 3
    # The writer has left, and its transaction stays open until the broker aborts it.
    assert decided(bootstrap, id_of("d-1"), DECISION_SECONDS)
    receiver.until(lambda seen: {each for each in seen.of("hidden") if each[0] == "all-clear"}, 120.0)
