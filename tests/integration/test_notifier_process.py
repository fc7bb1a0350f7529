"""The notifier as a process on the real runtime and a real Kafka, killed at any time."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from schemas.codec import decode, encode
from schemas.notifications import NotificationDue, ServiceDisclosure
from schemas.reports import DeliveryChanged
from schemas.topics import TopicName
from schemas.vocabulary import Agency, ContactChannel, DeliveryState, NoticeStands, Service
from streams.domain.ids import follow_up_id, notification_id
from tests.kafka_fixture import KafkaFixture
from tests.processes import until
from tests.reports import report
from tests.tails import Tail

pytestmark = pytest.mark.integration


@pytest.mark.faults
async def test_notices_are_settled_once_however_often_the_notifier_is_killed(
    kafka: KafkaFixture, bootstrap: str, tmp_path: Path
) -> None:
    file = tmp_path / "notices.jsonl"
    wanted = {f"{kafka.run}-{number}" for number in range(30)}
    settled: Counter[str] = Counter()
    with Tail(bootstrap, TopicName.NOTIFICATIONS) as tail:
        for number, notification_id in enumerate(sorted(wanted)):
            due = NotificationDue(
                notification_id=notification_id,
                report_id=f"report-{number}",
                person=f"person-{number}",
                disclosures=(ServiceDisclosure(service=Service.FORUM, disclosure_id=f"d-{number}"),),
                agency=Agency.EMERGENCY_999,
                clauses=("IR-1",),
                channels=(ContactChannel.SMS,),
                due_at=report().reported_at,
                stands=NoticeStands.TOLD,
            )
            kafka.write(TopicName.NOTIFICATIONS, due.person.encode(), encode("NotificationDue", due.model_dump()))
        for lines in (1, 8):
            notifier = kafka.confide.start("notifier", "--channel", "file", "--file", str(file))
            await until(lambda wanted=lines: _lines(file) >= wanted)
            await asyncio.to_thread(notifier.kill)
        notifier = kafka.confide.start("notifier", "--channel", "file", "--file", str(file))
        while set(settled) < wanted:
            found = await asyncio.to_thread(tail.take, 1, 40)
            assert found, "a notice was not settled"
            for record in found:
                name, fields = decode(record.value, "NotificationDue", "NotificationSettled")
                if name == "NotificationSettled":
                    settled[fields["notification_id"]] += 1
        assert await asyncio.to_thread(notifier.stop) == 0
    assert settled == Counter(wanted)
    told_to = [json.loads(line)["notification_id"] for line in file.read_text().splitlines()]
    assert sorted(told_to) == sorted(wanted)


async def test_a_report_not_acknowledged_in_time_gets_a_notice_and_then_a_correction(
    kafka: KafkaFixture, tmp_path: Path
) -> None:
    file = tmp_path / "notices.jsonl"
    due = overdue(f"{kafka.run}-late", "report-1")

    def write(stands: NoticeStands) -> None:
        changed = due.model_copy(update={"stands": stands})
        kafka.write(TopicName.NOTIFICATIONS, due.person.encode(), encode("NotificationDue", changed.model_dump()))

    notifier = kafka.confide.start("notifier", "--channel", "file", "--file", str(file))
    write(NoticeStands.TELLING)
    await until(lambda: _lines(file) == 1)
    write(NoticeStands.TOLD)
    await until(lambda: _lines(file) == 2)
    assert await asyncio.to_thread(notifier.stop) == 0
    said = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["notification_id"], line["says"]) for line in said] == [
        (due.notification_id, "are_telling"),
        (follow_up_id(due.notification_id, "have_told"), "have_told"),
    ]
    assert said[0]["reference"] == said[1]["reference"]
    # The notifier knew that no acknowledgement had arrived; it had not merely stopped waiting for one.
    assert "timers run although their lane has not caught up" not in kafka.confide.errors("notifier").read_text()


async def test_an_acknowledgement_written_while_it_was_down_is_read_before_we_are_telling_is_sent(
    kafka: KafkaFixture, tmp_path: Path
) -> None:
    file = tmp_path / "notices.jsonl"
    report_id = f"{kafka.run}-acknowledged"
    due = overdue(notification_id(report_id), report_id)
    acknowledged = DeliveryChanged(
        report_id=report_id,
        agency=due.agency,
        person=due.person,
        state=DeliveryState.ACKNOWLEDGED,
        attempt=1,
        changed_at=report().reported_at,
    )
    kafka.write(TopicName.NOTIFICATIONS, due.person.encode(), encode("NotificationDue", due.model_dump()))
    # Only the connector has written it so far: no worker runs.
    kafka.write(TopicName.DELIVERIES, due.person.encode(), encode("DeliveryChanged", acknowledged.model_dump()))
    notifier = kafka.confide.start("notifier", "--channel", "file", "--file", str(file))
    await until(lambda: _lines(file) == 1)
    assert await asyncio.to_thread(notifier.stop) == 0
    assert [json.loads(line)["says"] for line in file.read_text().splitlines()] == ["have_told"]


def overdue(notification: str, report_id: str) -> NotificationDue:
    """Return a notice whose `tell_by` has passed and whose report no agency has acknowledged."""
    return NotificationDue(
        notification_id=notification,
        report_id=report_id,
        person="person-1",
        disclosures=(ServiceDisclosure(service=Service.FORUM, disclosure_id="d-1"),),
        agency=Agency.EMERGENCY_999,
        clauses=("IR-1",),
        channels=(ContactChannel.SMS,),
        due_at=report().reported_at,
        stands=NoticeStands.TELLING,
        tell_by=report().reported_at,
    )


def _lines(file: Path) -> int:
    return file.read_bytes().count(b"\n") if file.exists() else 0
