"""A broker's stamps that are far ahead of the process's clock are reported, once while they last."""

import pytest

from streams.runtime.stamps import (
    AGREES_SECONDS,
    AHEAD_SECONDS,
    FORGOTTEN_SECONDS,
    REPORT_AGAIN_SECONDS,
    BrokerAgrees,
    BrokerAhead,
    Stamps,
)

ONE, OTHER = ("topic", 0), ("topic", 1)
START = 1_770_153_000.0


class Process:
    """A process's clock that a test moves, and the stamps that it reads."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.stamps = Stamps(lambda: START + self.passed, lambda: self.passed)

    def read(self, ahead: float, source: tuple[str, int] = ONE) -> BrokerAhead | BrokerAgrees | None:
        self.stamps.read(source, round((START + self.passed + ahead) * 1_000))
        return self.look()

    def look(self, after: float = 0.0) -> BrokerAhead | BrokerAgrees | None:
        self.passed += after
        return self.stamps.look()


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.mark.parametrize("ahead", [-86_400.0, 0.0, AHEAD_SECONDS])
def test_a_healthy_day_tells_nothing(process: Process, ahead: float) -> None:
    assert process.read(ahead) is None
    assert process.look(REPORT_AGAIN_SECONDS) is None


def test_stamps_that_are_far_ahead_are_reported_every_minute_until_they_agree(process: Process) -> None:
    assert process.read(AHEAD_SECONDS + 1) == BrokerAhead(AHEAD_SECONDS + 1)
    assert process.read(AHEAD_SECONDS + 2) is None
    assert process.look(REPORT_AGAIN_SECONDS) == BrokerAhead(AHEAD_SECONDS + 2)
    assert process.read(0.0) == BrokerAgrees()
    assert process.look(REPORT_AGAIN_SECONDS) is None


def test_a_difference_about_the_limit_neither_raises_nor_clears_it_again_and_again(process: Process) -> None:
    process.read(AHEAD_SECONDS + 1)
    assert process.read(AHEAD_SECONDS - 1) is None
    assert process.read(AGREES_SECONDS) == BrokerAgrees()
    assert process.read(AHEAD_SECONDS - 1) is None


def test_one_broker_that_agrees_says_nothing_of_another(process: Process) -> None:
    process.read(AHEAD_SECONDS + 1)
    assert process.read(0.0, OTHER) is None
    assert process.look(REPORT_AGAIN_SECONDS) == BrokerAhead(AHEAD_SECONDS + 1)
    process.read(AHEAD_SECONDS + 1, OTHER)
    assert process.read(0.0) is None
    assert process.read(0.0, OTHER) == BrokerAgrees()


def test_a_partition_that_is_read_no_more_tells_nothing_and_clears_nothing(process: Process) -> None:
    process.read(AHEAD_SECONDS + 1)
    process.stamps.forget(ONE)
    assert process.look(REPORT_AGAIN_SECONDS) is None
    assert process.read(AHEAD_SECONDS + 1) == BrokerAhead(AHEAD_SECONDS + 1)
    assert process.look(FORGOTTEN_SECONDS + 1) is None
