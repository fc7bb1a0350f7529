"""The table of a lane's life: it is complete, and each of its rules holds."""

from collections.abc import Sequence

import pytest

from streams.runtime.failure import LaneBroken
from streams.runtime.lane.phase import TRANSITIONS, Change, LanePhase, Phase


def after(*changes: Change) -> LanePhase:
    phase = LanePhase("decide-3")
    for change in changes:
        phase.change(change)
    return phase


def test_every_phase_has_a_row_and_every_row_knows_a_rebalance_and_the_end() -> None:
    assert set(TRANSITIONS) == set(Phase)
    for row in TRANSITIONS.values():
        assert {Change.HELD, Change.RELEASED, Change.CLOSED} <= set(row)


def test_every_phase_can_be_reached() -> None:
    reached = {Phase.OPENING}
    for _ in Phase:
        reached |= {following for phase in reached for following in TRANSITIONS[phase].values()}
    assert reached == set(Phase)


@pytest.mark.parametrize(
    ("changes", "phase"),
    [
        pytest.param((), Phase.OPENING, id="begins-opening"),
        pytest.param((Change.OPENED,), Phase.OPEN, id="opened"),
        pytest.param((Change.HELD, Change.OPENED), Phase.HELD, id="opened-during-a-rebalance-is-held"),
        pytest.param((Change.HELD, Change.OPENED, Change.RELEASED), Phase.OPEN, id="and-works-after-it"),
        pytest.param((Change.OPENED, Change.HELD, Change.HELD), Phase.HELD, id="a-rebalance-may-begin-anew"),
        pytest.param((Change.OPENED, Change.RELEASED), Phase.OPEN, id="released-without-a-hold"),
        pytest.param((Change.OPENED, Change.FENCED), Phase.ENDING, id="fenced-at-work-ends-the-process"),
        pytest.param((Change.OPENED, Change.HELD, Change.FENCED), Phase.FENCED, id="fenced-while-held-waits"),
        pytest.param(
            (Change.OPENED, Change.HELD, Change.FENCED, Change.RELEASED),
            Phase.ENDING,
            id="fenced-and-still-ours-ends-the-process",
        ),
        pytest.param(
            (Change.OPENED, Change.HELD, Change.FENCED, Change.CLOSED),
            Phase.CLOSING,
            id="fenced-and-given-away-closes",
        ),
        pytest.param((Change.REFUSED, Change.HELD, Change.RELEASED), Phase.REFUSED, id="refused-stays-refused"),
        pytest.param((Change.REFUSED, Change.CLOSED), Phase.CLOSING, id="refused-closes"),
        pytest.param((Change.OPENED, Change.CLOSED, Change.FENCED), Phase.CLOSING, id="fenced-while-closing-closes"),
        pytest.param((Change.OPENED, Change.CLOSED, Change.REFUSED), Phase.CLOSING, id="refused-while-closing-closes"),
        pytest.param((Change.CLOSED, Change.CLOSED), Phase.CLOSING, id="closed-twice"),
        pytest.param((Change.CLOSED, Change.OPENED), Phase.CLOSING, id="opened-although-cancelled-closes"),
        pytest.param(
            (Change.OPENED, Change.HELD, Change.FENCED, Change.RELEASED, Change.CLOSED),
            Phase.CLOSING,
            id="closed-before-it-ends-the-process",
        ),
    ],
)
def test_the_changes_of_a_lane_lead_to_its_phase(changes: Sequence[Change], phase: Phase) -> None:
    assert after(*changes).now is phase


def test_a_held_lane_is_open_and_begins_no_turn() -> None:
    held = after(Change.OPENED, Change.HELD)
    assert held.is_open
    assert held.begins_no_turn
    assert not after(Change.HELD).is_open
    assert not after(Change.OPENED).begins_no_turn
    assert not after(Change.REFUSED).is_open


def test_a_change_that_cannot_be_names_the_lane_and_both() -> None:
    with pytest.raises(LaneBroken, match="decide-3: cannot be opened while it is refused"):
        after(Change.REFUSED, Change.OPENED)
