"""Timers wait until their lane has read the earlier records of the topics that they follow."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.runtime.lane.timer_gate import FetchCounts, FetchProgress, TimerGate

NOW = datetime(2026, 11, 26, tzinfo=UTC)
#: Longer than timers wait without progress, and without a fetch (seconds).
STALLED, UNFETCHED = 8.0, 30.0


class FollowingLane:
    """A lane that follows `news`, and gets its fetches from the test; its timers do not follow the source `other`."""

    def __init__(self, *follows: str) -> None:
        self.seconds = 0.0
        self.wakes = 0
        self.offsets = {"news": 0, "other": 0}
        self.responses = {"news": 0, "other": 0}
        self.gate = TimerGate("lane-0", follows, self._wake, lambda: self.seconds)

    def _wake(self) -> None:
        self.wakes += 1

    def respond(
        self, topic: str = "news", times: int = 1, *, end: int = 0, position: int = 0, handed_on: int = 0
    ) -> None:
        for _ in range(times):
            self.responses[topic] += 1
            self.gate.note_fetch(topic, FetchProgress(self.responses[topic], end, position, handed_on))

    def pass_time(self, seconds: float, *, is_fetching: bool = True) -> None:
        """Let time pass while the broker responds for the topic that is not followed."""
        until = self.seconds + seconds
        while self.seconds < until:
            if is_fetching:
                self.respond("other")
            self.seconds = min(until, self.seconds + 1)

    def may_go(self, later: timedelta = timedelta(0)) -> bool:
        return self.gate.seconds_to_wait(NOW + later, self.offsets) == 0.0


@pytest.fixture
def lane() -> FollowingLane:
    return FollowingLane("news")


def test_timers_that_follow_nothing_go_at_once() -> None:
    lane = FollowingLane()
    assert lane.may_go()
    assert lane.gate.due_at is None


def test_nothing_that_was_answered_before_a_timer_was_due_counts(lane: FollowingLane) -> None:
    lane.respond(times=5)
    assert not lane.may_go()
    # The first two responses may be older than the timer: one not counted yet, one left in the socket.
    lane.respond(times=2)
    assert not lane.may_go()
    lane.respond()
    assert lane.may_go()


def test_answers_from_before_the_lane_had_the_partition_do_not_count(lane: FollowingLane) -> None:
    lane.responses["news"] = 5_000
    assert not lane.may_go()
    lane.respond(times=2)
    assert not lane.may_go()
    lane.respond()
    assert lane.may_go()


def test_what_had_come_by_then_is_worked_off_first(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.respond(times=3, end=7, position=0)
    lane.offsets["news"] = 7
    assert not lane.may_go(), "it was not fetched yet"
    lane.respond(end=7, position=7, handed_on=6)
    lane.offsets["news"] = 5
    assert not lane.may_go(), "it is not worked off yet"
    # A control record follows the topic's last record: the lane gets no record that passes it.
    lane.offsets["news"] = 6
    assert lane.may_go()


def test_what_comes_later_is_not_waited_for(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.respond(times=3, end=3, position=0)
    assert not lane.may_go()
    lane.respond(end=9_000, position=3, handed_on=3)
    assert not lane.may_go()
    lane.respond(end=9_000, position=3_000, handed_on=3_000)
    lane.offsets["news"] = 3
    assert lane.may_go()


def test_each_wait_is_one_of_its_own(lane: FollowingLane) -> None:
    lane.may_go()
    lane.respond(times=3)
    assert lane.may_go()
    assert lane.gate.due_at == NOW
    lane.gate.reset()
    assert not lane.may_go(timedelta(seconds=1))
    assert lane.gate.due_at == NOW + timedelta(seconds=1)


def test_a_topic_that_is_not_answered_while_another_is_holds_timers_for_a_while_alone(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.pass_time(STALLED - 0.1)
    assert lane.gate.seconds_to_wait(NOW, lane.offsets) == pytest.approx(0.1)
    lane.pass_time(0.2)
    assert lane.may_go()


def test_where_nothing_is_fetched_timers_wait_longer(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.pass_time(UNFETCHED - 0.1, is_fetching=False)
    assert not lane.may_go()
    lane.pass_time(0.2, is_fetching=False)
    assert lane.may_go()


def test_time_in_which_nothing_was_fetched_does_not_count_once_it_is(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.pass_time(UNFETCHED - 1, is_fetching=False)
    lane.pass_time(STALLED - 0.1)
    assert not lane.may_go()
    # No response again: the broker is away once more.
    lane.pass_time(STALLED, is_fetching=False)
    assert not lane.may_go()
    lane.pass_time(STALLED + 0.1)
    assert lane.may_go()


def test_they_wait_for_as_long_as_it_goes_on(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.respond(times=3, end=100, position=0, handed_on=0)
    for done in range(0, 100, 10):
        # A topic with a full queue is left out of the fetch: its position stays while the lane handles the queue.
        lane.offsets["news"] = done
        assert not lane.may_go()
        lane.pass_time(STALLED - 0.1)
    lane.respond(end=100, position=100, handed_on=100)
    for done in range(90, 100):
        lane.offsets["news"] = done
        assert not lane.may_go()
        lane.pass_time(STALLED - 0.1)
    lane.offsets["news"] = 100
    assert lane.may_go()


def test_what_an_open_transaction_hides_is_waited_for_until_its_time_is_up(lane: FollowingLane) -> None:
    assert not lane.may_go()
    lane.respond(times=3, end=5, position=3, handed_on=3)
    assert not lane.may_go()
    lane.pass_time(STALLED - 0.1)
    lane.respond(end=5, position=3, handed_on=3)
    assert not lane.may_go()
    lane.pass_time(0.2)
    assert lane.may_go()
    lane.gate.reset()
    assert not lane.may_go()
    lane.respond(times=3, end=5, position=3, handed_on=3)
    assert not lane.may_go()
    lane.respond(end=5, position=5, handed_on=4)
    lane.offsets["news"] = 4
    assert lane.may_go()


def test_its_topics_come_first_while_timers_wait_and_only_then(lane: FollowingLane) -> None:
    assert not lane.gate.waits_for("news")
    lane.may_go()
    assert lane.gate.waits_for("news")
    assert not lane.gate.waits_for("other")
    lane.respond(times=3)
    assert lane.may_go()
    assert not lane.gate.waits_for("news"), "it is read"
    lane.gate.reset()
    lane.may_go()
    lane.gate.reset()
    assert not lane.gate.waits_for("news")


def test_an_answer_wakes_a_lane_whose_timers_wait(lane: FollowingLane) -> None:
    lane.respond()
    assert lane.wakes == 0
    lane.may_go()
    lane.respond()
    assert lane.wakes == 1


def test_answers_are_counted_once_each() -> None:
    counts = FetchCounts()
    assert counts.progress("tp", None, None, 0) is None
    assert counts.progress("tp", 1_000, 4, 0) == FetchProgress(1, 4, 0, 0)
    counts.hand_on("tp", 3)
    assert counts.progress("tp", 1_000, 4, 4) == FetchProgress(1, 4, 4, 3)
    assert counts.progress("tp", 1_050, 9, 4) == FetchProgress(2, 9, 4, 3)
    assert counts.progress("other", 1_050, 9, 4) == FetchProgress(1, 9, 4, 0)
