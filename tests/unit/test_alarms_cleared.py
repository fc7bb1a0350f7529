"""An all-clear goes once for each cause: after its quiet time, and only if no process still raises the cause."""

from datetime import timedelta

import pytest

from schemas.vocabulary import AlarmKind
from streams.agents.alarms import Alarms
from streams.domain.alarms import QUIET_AFTER, QUIET_BEFORE_ALL_CLEAR
from streams.runtime import PutAside
from tests.alarm_lane import SECOND, Receiver, causes, change, later
from tests.fakes.clocks import START, Clock
from tests.lanes import Lane


@pytest.fixture
def lane(receiver: Receiver) -> Lane:
    return Lane(Alarms(receiver), Clock())


async def test_nothing_is_left_of_a_cause_that_is_over(lane: Lane) -> None:
    for value in (
        change("a"),
        change("a", "cleared"),
        change("f", kind="failing"),
        change("f", "cleared", kind="failing"),
    ):
        lane.feed(value)
        await lane.settle_all()
        await later(lane, 10 * SECOND)
    assert (lane.state, lane.timers) == ({}, {})


@pytest.mark.parametrize("kind", ["failing", "clock", "hidden"])
async def test_a_lane_that_fails_is_cleared_an_hour_after_the_last_time(
    lane: Lane, receiver: Receiver, kind: str
) -> None:
    """A clock too, because the process that raised it may be gone."""
    lane.feed(change("x", kind=kind))
    await lane.settle_all()
    await later(lane, QUIET_AFTER / 2)
    lane.feed(change("x", kind=kind))
    await later(lane, QUIET_AFTER - SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["x"], [])]
    await later(lane, SECOND)
    await later(lane, QUIET_BEFORE_ALL_CLEAR[AlarmKind(kind)])
    assert causes(receiver.bodies[-1]) == ([], ["x"])
    assert len(receiver.bodies) == 2


async def test_a_cause_that_comes_and_goes_is_one_alarm_until_it_was_quiet_for_a_minute(
    lane: Lane, receiver: Receiver
) -> None:
    for number in range(720):
        lane.feed(change("breaker/999", "cleared" if number % 2 else "raised", kind="breaker"))
        await later(lane, 5 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["breaker/999"], [])]
    # The last change was `cleared`, 5 s ago. A repeat of it does not restart the minute.
    lane.feed(change("breaker/999", "cleared", kind="breaker"))
    await later(lane, 55 * SECOND - timedelta(microseconds=1))
    assert len(receiver.bodies) == 1
    await later(lane, timedelta(microseconds=1))
    assert causes(receiver.bodies[-1]) == ([], ["breaker/999"])
    assert [key for key in lane.state if not key.startswith(b"last/")] == [b"interval"]


async def test_an_all_clear_that_is_held_back_survives_a_crash(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("lane/x", kind="lane"))
    await lane.settle_all()
    lane.feed(change("lane/x", "cleared", kind="lane"))
    again = Lane(Alarms(receiver), lane.clock, lane.changelog)
    assert again.agent.entry_of(b"calm/lane/x") == b"cause/lane/x"
    await later(again, 60 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["lane/x"], []), ([], ["lane/x"])]


async def test_no_all_clear_while_the_breaker_of_another_connector_is_open(lane: Lane, receiver: Receiver) -> None:
    def breaker(state: str, source: str) -> bytes:
        return change("breaker/999", state, kind="breaker", source=source)

    lane.feed(breaker("raised", "connector-999-0"), breaker("raised", "connector-999-1"))
    await lane.settle_all()
    # Another process takes over one of the lanes and reaches the agency; a third has lanes that raised nothing.
    lane.feed(breaker("cleared", "connector-999-0"), breaker("cleared", "connector-999-2"))
    await later(lane, 3_600 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["breaker/999"], [])]
    lane.feed(breaker("cleared", "connector-999-1"))
    await later(lane, 60 * SECOND)
    assert causes(receiver.bodies[-1]) == ([], ["breaker/999"])


@pytest.mark.parametrize("kind", ["lane", "breaker", "hidden"])
async def test_a_change_of_a_process_that_was_cut_off_does_not_count_after_one_of_the_next_owner(
    lane: Lane, receiver: Receiver, kind: str
) -> None:
    lane.feed(change("x", "cleared", kind=kind, at=START + SECOND))
    lane.feed(change("x", "cleared", kind=kind, at=START))
    lane.feed(change("x", "raised", kind=kind, at=START))
    await later(lane, 60 * SECOND)
    assert receiver.bodies == []
    # A change of another lane, or a later one, counts.
    lane.feed(change("y", "raised", kind=kind, at=START), change("x", "raised", kind=kind, at=START + 2 * SECOND))
    await lane.settle_all()
    assert [causes(body) for body in receiver.bodies] == [(["x", "y"], [])]
    lane.feed(change("x", "cleared", kind=kind, at=START + SECOND))
    await later(lane, 120 * SECOND)
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize("kind", ["lane", "breaker"])
async def test_a_process_whose_clock_was_ahead_silences_none_that_follows(
    lane: Lane, receiver: Receiver, kind: str
) -> None:
    lane.feed(change("x", "raised", kind=kind, at=START + 300 * SECOND), stamp=START)
    await lane.settle_all()
    lane.feed(change("x", "cleared", kind=kind, at=START + SECOND), stamp=START + SECOND)
    await later(lane, 120 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["x"], []), ([], ["x"])]
    assert receiver.bodies[0]["alarms"][0]["since"] == START.isoformat()


@pytest.mark.parametrize("behind", [6, 60, 590, 7_200])
@pytest.mark.parametrize("kind", ["lane", "breaker", "hidden"])
async def test_a_process_whose_clock_is_behind_ends_the_alarm_of_the_one_before(
    lane: Lane, receiver: Receiver, kind: str, behind: int
) -> None:
    lane.feed(change("x", "raised", kind=kind, writer="a"), stamp=START)
    await lane.settle_all()
    opened, slow = START + 5 * SECOND, START + (5 - behind) * SECOND
    lane.feed(change("x", "cleared", kind=kind, at=slow, writer="b"), stamp=opened)
    await later(lane, 120 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["x"], []), ([], ["x"])]
    # What the first process wrote while it was cut off came late, and is older.
    late = START + 100 * SECOND
    lane.feed(change("x", "raised", kind=kind, at=late, writer="a", waited_ms=99_000), stamp=late)
    await later(lane, 60 * SECOND)
    assert len(receiver.bodies) == 2


async def test_changes_of_one_process_count_in_the_order_in_which_they_came(lane: Lane, receiver: Receiver) -> None:
    """The broker took the first change late; the second waited meanwhile."""
    lane.feed(change("x", "raised", kind="lane", writer="a"), stamp=START + 4 * SECOND)
    await lane.settle_all()
    lane.feed(change("x", "cleared", kind="lane", writer="a", waited_ms=3_000), stamp=START + 5 * SECOND)
    await later(lane, 120 * SECOND)
    assert [causes(body) for body in receiver.bodies] == [(["x"], []), ([], ["x"])]


async def test_a_cause_that_is_put_aside_is_forgotten(lane: Lane, receiver: Receiver) -> None:
    lane.feed(change("f", kind="failing"))
    await lane.settle_all()
    timer = b"quiet/f"
    entry = lane.agent.entry_of(timer)
    assert entry == b"cause/f"
    lane.put_aside(PutAside(timer, None, entry, lane.state[entry], "ValueError"))
    await later(lane, QUIET_AFTER)
    assert (lane.state, lane.timers, len(receiver.calls)) == ({}, {}, 1)
