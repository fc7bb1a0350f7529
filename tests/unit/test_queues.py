"""The queues of a lane: each topic's queue is bounded in bytes, the most urgent topic comes first."""

from streams.runtime import Record
from streams.runtime.lane.batches import Batch
from streams.runtime.lane.queues import QUEUE_BYTES, Queues


def batch(topic: str, begin: int, count: int, value_bytes: int = 1) -> Batch:
    records = [Record(topic, 0, n, 0, b"k", b"v" * value_bytes, ()) for n in range(begin, begin + count)]
    return Batch.of(topic, records, begin, begin + count)


def offsets(taken: Batch) -> list[int]:
    return [record.offset for record in taken.records]


def test_a_queue_is_full_by_bytes_and_not_by_records() -> None:
    queues = Queues(["urgent", "routine"])
    queues.enqueue(batch("routine", 0, 1_000))
    assert not queues.is_full("routine")
    queues.enqueue(batch("routine", 1_000, 1, QUEUE_BYTES))
    assert queues.is_full("routine")
    # A backlog of one topic does not leave another topic out of the fetch.
    assert not queues.is_full("urgent")
    while queues.first() is not None:
        queues.take("routine", 400)
    assert not queues.is_full("routine")
    assert queues.waiting_bytes() == {"urgent": 0, "routine": 0}


def test_a_record_larger_than_the_bound_is_taken_all_the_same() -> None:
    queues = Queues(["t"])
    queues.enqueue(batch("t", 0, 1, 2 * QUEUE_BYTES))
    assert queues.is_full("t")
    assert offsets(queues.take("t", 10)) == [0]
    assert not queues.is_full("t")


def test_fetches_that_follow_each_other_are_taken_as_one_up_to_the_limit() -> None:
    queues = Queues(["t"])
    for begin in (0, 3, 6):
        queues.enqueue(batch("t", begin, 3))
    first = queues.take("t", 7)
    assert (offsets(first), first.begin, first.end) == ([0, 1, 2, 3, 4, 5, 6], 0, 7)
    rest = queues.take("t", 7)
    assert (offsets(rest), rest.begin, rest.end) == ([7, 8], 7, 9)
    assert queues.waiting_bytes() == {"t": 0}


def test_a_batch_of_which_nothing_was_done_goes_back_with_its_own_begin() -> None:
    queues = Queues(["t"])
    # Offset 3 is a control record.
    begun_before = Batch.of("t", batch("t", 4, 1).records, 3, 5)
    queues.enqueue(begun_before)
    assert queues.put_rest_back(queues.take("t", 10), 0) == 3
    assert queues.take("t", 10) == begun_before
    assert queues.waiting_bytes() == {"t": 0}


def test_some_topics_can_be_cleared_alone() -> None:
    queues = Queues(["t", "other"])
    queues.enqueue(batch("t", 0, 3))
    queues.enqueue(batch("other", 0, 3))
    queues.clear({"t"})
    assert (queues.first(), queues.waiting_bytes()["t"]) == ("other", 0)


def test_fetches_that_do_not_meet_stay_apart() -> None:
    queues = Queues(["t"])
    queues.enqueue(batch("t", 0, 3))
    queues.enqueue(batch("t", 1, 3))  # Faust sought back
    assert offsets(queues.take("t", 100)) == [0, 1, 2]
    assert offsets(queues.take("t", 100)) == [1, 2, 3]


def test_the_most_urgent_topic_is_first_and_outweighs_those_after_it() -> None:
    queues = Queues(["urgent", "middle", "routine"])
    queues.enqueue(batch("routine", 0, 1))
    assert queues.first() == "routine"
    assert not queues.is_outweighed("routine")
    queues.enqueue(batch("middle", 0, 1))
    assert queues.first() == "middle"
    assert queues.is_outweighed("routine")
    assert not queues.is_outweighed("middle")
    assert not queues.is_outweighed("urgent")


def test_what_is_put_back_is_taken_first_and_what_is_cleared_is_gone() -> None:
    queues = Queues(["t"])
    queues.enqueue(batch("t", 0, 4))
    queues.enqueue(batch("t", 4, 4))
    taken = queues.take("t", 4)
    queues.put_back(taken.split(2)[1])
    again = queues.take("t", 4)
    assert (again.begin, offsets(again)) == (2, [2, 3, 4, 5])
    queues.clear()
    assert queues.first() is None
    assert queues.waiting_bytes() == {"t": 0}
