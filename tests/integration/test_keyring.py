"""Data keys on a real keys topic: present, erased, missing, hidden, or of another master key."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from kafka import KafkaProducer

from schemas.codec import encode
from schemas.partitioner import partition_for
from schemas.records import KeyRecord
from schemas.topics import TopicName
from services.connectors.composer import KEY_ERASED, KEY_MISSING, KEY_OF_OTHER_MASTER, CannotCompose, Composer
from services.connectors.keyring import NoKey, TopicKeyring
from streams.domain.sealing import wrap
from tests.kafka_fixture import PARTITIONS
from tests.open_transactions import open_transaction
from tests.reports import DATA_KEY, report

pytestmark = pytest.mark.integration

MASTER, OTHER_MASTER = bytes(range(32)), bytes(32)


class KeysTopic:
    """Writes to the keys topic, under the test's own ids."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")

    def write(self, key_id: str, value: bytes | None) -> None:
        partition = partition_for(key_id.encode(), PARTITIONS)
        self._producer.send(str(TopicName.KEYS), value, key_id.encode(), partition=partition).get(20)

    def key(self, master: bytes = MASTER) -> str:
        key_id = f"key-{secrets.token_hex(6)}"
        self.write(key_id, record(key_id, master))
        return key_id

    def close(self) -> None:
        self._producer.close()


def record(key_id: str, master: bytes = MASTER) -> bytes:
    wrapped = wrap(DATA_KEY, master=master, key_id=key_id, nonce=bytes(12))
    return encode("KeyRecord", KeyRecord(key_id=key_id, person="person-1", wrapped_key=wrapped).model_dump())


@pytest.fixture
def topic(bootstrap: str) -> Iterator[KeysTopic]:
    made = KeysTopic(bootstrap)
    yield made
    made.close()


@pytest.fixture
async def keyring(bootstrap: str) -> AsyncIterator[TopicKeyring]:
    async with TopicKeyring(bootstrap, MASTER).following() as following:
        yield following


async def data_key(keyring: TopicKeyring, key_id: str) -> bytes | NoKey:
    async with asyncio.timeout(20):
        return await keyring.data_key(key_id)


async def test_a_key_that_is_there_opens_and_one_whose_tombstone_was_read_is_erased(
    keyring: TopicKeyring, topic: KeysTopic
) -> None:
    key_id = topic.key()
    assert await data_key(keyring, key_id) == DATA_KEY
    assert keyring.at_hand(key_id) == DATA_KEY
    topic.write(key_id, None)
    later = topic.key()
    assert await data_key(keyring, later) == DATA_KEY
    # The follower reads a partition in order; another partition's tombstone may take one fetch more.
    async with asyncio.timeout(20):
        await keyring._follower.catch_up()
    assert keyring.at_hand(key_id) is NoKey.ERASED
    assert await data_key(keyring, key_id) is NoKey.ERASED


async def test_the_last_record_of_an_id_counts(keyring: TopicKeyring, topic: KeysTopic) -> None:
    key_id = topic.key()
    topic.write(key_id, None)
    topic.write(key_id, record(key_id))
    async with asyncio.timeout(20):
        await keyring._follower.catch_up()
    assert keyring.at_hand(key_id) == DATA_KEY


async def test_a_key_without_record_and_without_tombstone_is_missing_not_erased(keyring: TopicKeyring) -> None:
    assert keyring.at_hand("never-written") is None
    assert await data_key(keyring, "never-written") is NoKey.MISSING


async def test_a_key_after_an_open_transaction_is_awaited(
    keyring: TopicKeyring, topic: KeysTopic, bootstrap: str
) -> None:
    key_id = f"key-{secrets.token_hex(6)}"
    hiding = [(partition_for(key_id.encode(), PARTITIONS), b"other", b"junk")]
    async with open_transaction(bootstrap, TopicName.KEYS, hiding) as writer:
        topic.write(key_id, record(key_id))
        looking = asyncio.create_task(keyring.data_key(key_id))
        await asyncio.wait([looking], timeout=1.0)
        assert not looking.done()
        assert keyring.at_hand(key_id) is None
        await writer.abort_transaction()
        async with asyncio.timeout(20):
            assert await looking == DATA_KEY


async def test_a_key_is_not_called_missing_while_a_transaction_is_open(keyring: TopicKeyring, bootstrap: str) -> None:
    key_id = f"key-{secrets.token_hex(6)}"
    entry = (partition_for(key_id.encode(), PARTITIONS), key_id.encode(), record(key_id))
    async with open_transaction(bootstrap, TopicName.KEYS, [entry]) as writer:
        looking = asyncio.create_task(keyring.data_key(key_id))
        await asyncio.wait([looking], timeout=1.0)
        assert not looking.done()
        await writer.abort_transaction()
        async with asyncio.timeout(20):
            assert await looking is NoKey.MISSING


async def test_a_key_in_another_partition_does_not_wait_for_the_transaction(
    keyring: TopicKeyring, topic: KeysTopic, bootstrap: str
) -> None:
    key_id = f"key-{secrets.token_hex(6)}"
    elsewhere = (partition_for(key_id.encode(), PARTITIONS) + 1) % PARTITIONS
    async with open_transaction(bootstrap, TopicName.KEYS, [(elsewhere, b"other", b"junk")], 10_000) as writer:
        looking = asyncio.create_task(keyring.data_key(key_id))
        topic.write(key_id, record(key_id))
        async with asyncio.timeout(20):
            assert await looking == DATA_KEY
        await writer.abort_transaction()


# The broker itself refuses a record without a key on a compacted topic.
@pytest.mark.parametrize("key", [b"", b"\xff\xfe", b"key-of-junk"], ids=["empty key", "no UTF-8", "junk value"])
async def test_what_cannot_be_read_is_passed_over(topic: KeysTopic, bootstrap: str, key: bytes) -> None:
    producer = topic._producer
    for partition in range(PARTITIONS):
        producer.send(str(TopicName.KEYS), b"\x00junk", key, partition=partition).get(20)
        decision = encode("TokenOwner", {"token": "phone:1:ab", "person": "person-1"})
        producer.send(str(TopicName.KEYS), decision, key, partition=partition).get(20)
    async with TopicKeyring(bootstrap, MASTER).following() as keyring:
        assert await data_key(keyring, topic.key()) == DATA_KEY


async def test_the_composer_gives_the_reason_with_which_a_report_fails(keyring: TopicKeyring, topic: KeysTopic) -> None:
    composer = Composer(keyring, lambda *_: {})
    erased, others = topic.key(), topic.key(OTHER_MASTER)
    topic.write(erased, None)
    for key_id, reason in ((erased, KEY_ERASED), ("absent", KEY_MISSING), (others, KEY_OF_OTHER_MASTER)):
        made = report()
        (section,) = made.sections
        moved = section.model_copy(update={"section": section.section.model_copy(update={"key_id": key_id})})
        made = made.model_copy(update={"sections": (moved,)})
        async with asyncio.timeout(20):
            await keyring._follower.catch_up()
            assert await composer.compose(made) == CannotCompose(reason)
            assert await composer.open(moved) == CannotCompose(reason)
        assert composer.compose_at_once(made) == (None if key_id == "absent" else CannotCompose(reason))
