"""Records that an open transaction hides for long are reported, and when they are hidden no more."""

import pytest

from streams.runtime import RecordsHidden, RecordsShown
from streams.runtime.lane.hidden_records import (
    DEAD_WRITER_SECONDS,
    OUTSIDE_SECONDS,
    REPORT_AGAIN_SECONDS,
    HiddenRecords,
)

INSIDE, OUTSIDE = ("decide", 1), ("urgent", 1)


class Reader:
    """A consumer whose fetches, every 0.5 s, the test makes up."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.hidden = HiddenRecords(outside=["urgent"], steady=lambda: self.seconds)

    def responds(self, source: tuple[str, int], stable: int | None, end: int, seconds: float) -> list[object]:
        """Return the events of a time in which each response has these offsets."""
        events: list[object] = []
        until = self.seconds + seconds
        while self.seconds < until:
            self.seconds += 0.5
            self.hidden.note(source, int(self.seconds * 1_000), stable, end)
            events += self.hidden.look()
        return events


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize(("source", "limit"), [(INSIDE, DEAD_WRITER_SECONDS), (OUTSIDE, OUTSIDE_SECONDS)])
def test_a_last_stable_offset_that_does_not_move_is_reported_once_until_it_moves(
    reader: Reader, source: tuple[str, int], limit: float
) -> None:
    assert reader.responds(source, 5, 9, limit) == []
    assert reader.responds(source, 5, 12, 20) == [RecordsHidden(*source, limit)]
    assert reader.responds(source, 12, 12, 1) == [RecordsShown(*source)]
    assert reader.responds(source, 12, 12, 20) == []


def test_it_is_reported_again_every_minute_while_it_lasts(reader: Reader) -> None:
    assert len(reader.responds(OUTSIDE, 5, 9, OUTSIDE_SECONDS + 2 * REPORT_AGAIN_SECONDS + 1)) == 3


def test_the_transactions_of_lanes_at_work_hide_nothing(reader: Reader) -> None:
    for stable in range(200):
        assert reader.responds(INSIDE, stable, stable + 3, 0.5) == []


def test_the_transaction_of_a_dead_lane_is_no_alarm(reader: Reader) -> None:
    assert reader.responds(INSIDE, 5, 9, 7.5) == []
    assert reader.responds(INSIDE, 9, 9, 5) == []


def test_another_open_transaction_after_the_first_is_reported_anew(reader: Reader) -> None:
    reader.responds(OUTSIDE, 5, 9, 10)
    assert reader.responds(OUTSIDE, 7, 9, 10) == [RecordsShown(*OUTSIDE), RecordsHidden(*OUTSIDE, OUTSIDE_SECONDS)]


def test_without_responses_nothing_is_known(reader: Reader) -> None:
    """The broker was away, or the queue of the topic is full: the last response says nothing of now."""
    reader.responds(OUTSIDE, 5, 9, 2)
    reader.seconds += 60
    for _ in range(100):
        reader.hidden.note(OUTSIDE, 2_000, 5, 9)
        reader.seconds += 0.1
        assert reader.hidden.look() == []
    assert reader.responds(OUTSIDE, 5, 9, OUTSIDE_SECONDS) == []


def test_what_is_not_known_any_more_is_not_reported_again(reader: Reader) -> None:
    assert len(reader.responds(OUTSIDE, 5, 9, 5)) == 1
    reader.seconds += 2 * REPORT_AGAIN_SECONDS
    assert reader.hidden.look() == []
    assert reader.responds(OUTSIDE, 9, 9, 1) == [RecordsShown(*OUTSIDE)]


@pytest.mark.parametrize("stable", [None, -1])
def test_a_reader_that_knows_no_last_stable_offset_reports_nothing(reader: Reader, stable: int | None) -> None:
    assert reader.responds(OUTSIDE, stable, 9, 20) == []


def test_a_partition_that_another_process_reads_is_its_own_to_report(reader: Reader) -> None:
    reader.responds(OUTSIDE, 5, 9, 10)
    assert (reader.hidden.partitions_of("urgent"), reader.hidden.partitions_of("decide")) == ([1], [])
    reader.hidden.forget(OUTSIDE)
    assert reader.hidden.look() == [RecordsShown(*OUTSIDE)]
    assert (reader.hidden.look(), reader.hidden.partitions_of("urgent")) == ([], [])
