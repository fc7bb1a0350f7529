"""A process whose master key is not the one of the keys on the topic refuses at its start."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from infra.broker import LocalBroker
from infra.topics import apply
from schemas.codec import encode
from schemas.topics import TopicName
from services.master_key import check_master_key
from services.settings import Keys, SettingsError
from streams.domain.sealing import master_check
from tests.open_transactions import open_transaction
from tests.processes import Processes, processes

pytestmark = pytest.mark.integration

PARTITIONS = 3
LEAD = "safeguarding-lead-1"
OURS, OTHERS = bytes(range(32)), bytes(32)
REFUSAL = "the master key in CONFIDE_KEYS is not the one that the keys on safeguarding.keys.v1 are wrapped with"


def record(check: bytes | None) -> bytes:
    return encode("KeyRecord", {"key_id": "k", "person": "p", "wrapped_key": b"wrapped", "master_check": check})


class KeysTopic:
    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")

    def write(self, partition: int, value: bytes | None) -> None:
        key = secrets.token_hex(6).encode()
        self._producer.send(str(TopicName.KEYS), value, key, partition=partition).get(20)

    def disagreeing(self, master: bytes = OURS) -> list[int]:
        """Check the key, and return the partitions that were reported to disagree."""
        said: list[int] = []
        check_master_key(self.bootstrap, master, said.extend)
        return said

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def topic(own_broker: Callable[[], LocalBroker]) -> Iterator[KeysTopic]:
    bootstrap = own_broker().bootstrap
    apply(bootstrap, PARTITIONS)
    made = KeysTopic(bootstrap)
    yield made
    made.close()


async def test_the_newest_committed_check_value_of_each_partition_counts(topic: KeysTopic) -> None:
    assert topic.disagreeing() == []
    # Records of older writers, tombstones and unreadable records have no check value.
    for value in (record(None), None, b"\x00junk", encode("TokenOwner", {"token": "t", "person": "p"})):
        topic.write(0, value)
    assert topic.disagreeing() == []
    topic.write(0, record(master_check(OTHERS)))
    for value in (record(None), None, b"\x00junk"):
        topic.write(0, value)
    with pytest.raises(SettingsError, match=REFUSAL):
        topic.disagreeing()
    assert topic.disagreeing(OTHERS) == []
    async with open_transaction(topic.bootstrap, TopicName.KEYS, [(1, b"k", record(master_check(OURS)))]) as writer:
        with pytest.raises(SettingsError, match=REFUSAL):
            await asyncio.to_thread(topic.disagreeing)
        await writer.abort_transaction()
    with pytest.raises(SettingsError, match=REFUSAL):
        topic.disagreeing()
    # One of several is ours: an error in the log, no reason to stop.
    topic.write(2, record(master_check(OURS)))
    assert topic.disagreeing() == [0]
    assert topic.disagreeing(OTHERS) == [2]
    topic.write(0, record(master_check(OURS)))
    assert topic.disagreeing() == []
    with pytest.raises(SettingsError, match=REFUSAL):
        topic.disagreeing(OTHERS)


def test_a_kafka_that_does_not_answer_is_an_error_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.master_key._SECONDS", 0.5)
    with pytest.raises(SettingsError, match="does not answer"):
        check_master_key("127.0.0.1:1", OURS, patience=0.5)


def test_a_kafka_that_is_slow_is_asked_again(topic: KeysTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    topic.write(0, record(master_check(OTHERS)))
    asked = []

    def slow(bootstrap: str) -> dict[int, bytes]:
        asked.append(bootstrap)
        monkeypatch.undo()
        raise KafkaTimeoutError

    monkeypatch.setattr("services.master_key._newest_checks", slow)
    with pytest.raises(SettingsError, match=REFUSAL):
        check_master_key(topic.bootstrap, OURS)
    assert asked == [topic.bootstrap]


@pytest.fixture
def house(topic: KeysTopic, tmp_path: Path) -> Iterator[Callable[[str], Processes]]:
    """Returns processes whose keys are in the folder of that name."""
    opened = []

    def under(name: str) -> Processes:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        Keys.create(folder / "keys")
        environment = {"KAFKA_BOOTSTRAP": topic.bootstrap, "CONFIDE_KEYS": str(folder / "keys")}
        opened.append(processes(environment, folder))
        return opened[-1].__enter__()

    yield under
    for each in opened:
        each.__exit__(None, None, None)


@pytest.mark.parametrize(
    "verb", [("worker",), ("connector", "999", "--agency-url", "http://127.0.0.1:1")], ids=["worker", "connector"]
)
def test_a_process_refuses_another_master_key_before_any_lane_and_starts_with_the_right_one(
    house: Callable[[str], Processes], topic: KeysTopic, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    right, wrong = house("right"), house("wrong")
    topic.write(1, record(master_check(Keys.load(tmp_path / "right" / "keys").master)))
    refused = wrong.run(*verb)
    assert (refused.returncode, refused.stdout) == (2, b"")
    # The last line: on a slow machine a client may log earlier attempts.
    assert refused.stderr.decode().splitlines()[-1] == f"confide: {REFUSAL}"
    started = right.start(*verb)
    assert started.announced()
    assert started.stop() == 0


def test_the_console_refuses_another_master_key(
    house: Callable[[str], Processes], topic: KeysTopic, tmp_path: Path
) -> None:
    right, wrong = house("right"), house("wrong")
    for each in (right, wrong):
        assert each.run("keys", "staff", LEAD).returncode == 0
    topic.write(1, record(master_check(Keys.load(tmp_path / "right" / "keys").master)))
    for verb in (("review", "show", "none"), ("review", "decide", "none", "--as", LEAD, "--confirm")):
        refused = wrong.run(*verb)
        assert refused.returncode == 2
        assert REFUSAL in refused.stderr.decode()
        looked = right.run(*verb)
        assert REFUSAL not in looked.stderr.decode()
        assert "there is no review none" in looked.stderr.decode()
