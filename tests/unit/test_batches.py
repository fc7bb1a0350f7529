"""A batch between two fetch positions is cut without a gap between its parts."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from streams.runtime.transport.batch_schema import BatchRecord, urgent_first
from tests.fetches import of_aiokafka
from tests.raw_records import stored


def record(offset: int, topic: str = "t") -> Record:
    return Record(topic, 1, offset, 1_000 + offset, b"k", b"v-%d" % offset, ())


def batch(*offsets: int, begin: int, end: int) -> Batch:
    return Batch.of("t", [record(offset) for offset in offsets], begin, end)


def fetched(offset: int, timestamp_type: int = 0) -> ConsumerRecord:
    value = b"v-%d" % offset
    return ConsumerRecord("t", 1, offset, 1_000 + offset, timestamp_type, b"k", value, None, 1, len(value), ())


def test_a_batch_looks_to_faust_like_its_last_record() -> None:
    shaped: Any = BatchRecord([fetched(4), fetched(6)], begin=3, position=8, losses=(1, 2))
    assert (shaped.topic, shaped.partition, shaped.offset, shaped.timestamp) == ("t", 1, 6, 1_006)
    assert shaped.value == (batch(4, 6, begin=3, end=8), (1, 2))
    assert shaped.headers == ()


def test_a_record_says_whether_the_broker_stamped_it() -> None:
    shaped: Any = BatchRecord([fetched(4, 0), fetched(5, 1)], begin=4, position=6, losses=(0, 0))
    assert [each.is_stamped for each in shaped.value.batch.records] == [False, True]
    now = datetime(2026, 2, 3, tzinfo=UTC)
    assert [each.arrived_at(now) for each in shaped.value.batch.records] == [now, datetime.fromtimestamp(1.005, UTC)]


def test_it_ends_after_its_last_record_without_a_later_position() -> None:
    for position in (None, 5):
        shaped: Any = BatchRecord([fetched(4), fetched(6)], begin=3, position=position, losses=(0, 0))
        assert shaped.value.batch.end == 7


def test_it_ends_after_a_batch_that_could_not_be_unpacked() -> None:
    # Two records at offsets 4 and 5, which one record replaces.
    (bomb,), _ = of_aiokafka([stored([(None, bytes(64 << 20), ()), (None, b"v", ())], 4, codec="zstd")])
    shaped: Any = BatchRecord([bomb], begin=4, position=None, losses=(0, 0))
    assert (shaped.value.batch.begin, shaped.value.batch.records[0].offset, shaped.value.batch.end) == (4, 4, 6)


def test_a_cut_has_the_position_between_the_halves() -> None:
    # Offsets 6 and 7 are control records: there is no gap between the two parts.
    first, rest = batch(4, 5, 8, 9, begin=3, end=11).split(2)
    assert (first, rest) == (batch(4, 5, begin=3, end=8), batch(8, 9, begin=8, end=11))


def test_batches_that_follow_each_other_are_one() -> None:
    one, other = batch(4, 5, begin=3, end=8), batch(8, 9, begin=8, end=11)
    assert Batch.joined([one, other]) == batch(4, 5, 8, 9, begin=3, end=11)


@given(
    offsets=st.lists(st.integers(0, 1_000), min_size=2, unique=True).map(sorted),
    before=st.integers(0, 3),
    after=st.integers(1, 3),
    data=st.data(),
)
def test_any_cut_keeps_every_record_and_the_positions_meet(
    offsets: list[int], before: int, after: int, data: st.DataObject
) -> None:
    whole = batch(*offsets, begin=offsets[0] - before, end=offsets[-1] + after)
    first, rest = whole.split(data.draw(st.integers(1, len(offsets) - 1)))
    assert first.records + rest.records == whole.records
    assert (first.begin, first.end, rest.end) == (whole.begin, rest.begin, whole.end)
    assert first.records[-1].offset < first.end <= rest.records[0].offset


@pytest.mark.parametrize("arrived", [("routine", "urgent"), ("urgent", "routine")])
def test_a_fetch_is_handed_out_by_urgency_whatever_arrived_first(arrived: tuple[str, str]) -> None:
    from faust.types import TP

    fetched = {
        TP(topic, partition): [record(n, topic) for n in range(2)] for topic in arrived for partition in range(2)
    }
    scheduler: Any = urgent_first(("urgent", "routine"))()
    handed = [(tp.topic, one.offset) for tp, one in scheduler.iterate(fetched)]
    assert len(handed) == 8
    assert [topic for topic, _ in handed] == ["urgent"] * 4 + ["routine"] * 4
