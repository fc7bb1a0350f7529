"""A lane's state: a restart restores from the changelog what was committed, ends and timers included."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime import Origin, Timer, Turn
from streams.runtime.agent import micros
from streams.runtime.lane.poison_work import is_recent
from streams.runtime.lane.state import LaneState, LastError, SuspectRange, offset_records, suspect_note, turn_records

START = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

keys = st.sampled_from([b"a", b"b", b"c"])
times = st.integers(-5, 50).map(lambda seconds: START + timedelta(seconds=seconds))
puts = st.tuples(st.just("put"), keys, st.binary(max_size=3), st.none() | times)
drops = st.tuples(st.just("drop"), keys, st.none(), st.none())
sets = st.tuples(st.just("schedule"), keys, st.sampled_from([Origin(), Origin(TRACE)]), times)
takings = st.tuples(st.just("unschedule"), keys, st.none(), st.none())


def do(turn: Turn, step: tuple[str, bytes, object, datetime | None]) -> None:
    match step:
        case ("put", key, bytes() as value, until):
            turn.put(key, value, until=until)
        case ("drop", key, _, _):
            turn.drop(key)
        case ("schedule", key, Origin() as origin, datetime() as at):
            turn.schedule(key, at, origin=origin)
        case ("unschedule", key, _, _):
            turn.unschedule(key)
        case _:
            raise ValueError(step)


def committed(state: LaneState, turn: Turn, restored: LaneState) -> None:
    """Commit a turn, and apply its changelog records to another state."""
    for entry in turn_records(turn):
        restored.apply(entry.key, entry.value, entry.headers)
    state.commit(turn)


@given(st.lists(st.lists(puts | drops | sets | takings, max_size=5), max_size=6), st.integers(0, 60))
def test_what_is_restored_is_what_was_committed(
    turns: list[list[tuple[str, bytes, object, datetime | None]]], later: int
) -> None:
    state, restored = LaneState(), LaneState()
    for steps in turns:
        turn = state.turn(START)
        for step in steps:
            do(turn, step)
        committed(state, turn, restored)
    assert (restored.entries, restored.expiries, restored.timers) == (state.entries, state.expiries, state.timers)
    now = START + timedelta(seconds=later)
    # The broker's clock shows the same time.
    state.stamp = restored.stamp = micros(now)
    due, ended = state.take_due(now, 100), state.take_ended(now, 100)
    assert (sorted(due, key=lambda one: one[0]), sorted(ended)) == (
        sorted(((name, timer) for name, timer in state.timers.items() if timer.at <= now), key=lambda one: one[0]),
        sorted(key for key, until in state.expiries.items() if until <= now.timestamp() * 1_000_000),
    )
    # A timer that was taken is not done: without a commit it is due again.
    assert (state.take_due(now, 100), state.take_ended(now, 100)) == (due, ended)
    assert (restored.next_due(), restored.next_end()) == (state.next_due(), state.next_end())


def test_an_entry_that_has_ended_is_not_read_and_one_put_again_without_an_end_stays() -> None:
    state = LaneState()
    turn = state.turn(START)
    turn.put(b"for a minute", b"1", until=START + timedelta(minutes=1))
    turn.put(b"for good", b"2", until=START + timedelta(minutes=1))
    assert turn.get(b"for a minute") == b"1"
    state.commit(turn)
    turn = state.turn(START + timedelta(seconds=59))
    assert turn.get(b"for a minute") == b"1"
    turn.put(b"for good", b"3")
    state.commit(turn)
    state.stamp = micros(START + timedelta(minutes=1))
    turn = state.turn(START + timedelta(minutes=1))
    assert turn.get(b"for a minute") is None
    assert turn.get(b"for good") == b"3"
    assert state.take_ended(START + timedelta(hours=1), 10) == [b"for a minute"]


def test_what_is_due_comes_in_order_and_no_more_at_once_than_asked() -> None:
    state = LaneState()
    turn = state.turn(START)
    for seconds in (3, 1, 2):
        turn.schedule(b"t%d" % seconds, START + timedelta(seconds=seconds), origin=Origin(TRACE))
    state.commit(turn)
    assert state.next_due() == START + timedelta(seconds=1)
    assert state.take_due(START + timedelta(seconds=9), 2) == [
        (b"t1", Timer(START + timedelta(seconds=1), Origin(TRACE), timedelta(seconds=1))),
        (b"t2", Timer(START + timedelta(seconds=2), Origin(TRACE), timedelta(seconds=2))),
    ]


def kept(state: LaneState, until: datetime, now: datetime = START) -> None:
    turn = state.turn(now)
    turn.put(b"known", b"1", until=until)
    state.commit(turn)


@pytest.mark.parametrize(
    ("ours", "stamped", "is_gone"),
    [
        pytest.param(1, 1, True, id="both have passed"),
        pytest.param(10_000, 0, False, id="our clock is far ahead"),
        pytest.param(0, 10_000, False, id="the broker's clock is far ahead"),
        pytest.param(10_000, None, False, id="the broker stamped nothing"),
    ],
)
def test_an_entry_ends_once_our_clock_and_the_newest_stamp_of_the_broker_have_passed_its_end(
    ours: int, stamped: int | None, is_gone: bool
) -> None:
    state, end = LaneState(), START + timedelta(days=1)
    kept(state, end)
    if stamped is not None:
        state.note_stamp(micros(end + timedelta(hours=stamped - 0.5)) // 1_000)
    now = end + timedelta(hours=ours - 0.5)
    assert (state.turn(now).get(b"known") is None) == is_gone
    assert state.take_ended(now, 10) == ([b"known"] if is_gone else [])
    if stamped != 10_000:
        assert (state.next_end() == end) == is_gone


def test_an_older_stamp_after_a_newer_one_changes_nothing() -> None:
    state, end = LaneState(), START + timedelta(days=1)
    kept(state, end)
    for at in (end, START):
        state.note_stamp(micros(at) // 1_000)
    assert state.take_ended(end, 10) == [b"known"]


def test_an_entry_that_is_put_by_a_clock_that_is_behind_is_kept_as_long_as_was_meant() -> None:
    """A machine without a battery clock begins in 1970: all entries that it keeps would have ended already."""
    state, wrong = LaneState(), datetime(1970, 1, 1, tzinfo=UTC)
    state.note_stamp(micros(START) // 1_000)
    kept(state, wrong + timedelta(days=93), wrong)
    state.note_stamp(micros(START + timedelta(days=93)) // 1_000 - 1)
    assert state.turn(START + timedelta(days=93)).get(b"known") == b"1"
    state.note_stamp(micros(START + timedelta(days=93)) // 1_000)
    assert state.turn(START + timedelta(days=93)).get(b"known") is None


def test_a_timer_that_is_restored_waits_for_no_longer_than_it_was_set_for() -> None:
    state, restored = LaneState(), LaneState()
    turn = state.turn(START)
    turn.schedule(b"retry", START + timedelta(seconds=0.5), origin=Origin(TRACE))
    turn.schedule(b"limit", START + timedelta(seconds=60))
    committed(state, turn, restored)
    opened = restored.turn(back := START - timedelta(hours=1))
    assert restored.limit_waits(opened) == 2
    again = LaneState()
    committed(restored, opened, again)
    for each in (restored, again):
        assert each.timers == {
            b"retry": Timer(back + timedelta(seconds=0.5), Origin(TRACE), timedelta(seconds=0.5)),
            b"limit": Timer(back + timedelta(seconds=60), Origin(), timedelta(seconds=60)),
        }
    # A little later by the same clock, the lane opens again: no wait begins anew.
    assert again.limit_waits(again.turn(back + timedelta(seconds=30))) == 0


def test_a_timer_that_is_restored_by_a_clock_that_is_right_is_due_when_it_was() -> None:
    state, restored = LaneState(), LaneState()
    turn = state.turn(START)
    turn.schedule(b"limit", START + timedelta(seconds=60))
    committed(state, turn, restored)
    assert restored.limit_waits(restored.turn(START + timedelta(seconds=40))) == 0
    assert restored.next_due() == START + timedelta(seconds=60)


def test_a_timer_that_was_moved_is_due_once_at_its_new_time() -> None:
    state = LaneState()
    for seconds in (5, 2, 5):
        turn = state.turn(START)
        turn.schedule(b"t", START + timedelta(seconds=seconds))
        state.commit(turn)
    assert state.next_due() == START + timedelta(seconds=5)
    assert [name for name, _ in state.take_due(START + timedelta(seconds=5), 10)] == [b"t"]


def test_times_that_no_longer_count_do_not_pile_up() -> None:
    state = LaneState()
    for number in range(30_000):
        turn = state.turn(START)
        turn.schedule(b"t", START + timedelta(seconds=number))
        state.commit(turn)
        state.next_due()
    assert len(state._due) < 20_000


@pytest.mark.parametrize(("seconds", "recent"), [(0, True), (-599, True), (599, True), (-600, False), (3_600, False)])
def test_an_error_that_was_noted_by_a_clock_that_was_ahead_is_not_recent_for_ever(seconds: int, recent: bool) -> None:
    noted = LastError(micros(START + timedelta(seconds=seconds)), "KeyError")
    assert is_recent(noted, START) == recent


def test_positions_and_suspicions_are_restored() -> None:
    state = LaneState()
    suspect = SuspectRange(4, 9, "KeyError")
    for entry in (
        *offset_records({"t": 4}),
        *offset_records({"t": 7, "u": 1}),
        suspect_note("t", suspect),
        suspect_note("u", suspect),
    ):
        state.apply(entry.key, entry.value, entry.headers)
    gone = suspect_note("u", None)
    state.apply(gone.key, gone.value, gone.headers)
    assert state.next_offsets == {"t": 7, "u": 1}
    assert state.suspects == {"t": suspect}
