"""The table of a state has no value that was not measured."""

from dataclasses import replace

from tests.bench.restore import Opened, Restores
from tests.bench.tables import restores_table

_EMPTY = Opened(people=0, workers=1, records=0, seconds=3.0, memory=100_000_000, disk=0)
_OPENED = Opened(
    people=100_000, workers=1, records=600_000, seconds=5.0, memory=300_000_000, disk=120_000_000,
    decided=10_000, decide_seconds=5.0, decide_cpu_seconds=4.0,
)  # fmt: skip


def _cells(opened: Opened) -> list[str]:
    return restores_table(Restores(_EMPTY, (opened,))).splitlines()[-1].split()


def test_what_a_worker_takes_without_a_state_is_not_counted_as_the_states() -> None:
    assert _cells(_OPENED) == ["100,000", "1", "5.0", "600,000", "300,000", "2,000", "1,200", "2,000", "500", "400"]


def test_a_restore_that_two_starts_differ_by_has_no_rate() -> None:
    cells = _cells(replace(_OPENED, seconds=3.2))

    assert cells == ["100,000", "1", "3.2", "600,000", "2,000", "1,200", "2,000", "500", "400"]
