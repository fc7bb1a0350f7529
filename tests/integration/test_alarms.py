"""Alarms on a real broker, from what raises them to a webhook: one for each cause and step, and one all-clear."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.topics import TopicName
from schemas.vocabulary import Agency
from services.settings import Keys
from streams.app import APPLICATION
from tests.alarm_receiver import Receiver, receiving
from tests.disclosures import fields
from tests.integration.test_reviews import DUTY, LEAD, VOLUNTEER
from tests.kafka_fixture import PARTITIONS, KafkaFixture
from tests.processes import Processes, processes
from tests.raw_agency import Mode, raw_agency

pytestmark = [pytest.mark.integration, pytest.mark.faults]

#: Longer than the interval between two calls, so that each escalation has a call of its own.
SECONDS = "6"
#: How long an all-clear may take: the cause has to be quiet for a minute (seconds).
ALL_CLEAR = 150.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def bootstrap(own_broker: Callable[[], LocalBroker]) -> str:
    broker = own_broker()
    apply(broker.bootstrap, PARTITIONS)
    return broker.bootstrap


@pytest.fixture
def house(bootstrap: str, receiver: Receiver, tmp_path: Path) -> Iterator[Processes]:
    Keys.create(tmp_path / "keys")
    Keys.create_staff(tmp_path / "keys", LEAD)
    (tmp_path / "duty.toml").write_text(DUTY)
    environment = {
        "KAFKA_BOOTSTRAP": bootstrap,
        "CONFIDE_KEYS": str(tmp_path / "keys"),
        "CONFIDE_DUTY": str(tmp_path / "duty.toml"),
        "CONFIDE_ALARM": receiver.url,
    }
    with processes(environment, tmp_path) as confide:
        yield confide


def test_a_review_that_escalates_alarms_once_a_step_whatever_dies(house: Processes, receiver: Receiver) -> None:
    receiver.held, receiver.statuses = threading.Event(), [204, 500]
    worker = house.start_module("tests.review_worker", SECONDS)
    worker.announced()
    line = json.dumps(fields("d-1", assessment=VOLUNTEER)) + "\n"
    assert house.run("produce", "-", given=line.encode()).returncode == 0
    # The receiver has the call, and its worker does not live to hear so.
    receiver.until(lambda seen: len(seen.calls) == 1)
    worker.kill()
    receiver.held.set()
    receiver.held = None
    house.start_module("tests.review_worker", SECONDS).announced()
    receiver.until(lambda seen: len(seen.of("review")) == 3)
    first, again, delivered = receiver.calls[:3]
    assert first == again == delivered  # of the dead worker, answered 500, and taken

    (review,) = (json.loads(each) for each in house.run("review", "list", "--json").stdout.splitlines())
    cause = f"review/{review['review_id']}"
    settled = house.run("review", "decide", review["review_id"], "--as", LEAD, "--confirm")
    assert settled.returncode == 0, settled.stderr
    receiver.until(lambda seen: seen.of("review")[-1][0] == "all-clear")
    *alarms, all_clear = receiver.of("review")
    steps = [step for what, _, step in alarms if what == "alarm" and step is not None]
    assert len(steps) == len(alarms)
    assert steps[0] == 0
    assert steps == sorted(set(steps))
    assert all_clear == ("all-clear", cause, None)
    assert {each for _, each, _ in receiver.heard()} == {cause}  # of nothing else, from beginning to end
    assert receiver.facts("review")["on_duty"] == LEAD


def strand(bootstrap: str, topic: str, records: int, offset: int) -> None:
    """Put records into partition 0 that claim to be of 1970, and commit an offset for which no lane has a state."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for _ in range(records):
        producer.send(str(topic), b"not a record", partition=0, timestamp_ms=0).get(20)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=APPLICATION, enable_auto_commit=False)
    place = TopicPartition(str(topic), 0)
    consumer.assign([place])
    consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    consumer.close()


def test_a_lane_that_refuses_says_what_waits_until_it_opens(
    house: Processes, receiver: Receiver, bootstrap: str
) -> None:
    strand(bootstrap, TopicName.ADMITTED, records=5, offset=2)
    written = time.monotonic()
    worker = house.start("worker", "--slot", "1")
    worker.announced()
    cause = f"lane/{APPLICATION}/decide-0"
    receiver.until(lambda seen: seen.of("lane"))
    facts = receiver.facts("lane")
    assert 0 <= facts.pop("oldest_seconds") <= time.monotonic() - written + 1
    assert facts == {"lane": "decide-0", "error": "StateDoesNotFit", "waiting": 3}
    assert worker.stop() == 0
    house.start("worker", "--slot", "1", "--accept", "decide-0").announced()
    receiver.until(lambda seen: len(seen.of("lane")) == 2, ALL_CLEAR)
    assert receiver.of("lane") == [("alarm", cause, 0), ("all-clear", cause, None)]


def test_a_clock_that_is_set_alarms_once_until_it_is_right_or_the_process_begins_anew(
    house: Processes, receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "clock"

    def set_clock(seconds: int) -> None:
        new = file.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(file)

    set_clock(0)
    worker = house.start_module("tests.set_clock", str(file), "worker")
    worker.announced()
    set_clock(-3_600)
    receiver.until(lambda seen: len(seen.of("clock")) == 1)
    set_clock(0)
    receiver.until(lambda seen: len(seen.of("clock")) == 2)
    set_clock(7_200)
    receiver.until(lambda seen: len(seen.of("clock")) == 3)
    worker.kill()
    house.start_module("tests.set_clock", str(file), "worker").announced()
    receiver.until(lambda seen: len(seen.of("clock")) == 4)
    cause = f"clock/{APPLICATION}/{socket.gethostname()}"
    assert receiver.of("clock") == 2 * [("alarm", cause, 0), ("all-clear", cause, None)]
    assert receiver.facts("clock") == {"application": APPLICATION, "seconds": 3_600, "machine_clock": "behind"}


async def test_a_breaker_that_opens_alarms_until_the_agency_answers(
    house: Processes, receiver: Receiver, bootstrap: str, tmp_path: Path
) -> None:
    async with raw_agency(Mode.AWAY) as agency:
        kafka = KafkaFixture(bootstrap, agency, house, Keys.load(tmp_path / "keys").master)  # type: ignore[arg-type]
        house.start("worker").announced()
        arguments = ("connector", "999", "--agency-url", agency.url)
        connector = house.start(*arguments)
        connector.announced()
        for number in range(6):
            kafka.report(number)
        await asyncio.to_thread(receiver.until, lambda seen: seen.of("breaker"))
        # The next one knows nothing of the alarm, and finds the agency well.
        connector.kill()
        await agency.become(Mode.UP)
        house.start(*arguments).announced()
        await asyncio.to_thread(receiver.until, lambda seen: len(seen.of("breaker")) == 2, ALL_CLEAR)
        kafka.close()
    cause = f"breaker/{Agency.EMERGENCY_999}"
    assert receiver.of("breaker") == [("alarm", cause, 0), ("all-clear", cause, None)]
    assert receiver.facts("breaker") == {"agency": "999", "reason": "no_answer"}
