"""The connector as a process on the real runtime and a real Kafka, killed at any time."""

import asyncio
import json
import secrets
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from schemas.codec import decode
from schemas.partitioner import partition_for
from schemas.topics import Group, TopicName, changelog, rejected
from schemas.vocabulary import Agency
from services.simulated_agencies import Fault
from streams.domain.ids import rejected_report_id
from streams.runtime.agent import at_micros
from tests.kafka_fixture import PARTITIONS, KafkaFixture
from tests.processes import until
from tests.reports import encoded, report
from tests.tails import Tail

pytestmark = pytest.mark.integration
TRACE = "0af7651916cd43dd8448eb211c80319c"


def changes(records: list[Any]) -> list[dict[str, Any]]:
    return [decode(record.value, "DeliveryChanged")[1] for record in records]


async def test_a_report_is_delivered_and_every_step_is_on_record_in_one_trace(
    kafka: KafkaFixture, bootstrap: str, tmp_path: Path
) -> None:
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        made = kafka.report(1, f"00-{TRACE}-b7ad6b7169203331-01".encode())
        records = await asyncio.to_thread(tail.take, 4)
        assert await asyncio.to_thread(connector.stop) == 0
    assert [change["state"] for change in changes(records)] == ["queued", "sent", "received", "acknowledged"]
    assert {change["report_id"] for change in changes(records)} == {made.report_id}
    assert {record.key for record in records} == {b"person-1"}
    assert {dict(record.headers)["traceparent"].split(b"-")[1].decode() for record in records} == {TRACE}
    assert kafka.agency.accepted() == [made.report_id]
    spans = _spans(tmp_path / "traces")
    (attempt,) = [span for span in spans if span["name"] == "agency attempt"]
    assert attempt["context"]["trace_id"] == f"0x{TRACE}"
    (processed,) = [span for span in spans if span["name"] == "connector-999 process"]
    assert attempt["parent_id"] == processed["context"]["span_id"]


@pytest.mark.faults
async def test_killed_again_and_again_every_report_is_accepted_once_and_ends_once(
    kafka: KafkaFixture, bootstrap: str
) -> None:
    kafka.agency.faults.add([503, Fault.DROP, Fault.DROP_AFTER_ACCEPT, 429, Fault.DROP_AFTER_ACCEPT] * 3)
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        reports = set()
        for crash in range(3):
            connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
            reports |= {kafka.report(crash * 8 + number).report_id for number in range(8)}
            # Kill it at any point of its work.
            before = len(kafka.agency.log())
            await until(lambda seen=before: len(kafka.agency.log()) > seen + 2)
            await asyncio.to_thread(connector.kill)
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        states: dict[str, Counter[str]] = defaultdict(Counter)
        while any(states[report_id]["acknowledged"] == 0 for report_id in reports):
            found = await asyncio.to_thread(tail.take, 1, 40)
            assert found, "a report did not end"
            for change in changes(found):
                states[change["report_id"]][change["state"]] += 1
        assert await asyncio.to_thread(connector.stop) == 0
    assert sorted(kafka.agency.accepted()) == sorted(reports)
    for report_id in reports:
        assert {state: count for state, count in states[report_id].items() if state != "sent"} == {
            "queued": 1,
            "received": 1,
            "acknowledged": 1,
        }
        assert states[report_id]["sent"] >= 1


@pytest.mark.faults
async def test_a_wait_outlives_a_kill_and_the_retry_comes_once_at_its_time(kafka: KafkaFixture, bootstrap: str) -> None:
    failures = 5  # The wait after them is 4 s at least: time to be killed and to be back.
    kafka.agency.faults.add([503] * failures)
    with Tail(bootstrap, TopicName.DELIVERIES) as tail, Tail(bootstrap, changelog(Group.CONNECTOR_999)) as kept:
        arguments = ("connector", "999", "--agency-url", kafka.agency.url, "--slot", "waiting")
        connector = kafka.confide.start(*arguments)
        made = kafka.report(11)
        timers: list[datetime] = []
        while len(timers) < failures:
            found = await asyncio.to_thread(kept.take, 1, 40)
            assert found, "no timer was set"
            timers += [
                at_micros(int(record.value.partition(b"|")[0]))
                for record in found
                if record.key == b"t" + made.report_id.encode() and record.value is not None
            ]
        await asyncio.to_thread(connector.kill)
        again = kafka.confide.start(*arguments)
        await asyncio.to_thread(again.announced)
        opened = datetime.now(UTC)
        states: list[tuple[str, int, str | None]] = []
        while not states or states[-1][0] != "acknowledged":
            found = await asyncio.to_thread(tail.take, 1, 20)
            assert found, "the retry did not come"
            states += [(change["state"], change["attempt"], change["reason"]) for change in changes(found)]
        assert await asyncio.to_thread(again.stop) == 0
    log = kafka.agency.log()
    assert [(line["attempt"], line["accepted"]) for line in log] == [(n, False) for n in range(1, 6)] + [(6, True)]
    due = timers[-1]
    assert due <= datetime.fromisoformat(log[-1]["at"]) < max(due, opened) + timedelta(seconds=2)
    # Its outcome is not unknown: the outcome of the earlier attempt counts.
    assert [each for each in states if each[0] == "sent"] == [("sent", 1, None)] + [
        ("sent", n, "status_503") for n in range(2, 7)
    ]


async def test_a_lane_that_was_refused_begins_where_its_log_does_once_that_is_accepted(
    kafka: KafkaFixture, bootstrap: str
) -> None:
    group, person = Group.CONNECTOR_CARE_TEAM, "person-12"
    partition = partition_for(person.encode(), PARTITIONS)
    # State without an offset, as if a changelog was restored from another place.
    kafka.write(changelog(group), person.encode(), b"acknowledged", entry=b"sdone/elsewhere")
    made = report(Agency.CARE_TEAM, f"{kafka.run}-12", person=person, reported_at=datetime.now(UTC))
    kafka.write(TopicName.REPORTS_CARE_TEAM, person.encode(), encoded(made))
    arguments = ("connector", "care-team", "--agency-url", kafka.agency.url, "--slot", "refused")
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        refusing = kafka.confide.start(*arguments)
        await asyncio.to_thread(refusing.announced)
        said = kafka.confide.errors("connector").read_text()
        assert f'"lane": "{group}-{partition}"' in said
        assert "refuses to work" in said
        assert await asyncio.to_thread(refusing.stop) == 0
        assert kafka.agency.log() == []
        accepting = kafka.confide.start(*arguments, "--accept", f"{group}-{partition}")
        records = await asyncio.to_thread(tail.take, 4)
        assert await asyncio.to_thread(accepting.stop) == 0
    assert [change["state"] for change in changes(records)] == ["queued", "sent", "received", "acknowledged"]
    assert kafka.agency.accepted() == [made.report_id]


async def test_what_is_no_report_is_rejected_whole_and_delays_nothing(kafka: KafkaFixture, bootstrap: str) -> None:
    garbage = secrets.token_bytes(40)
    with Tail(bootstrap, TopicName.DELIVERIES, rejected(TopicName.REPORTS_999)) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        kafka.write(TopicName.REPORTS_999, b"person-7", garbage)
        made = kafka.report(7)
        records = await asyncio.to_thread(tail.take, 6)
        assert await asyncio.to_thread(connector.stop) == 0
    kept = [record for record in records if record.topic == rejected(TopicName.REPORTS_999)]
    assert [record.value for record in kept] == [garbage]
    (handed_over,) = [
        change
        for change in changes([record for record in records if record.topic == TopicName.DELIVERIES])
        if change["report_id"] != made.report_id
    ]
    where = {key: value.decode() for key, value in kept[0].headers if key.startswith("rejected-")}
    place = int(where["rejected-partition"]), int(where["rejected-offset"])
    assert handed_over["report_id"] == rejected_report_id(TopicName.REPORTS_999, *place)
    assert (handed_over["state"], handed_over["reason"], handed_over["person"]) == ("failed", "rejected", "")
    assert kafka.agency.accepted() == [made.report_id]


async def test_a_transaction_that_was_aborted_on_its_topic_is_passed_over(kafka: KafkaFixture, bootstrap: str) -> None:
    with Tail(bootstrap, TopicName.DELIVERIES) as tail:
        connector = kafka.confide.start("connector", "999", "--agency-url", kafka.agency.url)
        kafka.report(9)
        assert len(await asyncio.to_thread(tail.take, 4)) == 4
        writer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, transactional_id=secrets.token_hex(4), transaction_timeout_ms=10_000
        )
        await writer.start()
        await writer.begin_transaction()
        await writer.send_and_wait(
            TopicName.REPORTS_999, b"never written", b"person-9", partition=partition_for(b"person-9", PARTITIONS)
        )
        await writer.abort_transaction()
        await writer.stop()
        # Long enough for a fetch that brings only aborted records.
        await asyncio.sleep(0.9)
        later = report(disclosure_id=f"{kafka.run}-later", person="person-9", reported_at=datetime.now(UTC))
        kafka.write(TopicName.REPORTS_999, b"person-9", encoded(later))
        assert len(await asyncio.to_thread(tail.take, 4, 10)) == 4
        assert await asyncio.to_thread(connector.stop) == 0
    assert kafka.agency.accepted()[-1] == later.report_id


def _spans(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
