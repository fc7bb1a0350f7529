"""The clock of a process goes on whatever is done to the machine's clock, and reports a step once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.runtime.clock import REPORT_AGAIN_SECONDS, STEP_SECONDS, Clock, ClockAgrees, ClockEvent, ClockStepped

START = datetime(2026, 2, 3, 21, 10, tzinfo=UTC)
HOUR = 3_600.0


class Machine:
    """A machine's two clocks, and a process's clock over them."""

    def __init__(self, wall: datetime = START) -> None:
        self.wall = wall.timestamp()
        self.steady = 7.0
        self.reading = 0.0
        self.clock = Clock(lambda: self.wall, self._read)

    def _read(self) -> float:
        self.steady += self.reading
        self.wall += self.reading
        return self.steady

    def run(self, seconds: float, wall: float | None = None) -> list[ClockEvent]:
        """Let `seconds` pass, with a look every second, while the wall clock moves by `wall` seconds in all."""
        events = []
        for _ in range(round(seconds)):
            self.steady += 1.0
            self.wall += 1.0 if wall is None else wall / seconds
            if (event := self.clock.look()) is not None:
                events.append(event)
        return events

    @property
    def passed(self) -> float:
        return (self.clock.now() - START).total_seconds()


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_without_a_step_it_is_the_wall_clock(machine: Machine) -> None:
    assert machine.clock.now() == START
    assert machine.run(30) == []
    assert machine.passed == pytest.approx(30)


@pytest.mark.parametrize("step", [-HOUR, HOUR, -1.6, 1.6], ids=["back an hour", "ahead an hour", "back", "ahead"])
def test_a_step_changes_no_wait_is_reported_and_is_over_once_the_clocks_agree(machine: Machine, step: float) -> None:
    machine.run(5)
    machine.wall += step
    assert machine.run(10) == [ClockStepped(step)]
    assert machine.passed == pytest.approx(15)
    machine.wall -= step
    assert machine.run(10) == [ClockAgrees()]
    assert machine.passed == pytest.approx(25)


def test_a_step_that_lasts_is_reported_again_every_minute(machine: Machine) -> None:
    machine.wall += HOUR
    assert machine.run(3 * REPORT_AGAIN_SECONDS) == 3 * [ClockStepped(HOUR)]


@pytest.mark.parametrize("sign", [1, -1], ids=["fast", "slow"])
def test_drift_is_followed_and_not_reported(machine: Machine, sign: int) -> None:
    """Faster than NTP ever slews a clock."""
    drifted = 600 * (1 + sign / 12)
    assert machine.run(600, drifted) == []
    assert machine.passed == pytest.approx(drifted, abs=0.2)


@pytest.mark.parametrize("leap", [-1.0, 1.0])
def test_a_leap_second_is_followed_little_by_little(machine: Machine, leap: float) -> None:
    machine.wall += leap
    assert machine.run(5) == []
    assert 5 - 0.5 <= machine.passed <= 5 + 0.5
    assert machine.run(10) == []
    assert machine.passed == pytest.approx(15 + leap)


def test_no_more_than_the_known_difference_is_followed_between_two_looks(machine: Machine) -> None:
    machine.wall -= 1.0
    machine.run(1)
    machine.steady += 1_000
    assert machine.passed == pytest.approx(1_000)


def test_time_in_which_the_machine_was_suspended_passes(machine: Machine) -> None:
    machine.steady += HOUR
    machine.wall += HOUR
    assert machine.passed == pytest.approx(HOUR)
    assert machine.clock.look() is None


def test_a_process_that_was_stopped_between_two_readings_sees_no_step(machine: Machine) -> None:
    machine.reading = 30.0
    assert machine.clock.look() is None
    machine.reading = 0.0
    assert machine.run(5) == []


def test_a_clock_that_was_wrong_from_the_start_stays_so_and_is_reported(machine: Machine) -> None:
    machine = Machine(datetime(1970, 1, 1, tzinfo=UTC))
    machine.wall = START.timestamp()
    assert len(machine.run(10)) == 1
    assert machine.clock.now() == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=10)


@given(st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(-4.0, 4.0), st.booleans()), max_size=30))
def test_it_never_goes_backwards_and_no_wait_is_more_than_a_tenth_wrong(steps: list[tuple[float, float, bool]]) -> None:
    machine = Machine()
    before = machine.passed
    for passed, step, looks in steps:
        machine.steady += passed
        machine.wall += passed + step
        now = machine.passed
        assert 0.9 * passed - 1e-3 <= now - before <= 1.1 * passed + 1e-3
        if looks:
            machine.clock.look()
            assert machine.passed == pytest.approx(now, abs=1e-5)
        before = now


async def test_a_process_says_first_that_the_clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The alarm of an earlier process about the machine's clock ends: this process has just read that clock."""
    monkeypatch.setattr("streams.runtime.clock.LOOK_SECONDS", 0.0)
    machine = Machine()
    events: asyncio.Queue[ClockEvent] = asyncio.Queue()
    task = asyncio.create_task(machine.clock.watch(events.put_nowait))
    async with asyncio.timeout(10):
        assert await events.get() == ClockAgrees()
        machine.wall += 2 * STEP_SECONDS
        assert await events.get() == ClockStepped(2 * STEP_SECONDS)
    task.cancel()


def test_the_real_clocks_agree() -> None:
    clock = Clock()
    assert clock.look() is None
    assert abs((clock.now() - datetime.now(UTC)).total_seconds()) < 1
