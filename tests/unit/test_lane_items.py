"""Items: a timer that an earlier item of the same turn set anew or called off is not due any more."""

from datetime import timedelta
from typing import Any

import pytest

from streams.runtime import Turn
from streams.runtime.agent import Timer
from streams.runtime.lane.items import timer_due
from streams.runtime.lane.state import LaneState
from tests.fakes.clocks import START

_LATER = START + timedelta(hours=1)


class Noting:
    """An agent that notes its due timers."""

    def __init__(self) -> None:
        self.due_timers: list[bytes] = []

    def due(self, timer: bytes, turn: Turn, origin: Any) -> None:
        self.due_timers.append(timer)


def _turn() -> Turn:
    state = LaneState()
    turn = state.turn(START)
    turn.schedule(b"limit", START)
    state.commit(turn)
    return state.turn(START)


@pytest.mark.parametrize("change", ["set anew", "called off", "left alone"])
def test_a_timer_counts_as_the_items_before_it_left_it(change: str) -> None:
    agent: Any = Noting()
    turn = _turn()
    if change == "set anew":
        turn.schedule(b"limit", _LATER)
    elif change == "called off":
        turn.unschedule(b"limit")
    timer_due(b"limit", Timer(START)).do(agent, turn)
    kept = turn.timers[b"limit"]
    assert agent.due_timers == ([b"limit"] if change == "left alone" else [])
    assert (None if kept is None else kept.at) == (_LATER if change == "set anew" else None)
