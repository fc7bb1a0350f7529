"""Timers wait until their lane has read what had come on the topics that they follow."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.runtime.lane.timer_gate import FetchCounts, FetchProgress, TimerGate

NOW = datetime(2026, 11, 26, tzinfo=UTC)
#: Longer than timers wait while nothing moves, and while nothing is fetched (seconds).
STALLED, UNFETCHED = 8.0, 30.0


class Bench:
    """A lane that follows `news`, fed by hand; `other` is a source that its timers do not follow."""

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
        """Let time pass, in which the broker answers for the topic that is not followed."""
        until = self.seconds + seconds
        while self.seconds < until:
            if is_fetching:
                self.respond("other")
            self.seconds = min(until, self.seconds + 1)

    def may_go(self, later: timedelta = timedelta(0)) -> bool:
        return self.gate.seconds_to_wait(NOW + later, self.offsets) == 0.0


@pytest.fixture
def bench() -> Bench:
    return Bench("news")


def test_timers_that_follow_nothing_go_at_once() -> None:
    bench = Bench()
    assert bench.may_go()
    assert bench.gate.due_at is None


def test_nothing_that_was_answered_before_a_timer_was_due_counts(bench: Bench) -> None:
    bench.respond(times=5)
    assert not bench.may_go()
    # The first two responses may be older than the timer: one not counted yet, one left in the socket.
    bench.respond(times=2)
    assert not bench.may_go()
    bench.respond()
    assert bench.may_go()


def test_answers_from_before_the_lane_had_the_partition_do_not_count(bench: Bench) -> None:
    bench.responses["news"] = 5_000
    assert not bench.may_go()
    bench.respond(times=2)
    assert not bench.may_go()
    bench.respond()
    assert bench.may_go()


def test_what_had_come_by_then_is_worked_off_first(bench: Bench) -> None:
    assert not bench.may_go()
    bench.respond(times=3, end=7, position=0)
    bench.offsets["news"] = 7
    assert not bench.may_go(), "it was not fetched yet"
    bench.respond(end=7, position=7, handed_on=6)
    bench.offsets["news"] = 5
    assert not bench.may_go(), "it is not worked off yet"
    # Behind its last record stands a marker: the lane has no record by which to pass it.
    bench.offsets["news"] = 6
    assert bench.may_go()


def test_what_comes_later_is_not_waited_for(bench: Bench) -> None:
    assert not bench.may_go()
    bench.respond(times=3, end=3, position=0)
    assert not bench.may_go()
    bench.respond(end=9_000, position=3, handed_on=3)
    assert not bench.may_go()
    bench.respond(end=9_000, position=3_000, handed_on=3_000)
    bench.offsets["news"] = 3
    assert bench.may_go()


def test_each_wait_is_one_of_its_own(bench: Bench) -> None:
    bench.may_go()
    bench.respond(times=3)
    assert bench.may_go()
    assert bench.gate.due_at == NOW
    bench.gate.reset()
    assert not bench.may_go(timedelta(seconds=1))
    assert bench.gate.due_at == NOW + timedelta(seconds=1)


def test_a_topic_that_is_not_answered_while_another_is_holds_timers_for_a_while_alone(bench: Bench) -> None:
    assert not bench.may_go()
    bench.pass_time(STALLED - 0.1)
    assert bench.gate.seconds_to_wait(NOW, bench.offsets) == pytest.approx(0.1)
    bench.pass_time(0.2)
    assert bench.may_go()


def test_where_nothing_is_fetched_timers_wait_longer(bench: Bench) -> None:
    assert not bench.may_go()
    bench.pass_time(UNFETCHED - 0.1, is_fetching=False)
    assert not bench.may_go()
    bench.pass_time(0.2, is_fetching=False)
    assert bench.may_go()


def test_time_in_which_nothing_was_fetched_does_not_count_once_it_is(bench: Bench) -> None:
    assert not bench.may_go()
    bench.pass_time(UNFETCHED - 1, is_fetching=False)
    bench.pass_time(STALLED - 0.1)
    assert not bench.may_go()
    # A silence again: the broker is away once more.
    bench.pass_time(STALLED, is_fetching=False)
    assert not bench.may_go()
    bench.pass_time(STALLED + 0.1)
    assert bench.may_go()


def test_they_wait_for_as_long_as_it_goes_on(bench: Bench) -> None:
    assert not bench.may_go()
    bench.respond(times=3, end=100, position=0, handed_on=0)
    for done in range(0, 100, 10):
        # A full queue is left out of the fetch: its position stands still while it is worked off.
        bench.offsets["news"] = done
        assert not bench.may_go()
        bench.pass_time(STALLED - 0.1)
    bench.respond(end=100, position=100, handed_on=100)
    for done in range(90, 100):
        bench.offsets["news"] = done
        assert not bench.may_go()
        bench.pass_time(STALLED - 0.1)
    bench.offsets["news"] = 100
    assert bench.may_go()


def test_what_an_open_transaction_hides_is_waited_for_until_its_time_is_up(bench: Bench) -> None:
    assert not bench.may_go()
    bench.respond(times=3, end=5, position=3, handed_on=3)
    assert not bench.may_go()
    bench.pass_time(STALLED - 0.1)
    bench.respond(end=5, position=3, handed_on=3)
    assert not bench.may_go()
    bench.pass_time(0.2)
    assert bench.may_go()
    bench.gate.reset()
    assert not bench.may_go()
    bench.respond(times=3, end=5, position=3, handed_on=3)
    assert not bench.may_go()
    bench.respond(end=5, position=5, handed_on=4)
    bench.offsets["news"] = 4
    assert bench.may_go()


def test_its_topics_come_first_while_timers_wait_and_only_then(bench: Bench) -> None:
    assert not bench.gate.waits_for("news")
    bench.may_go()
    assert bench.gate.waits_for("news")
    assert not bench.gate.waits_for("other")
    bench.respond(times=3)
    assert bench.may_go()
    assert not bench.gate.waits_for("news"), "it is read"
    bench.gate.reset()
    bench.may_go()
    bench.gate.reset()
    assert not bench.gate.waits_for("news")


def test_an_answer_wakes_a_lane_whose_timers_wait(bench: Bench) -> None:
    bench.respond()
    assert bench.wakes == 0
    bench.may_go()
    bench.respond()
    assert bench.wakes == 1


def test_answers_are_counted_once_each() -> None:
    counts = FetchCounts()
    assert counts.progress("tp", None, None, 0) is None
    assert counts.progress("tp", 1_000, 4, 0) == FetchProgress(1, 4, 0, 0)
    counts.hand_on("tp", 3)
    assert counts.progress("tp", 1_000, 4, 4) == FetchProgress(1, 4, 4, 3)
    assert counts.progress("tp", 1_050, 9, 4) == FetchProgress(2, 9, 4, 3)
    assert counts.progress("other", 1_050, 9, 4) == FetchProgress(1, 9, 4, 0)
