"""Open transactions of dead writers hide keys, and junk lies between the keys, while emergencies arrive."""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from schemas.codec import decode, encode
from schemas.topics import TopicName
from schemas.vocabulary import Agency
from services.settings import Keys
from tests.agency_servers import serving
from tests.kafka_fixture import PARTITIONS, KafkaFixture
from tests.open_transactions import leave_open
from tests.processes import processes
from tests.tails import Tail

pytestmark = [pytest.mark.integration, pytest.mark.faults]

REPORTS = 30
DEATHS = 3
#: Longest pause between two reports (seconds): all arrive while transactions are open.
PAUSE = 0.4
FOREIGN = encode("TokenOwner", {"token": "phone:1:ab", "person": "person-1"})


@pytest.fixture
async def kafka(bootstrap: str, tmp_path: Path) -> AsyncIterator[KafkaFixture]:
    Keys.create(tmp_path / "keys")
    environment = {"KAFKA_BOOTSTRAP": bootstrap, "CONFIDE_KEYS": str(tmp_path / "keys")}
    with processes(environment, tmp_path) as confide:
        async with serving(tmp_path, Agency.EMERGENCY_999) as agency:
            made = KafkaFixture(bootstrap, agency, confide, Keys.load(tmp_path / "keys").master)
            made.run = secrets.token_hex(4)
            yield made
            made.close()


async def test_every_emergency_is_accepted_once_and_none_fails(
    kafka: KafkaFixture, bootstrap: str, seed: int, chosen: Callable[[object], None]
) -> None:
    chance = random.Random(seed)
    deaths = {0: list(range(PARTITIONS))} | {
        number: sorted(chance.sample(range(PARTITIONS), chance.randint(1, PARTITIONS)))
        for number in chance.sample(range(1, REPORTS), DEATHS - 1)
    }
    littered = set(chance.sample(range(REPORTS), 10))
    killed = chance.randrange(1, REPORTS)
    chosen(f"open transactions {deaths}, junk before {sorted(littered)}, connector killed before {killed}")
    arguments = ("connector", "999", "--agency-url", kafka.agency.url, "--slot", "hidden")
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start(*arguments)
        await asyncio.to_thread(connector.announced)
        made = set()
        for number in range(REPORTS):
            if number in deaths:
                await leave_open(bootstrap, TopicName.KEYS, [(p, b"uncommitted", FOREIGN) for p in deaths[number]])
            if number in littered:
                key = chance.choice([b"\xff\xfe", b"junk", chance.randbytes(12)])
                kafka.write(TopicName.KEYS, key, chance.choice([b"\x00junk", FOREIGN, FOREIGN[:-2]]))
            if number == killed:
                await asyncio.to_thread(connector.kill)
                connector = kafka.confide.start(*arguments)
            key_id = f"{kafka.run}-key-{number}"
            kafka.key(key_id)
            made.add(kafka.report(number, key_id=key_id).report_id)
            await asyncio.sleep(chance.uniform(0, PAUSE))
        ended: dict[str, str] = {}
        while made - ended.keys():
            records = await asyncio.to_thread(tail.take, 1, 60)
            assert records, f"{len(made - ended.keys())} reports did not end"
            for fields in (decode(record.value, "DeliveryChanged")[1] for record in records):
                if fields["state"] in ("acknowledged", "failed"):
                    assert fields["report_id"] not in ended, "it ended twice"
                    ended[fields["report_id"]] = fields["reason"] or fields["state"]
        assert await asyncio.to_thread(connector.stop) == 0
    assert ended == dict.fromkeys(made, "acknowledged")
    assert sorted(kafka.agency.accepted()) == sorted(made)
