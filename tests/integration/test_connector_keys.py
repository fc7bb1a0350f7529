"""A real connector process and reports whose keys are hidden, erased, missing, or beside unreadable records."""

import asyncio
import secrets
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.partitioner import partition_for
from schemas.topics import TopicName
from tests.kafka_fixture import PARTITIONS, KafkaFixture
from tests.open_transactions import leave_open
from tests.reports import KEY_ID
from tests.tails import Tail

pytestmark = pytest.mark.integration

ENDS = ("acknowledged", "failed")


async def ends(tail: Tail, wanted: set[str]) -> dict[str, tuple[str, str | None]]:
    """Return how each report ended, with the reason."""
    ended: dict[str, tuple[str, str | None]] = {}
    while wanted - ended.keys():
        records = await asyncio.to_thread(tail.take, 1, 40)
        assert records, "a report did not end"
        for fields in (decode(record.value, "DeliveryChanged")[1] for record in records):
            if fields["state"] in ENDS:
                assert fields["report_id"] not in ended, "it ended twice"
                ended[fields["report_id"]] = (fields["state"], fields["reason"])
    return ended


async def test_reports_whose_keys_a_dead_writers_transaction_hides_are_delivered_once_it_ends(
    kafka: KafkaFixture, bootstrap: str
) -> None:
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        await asyncio.to_thread(connector.announced)
        await leave_open(bootstrap, TopicName.KEYS, [(n, b"other", b"junk") for n in range(PARTITIONS)])
        made = []
        for number in range(8):
            key_id = f"{kafka.run}-key-{number}"
            kafka.key(key_id)
            made.append(kafka.report(number, key_id=key_id).report_id)
        ended = await ends(tail, set(made))
        assert await asyncio.to_thread(connector.stop) == 0
    assert ended == dict.fromkeys(made, ("acknowledged", None))
    assert sorted(kafka.agency.accepted()) == sorted(made)


async def test_a_report_says_whether_its_key_was_erased_or_is_missing_and_the_others_go_on(
    kafka: KafkaFixture, bootstrap: str
) -> None:
    erased = f"{kafka.run}-erased"
    kafka.key(erased)
    kafka.write(TopicName.KEYS, erased.encode(), None)
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        wanted: dict[str, Any] = {
            kafka.report(1, key_id=erased).report_id: ("failed", "key_erased"),
            kafka.report(2, key_id=f"{kafka.run}-absent").report_id: ("failed", "key_missing"),
            kafka.report(3).report_id: ("acknowledged", None),
        }
        ended = await ends(tail, set(wanted))
        assert await asyncio.to_thread(connector.stop) == 0
    assert {report_id: ended[report_id] for report_id in wanted} == wanted


async def test_a_key_of_another_master_key_fails_its_report_and_isolates_nothing(
    kafka: KafkaFixture, bootstrap: str
) -> None:
    other = f"{kafka.run}-other"
    junk = {"key_id": other, "person": "person-1", "wrapped_key": secrets.token_bytes(60)}
    kafka.write(TopicName.KEYS, other.encode(), encode("KeyRecord", junk))
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        wanted = {
            kafka.report(1, key_id=other).report_id: ("failed", "key_of_other_master"),
            kafka.report(2).report_id: ("acknowledged", None),
        }
        ended = await ends(tail, set(wanted))
        assert await asyncio.to_thread(connector.stop) == 0
    assert {report_id: ended[report_id] for report_id in wanted} == wanted


async def test_a_connector_starts_beside_unreadable_records_on_the_keys_topic_and_logs_their_location(
    kafka: KafkaFixture, bootstrap: str
) -> None:
    marker = "person-marker"
    decision = encode("TokenOwner", {"token": "phone:1:ab", "person": marker})
    for key, value in ((b"\xff", None), (marker.encode(), marker.encode()), (KEY_ID.encode(), decision)):
        kafka.write(TopicName.KEYS, key, value)
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        made = kafka.report(1)
        assert await ends(tail, {made.report_id}) == {made.report_id: ("acknowledged", None)}
        assert await asyncio.to_thread(connector.stop) == 0
    said = kafka.confide.errors("connector").read_text()
    assert said.count("passed over a record") >= 3
    assert f'"partition": {partition_for(KEY_ID.encode(), PARTITIONS)}' in said
    assert marker not in said
