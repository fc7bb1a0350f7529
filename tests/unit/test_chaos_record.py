"""The reader of a chaos run takes each record once, also what it reads again after an outage."""

from types import SimpleNamespace
from typing import Any

from kafka import TopicPartition

from schemas.topics import TopicName
from tests.chaos.record import Gatherer, Record

SOURCE = TopicPartition(str(TopicName.DECISIONS), 0)


def came(*offsets: int) -> list[Any]:
    return [SimpleNamespace(topic=SOURCE.topic, partition=0, offset=n, value=b"v", headers=()) for n in offsets]


def test_a_record_that_is_read_again_counts_once() -> None:
    record = Record()
    gatherer = Gatherer("", record)
    gatherer.take(SOURCE, came(0, 1))
    # The broker went away before the position of this look was noted.
    gatherer.take(SOURCE, came(0, 1, 3))
    assert [each.offset for each in record.on(TopicName.DECISIONS)] == [0, 1, 3]
